"""How many artifacts stand, seen at once, is what `verify` says of each; and a record is read no further than somebody asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.panel_project import many_reads
from jupyter_mlsc import chronicle, standings
from jupyter_mlsc.attestation import Envelope
from jupyter_mlsc.chronicle import Chronicle
from jupyter_mlsc.project import Project
from jupyter_mlsc.standings import Budget
from tests.conftest import CSV, Person


@pytest.fixture
def mixed(ada: Person) -> list[str]:
    """Artifacts of every kind of standing, by name."""
    names = [f"data/{name}.csv" for name in ("signed", "changed", "revoked", "beside", "replaced", "unsigned")]
    for index, name in enumerate(names):
        ada.write(name, CSV + f"{index},1\n")
    ada.write("data/tree/a.csv")
    ada.write("data/tree/b.csv")
    ada.write("notes.txt", "nobody asks\n")
    ada.sign(*names[:-1], "data/tree")
    ada.write("data/changed.csv", CSV + "9,9\n")
    ada.write("data/tree/b.csv", CSV + "8,8\n")
    ada.write("data/replaced.csv", CSV + "0,1\n")  # the bytes of data/signed.csv
    revoked = ada.mlsc("revoke", "data/revoked.csv", "--why", "bad labels")
    assert revoked.returncode == 0, revoked.stderr
    (ada.root / "data/link.csv").symlink_to("signed.csv")
    ada.write("data/beside.csv.sig", "no bundle")
    return [*names, "data/tree", "data/tree/a.csv", "data/tree/b.csv", "data/link.csv", "notes.txt"]


def _told(project: Project, name: str) -> tuple[object, ...]:
    (verdict,) = project.verify([project.root / name])
    return verdict.decision, {reason.code for reason in verdict.reasons}, verdict.signers, verdict.verified


def test_many_artifacts_stand_as_verify_says_of_each(ada: Person, mixed: list[str]) -> None:
    project = ada.project
    found = project.standings.of_each([*mixed, "data/gone.csv"], Budget.endless())

    assert found.pop("data/gone.csv").state == "missing"
    for name, standing in found.items():
        verdict = standing.verdict
        assert verdict is not None, name
        assert (verdict.decision, {reason.code for reason in verdict.reasons}, verdict.signers, verdict.verified) == _told(ada.project, name), name
        assert ada.project.standings.of(name, Budget.endless()) == standing, name
    assert len({standing.verdict.decision for standing in found.values() if standing.verdict is not None}) > 1


def test_a_statement_that_is_put_beside_an_artifact_later_is_seen(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standings, "RACY_NS", -(1 << 62))  # files that were written just now are kept as if they were old
    for name in ("a", "b"):
        ada.write(f"data/{name}.csv", CSV + name)
    ada.sign("data/a.csv", "data/b.csv")
    names = ["data/a.csv", "data/b.csv"]
    project = ada.project
    before = project.standings.of_each(names, Budget.endless())
    ada.write("data/b.csv.sig", "no bundle")

    after = project.standings.of_each(names, Budget.endless())

    assert after["data/a.csv"] is before["data/a.csv"]
    assert "statement-invalid" in {reason.code for reason in after["data/b.csv"].verdict.reasons}  # type: ignore[union-attr]  # it was judged


@pytest.fixture
def read_often(ada: Person) -> Project:
    """A project whose notebook read 40 files, one of them signed."""
    many_reads(ada.project, "many.ipynb", 40, "data")
    ada.sign("data/7.txt")
    return ada.project


def _opened(monkeypatch: pytest.MonkeyPatch) -> list[Envelope]:
    """The envelopes whose signatures a chronicle checks from now on."""
    seen: list[Envelope] = []
    check = chronicle.open_envelope

    def noting(envelope: Envelope, keys: Any) -> Any:
        seen.append(envelope)
        return check(envelope, keys)

    monkeypatch.setattr(chronicle, "open_envelope", noting)
    return seen


def _runs(of: Chronicle) -> dict[str, Any]:
    return {name: (run, list(run.touches), run.executions) for name, run in of.runs().items()}


def test_to_follow_a_long_record_opens_only_what_is_new(read_often: Project, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = _opened(monkeypatch)
    following = read_often.chronicle
    assert following.follow().kinds == ()
    assert opened == []

    many_reads(ada.project, "other.ipynb", 3, "more")
    news = following.follow()

    assert (set(news.kinds), news.notebooks, len(opened)) == ({"run", "read"}, ("other.ipynb",), 4)
    assert _runs(following) == _runs(ada.project.chronicle)


def test_a_record_that_is_read_in_steps_tells_the_same_runs(read_often: Project, ada: Person) -> None:
    steps = read_often.chronicle
    assert not steps.read_back(10)
    many_reads(ada.project, "many.ipynb", 2, "late")
    while not steps.read_back(7):
        pass

    assert _runs(steps) == _runs(ada.project.chronicle)
    (first, last) = steps.of_notebook("many.ipynb", ())
    assert [len(run.touches) for run in (first, last)] == [40, 2]
    assert len(first.executions[0].reads) == 40


def test_what_is_new_is_heard_whoever_looks(read_often: Project, ada: Person) -> None:
    heard: list[tuple[str, ...]] = []
    read_often.chronicle.listeners.append(lambda news: heard.append(news.kinds))
    read_often.chronicle.follow()
    ada.sign("data/8.txt")

    read_often.chronicle.runs()

    assert [kinds for kinds in heard if "signature" in kinds] == heard != []


def test_a_read_on_record_is_no_evidence_and_is_not_opened(read_often: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = read_often.books.ledger
    assert ledger is not None
    asked: list[str] = []
    fetch = type(ledger).envelope
    monkeypatch.setattr(type(ledger), "envelope", lambda self, digest: asked.append(digest) or fetch(self, digest))

    verdict = read_often.verify([Path(read_often.root / "data/7.txt")])[0]

    kinds = {entry.kind for entry in ledger.entries() if entry.envelope in asked}
    assert verdict.verified
    assert "read" not in kinds
    assert "signature" in kinds
