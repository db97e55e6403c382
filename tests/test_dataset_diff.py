"""Signed profiles from end to end: signed with the data, compared, told where a load is refused; and what of them is not believed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pandas
import pytest

from jupyter_mlsc import predicates
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import Statement, Subject, seal
from jupyter_mlsc.bookkeeping import entry_of
from jupyter_mlsc.dataset_display import diff_document, diff_html, diff_lines, spans_text
from jupyter_mlsc.errors import ArtifactError, BlockedArtifactError, UsageError
from jupyter_mlsc.profiles import ENTRY_KIND, PROFILE, DatasetDiff, DatasetFacts, ProfileBody
from jupyter_mlsc.verdict import Decision
from tests.conftest import Person

ROWS = "age,town,y\n" + "".join(f"{20 + i},{'Ulm' if i % 3 else 'Bonn'},{i % 2}\n" for i in range(60))


@pytest.fixture
def steward(ada: Person) -> Person:
    """Ada, who signed ``data/people.csv``."""
    ada.write("data/people.csv", ROWS)
    ada.sign("data/people.csv")
    return ada


def edited(text: str = ROWS) -> str:
    """Two labels flipped (rows 3 and 5), an age below zero (row 10), a row more at the end."""
    lines = text.splitlines()
    lines[3], lines[5] = lines[3][:-1] + "1", lines[5][:-1] + "1"
    lines[10] = "-4" + lines[10][lines[10].index(",") :]
    return "\n".join([*lines, "99,Rome,1"]) + "\n"


def diff(person: Person, path: str = "data/people.csv") -> DatasetDiff:
    return person.project.diff(person.root / path)


def rows_file(person: Person) -> Path:
    (file,) = (person.root / ".mlsc" / "profiles").iterdir()
    return file


def put_on_record(person: Person, body: ProfileBody, digest: Digest, *, by_run: bool = False) -> None:
    """A profile statement as whoever holds this person's keys could make it."""
    project = person.project
    signer = project.run_signer if by_run else project.keys.signer(project.keys.find("vouching"), person.passphrases)
    envelope = seal(Statement((Subject(body.name, digest.in_toto()),), PROFILE, predicates.to_predicate(body)), [signer])
    project.books.append([entry_of(ENTRY_KIND, envelope, PROFILE, [(body.name, digest)], body.signed_at)])


def a_body(person: Person, **changed: object) -> ProfileBody:
    given = {
        "name": "data/people.csv",
        "project": person.project.project_id,
        "signed_at": person.project.clock(),
        "channel": "terminal",
        "size": 1,
        "dataset": DatasetFacts("csv", 7),
    }
    return ProfileBody(**{**given, **changed})  # type: ignore[arg-type]


def test_what_was_signed_is_equal_and_what_was_edited_is_told_with_its_rows(steward: Person) -> None:
    assert diff(steward).equal
    steward.write("data/people.csv", edited())
    found = diff(steward)
    told = diff_document(found)
    assert (told["ok"], told["rows"]["changed"], told["rows"]["label_only"]) == (
        False,
        {"count": 3, "rows": [[3, 3], [5, 5], [10, 10]]},
        {"count": 2, "rows": [[3, 3], [5, 5]]},
    )
    assert told["rows"]["added"] == {"count": 1, "rows": [[61, 61]]}
    assert told["rows"]["labels"] == [{"was": "0", "now": "1", "count": 2}]
    assert told["summary"].startswith(
        "3 rows changed, 2 of them only in the label `y` (0 to 1), 1 row added, column `age` now has negative values (1 row), "
        "column `age` goes up to 99, it was 79 at most (1 row)"
    )
    assert [each["signed"] for each in told["histograms"] if each["column"] == "y"] == [(30, 30)]
    json.dumps(told)
    assert any("column `age` now has negative values (1 row): row 10" in line for line in diff_lines(found))


def test_the_command_exits_with_1_when_it_differs_2_without_a_profile_and_3_when_it_cannot_be_read(steward: Person) -> None:
    assert steward.mlsc("diff", "data/people.csv").returncode == 0
    steward.write("data/people.csv", edited())
    differs = steward.mlsc("diff", "data/people.csv", "--json")
    assert (differs.returncode, json.loads(differs.stdout)["ok"]) == (1, False)
    steward.write("data/other.csv", ROWS)
    none = steward.mlsc("diff", "data/other.csv")
    assert (none.returncode, "mlsc sign data/other.csv" in none.stderr) == (2, True)
    steward.write("data/people.csv", b"\xff\xfea\0,\0b\0\n\0")
    unreadable = steward.mlsc("diff", "data/people.csv")
    assert (unreadable.returncode, "UTF-16" in unreadable.stderr) == (3, True)
    assert steward.mlsc("diff", "data/gone.csv").returncode == 3


def test_a_blocked_load_says_what_differs_and_where_to_see_the_rows(steward: Person) -> None:
    steward.write("data/people.csv", edited())
    with pytest.raises(BlockedArtifactError) as caught:
        steward.load("data/people.csv")
    (reason,) = caught.value.verdict.reasons
    assert "3 rows changed, 2 of them only in the label `y` (0 to 1), 1 row added" in reason.message
    assert "mlsc diff data/people.csv" in reason.next


def test_html_has_no_markup_of_the_data(steward: Person) -> None:
    steward.write("data/people.csv", "<script>x</script>,town,y\n" + "1,<img src=x onerror=alert(1)>,<b>\n" * 3)
    steward.sign("data/people.csv")
    steward.write("data/people.csv", "<script>x</script>,town,y\n" + "-1,<img src=y>,<i>\n" * 4)
    shown = diff_html(diff(steward))
    assert not any(each in shown for each in ("<script", "<img", "<b>", "<i>\n"))
    assert "&lt;script&gt;" in shown


def test_without_the_digests_of_rows_the_comparison_is_coarser_and_says_so(steward: Person) -> None:
    rows_file(steward).unlink()
    steward.write("data/people.csv", edited())
    found = diff(steward)
    assert found.differences is not None
    assert (found.differences.rows, found.differences.why) == (None, "the digests of the signed rows are not there")
    assert any("61 rows, 60 were signed" in line for line in diff_lines(found))
    assert any("negative values" in line for line in diff_lines(found))


def test_digests_of_rows_that_were_edited_are_refused(steward: Person) -> None:
    file = rows_file(steward)
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    steward.write("data/people.csv", edited())
    with pytest.raises(ArtifactError, match="are not those that the signed profile names"):
        diff(steward)
    # The verdict stands without what would have made it plainer.
    with pytest.raises(BlockedArtifactError, match="was changed"):
        steward.load("data/people.csv")


@pytest.mark.parametrize("keeps", ["none", "summary"])
def test_a_rule_says_how_much_a_profile_keeps(ada: Person, keeps: str) -> None:
    policy = ada.root / "mlsc.toml"
    policy.write_text(policy.read_text().replace('match  = "data/**"', f'match  = "data/**"\nprofile = "{keeps}"\nlabel = "town"'))
    assert ada.mlsc("policy", "trust", "--yes").returncode == 0
    ada.write("data/people.csv", ROWS)
    (signed,) = ada.sign("data/people.csv")
    assert not (ada.root / ".mlsc" / "profiles").exists()
    if keeps == "none":
        assert signed.profile is None
        with pytest.raises(UsageError, match=r"no profile of data/people\.csv"):
            diff(ada)
        return
    assert signed.profile is not None
    assert signed.profile.label is not None
    assert (signed.profile.label.column, signed.profile.label.guessed) == ("town", False)
    ada.write("data/people.csv", edited())
    found = diff(ada)
    assert found.differences is not None
    assert found.differences.rows is None


def test_a_profile_that_a_run_signed_is_no_yardstick(steward: Person) -> None:
    digest = steward.sign("data/people.csv")[0].digest
    put_on_record(steward, a_body(steward), digest, by_run=True)
    steward.write("data/people.csv", edited())
    assert diff(steward).differences.signed_rows == 60  # type: ignore[union-attr]


def test_a_profile_of_another_project_or_from_the_future_is_no_yardstick(steward: Person) -> None:
    digest = steward.sign("data/people.csv")[0].digest
    put_on_record(steward, a_body(steward, project="another-project-0123"), digest)
    put_on_record(steward, a_body(steward, signed_at=steward.project.clock().replace(year=2999)), digest)
    steward.write("data/people.csv", edited())
    assert diff(steward).differences.signed_rows == 60  # type: ignore[union-attr]
    # The same statement by the same person, for this project and of today, is one: what was refused was what makes the difference.
    put_on_record(steward, a_body(steward), digest)
    assert diff(steward).differences.signed_rows == 7  # type: ignore[union-attr]


def test_a_profile_of_revoked_bytes_or_by_a_revoked_key_is_no_yardstick(steward: Person) -> None:
    (first,) = steward.sign("data/people.csv")
    steward.write("data/people.csv", edited())
    steward.sign("data/people.csv")
    (steward.root / "data/people.csv").write_text(ROWS)
    assert diff(steward).differences.signed_rows == 61  # type: ignore[union-attr]
    newest = steward.project.yardsticks.of("data/people.csv")
    assert newest is not None
    assert steward.mlsc("revoke", str(newest.digest), "--why", "poisoned").returncode == 0
    assert diff(steward).equal
    assert steward.mlsc("revoke", first.key, "--why", "stolen").returncode == 0
    with pytest.raises(UsageError, match="no profile"):
        diff(steward)


def test_a_profile_of_another_digest_is_not_one_of_these_bytes(ada: Person) -> None:
    policy = ada.root / "mlsc.toml"
    policy.write_text(policy.read_text().replace('match  = "data/**"', 'match  = "data/**"\nrequire = ["profile"]\nprofile = "summary"'))
    assert ada.mlsc("policy", "trust", "--yes").returncode == 0
    ada.write("data/broken.parquet", b"PAR1 and nothing else that is one PAR1")
    (signed,) = ada.sign("data/broken.parquet")
    assert "cannot be read as parquet" in signed.unprofiled
    put_on_record(ada, a_body(ada, name="data/broken.parquet"), Digest("sha256", "0" * 64))
    verdict = ada.verify("data/broken.parquet")
    assert (verdict.decision, [each.code for each in verdict.reasons]) == (Decision.BLOCK, ["profile-missing"])
    put_on_record(ada, a_body(ada, name="data/broken.parquet"), signed.digest)
    assert ada.verify("data/broken.parquet").verified


def test_a_profile_travels_with_the_project_to_somebody_else(steward: Person, person: object, tmp_path: Path) -> None:
    import shutil

    clone = tmp_path / "clone"
    shutil.copytree(steward.root, clone, ignore=shutil.ignore_patterns("ledger.db*"))
    bob: Person = person("bob", root=clone)  # type: ignore[operator]
    bob.write("data/people.csv", edited())
    found = bob.project_with(clone / "mlsc.toml").diff(clone / "data/people.csv")
    assert found.differences is not None
    assert found.differences.rows is not None
    assert found.differences.rows.label_only == ((3, 3), (5, 5))


def test_tripwires_hold_for_loads_and_verify_against_another_data_set(ada: Person) -> None:
    policy = ada.root / "mlsc.toml"
    wires = "{ label-shift = 0.2, out-of-range = false, then = 'block' }"
    rule = f'[[rule]]\nmatch = "data/new/*"\nkind = "dataset"\nprofile-of = "data/people.csv"\ntripwires = {wires}\n\n[[rule]]'
    policy.write_text(policy.read_text().replace("[[rule]]", rule, 1))
    assert ada.mlsc("policy", "trust", "--yes").returncode == 0
    ada.write("data/people.csv", ROWS)
    ada.sign("data/people.csv")
    ada.write("data/new/same.csv", ROWS)
    ada.write("data/new/shifted.csv", ROWS.replace(",0\n", ",1\n"))
    assert isinstance(ada.load("data/new/same.csv"), pandas.DataFrame)
    with pytest.raises(BlockedArtifactError) as caught:
        ada.load("data/new/shifted.csv")
    assert "label-shift" in [each.code for each in caught.value.verdict.reasons]
    assert "label-shift" in [each.code for each in ada.verify("data/new/shifted.csv").reasons]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((52,), "row 52"),
        ((1, 2, 3, 9), "rows 1 to 3, 9"),
        (range(1, 18, 2), "rows 1, 3, 5, 7, 9, 11, 13, 15 and 1 more range"),
        (range(1, 40, 2), "rows 1, 3, 5, 7, 9, 11, 13, 15 and 12 more ranges"),
    ],
)
def test_row_numbers_are_told_in_ranges_and_so_many_of_them(lines: Iterable[int], expected: str) -> None:
    spans: list[tuple[int, int]] = []
    for line in lines:
        if spans and spans[-1][1] == line - 1:
            spans[-1] = (spans[-1][0], line)
        else:
            spans.append((line, line))
    assert spans_text(tuple(spans)) == expected
