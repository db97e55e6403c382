"""A recorded run again: on what inputs, in which order, what came out, and what is then stated. The cells are carried out through the project itself."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_mlsc import predicates, replays
from jupyter_mlsc.attestation import Envelope, open_envelope
from jupyter_mlsc.errors import ArtifactError, ReplayError, UsageError
from jupyter_mlsc.project import Project
from jupyter_mlsc.recording import Place, Run
from jupyter_mlsc.replays import DIFFERS, EQUAL, MISSING, WITHIN
from jupyter_mlsc.results import Replayed
from jupyter_mlsc.verbs.replaying import Executed, Plan, Wish
from tests.conftest import Person

NOTEBOOK = "work.ipynb"
LOAD, SAVE = "load data/train.csv", "save data/derived/copy.csv"
CELLS = [LOAD, SAVE]


def code(source: str) -> str:
    return "sha256:" + hashlib.sha256(source.encode()).hexdigest()


def write_notebook(path: Path, cells: list[str]) -> None:
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source, id=f"c{place}") for place, source in enumerate(cells)]), path)


@dataclass
class Doing:
    """What cells do, one line each: they load and save through the project that they run in, and ``change`` is what comes out otherwise this time."""

    change: Callable[[Any], Any] = lambda value: value
    skip: bool = False
    fail: str | None = None
    elsewhere: Path | None = None
    also: str | None = None
    silent: bool = False
    ran: list[str] = field(default_factory=list)

    def __call__(self, plan: Plan, environ: dict[str, str]) -> Executed:
        project = Project.find(plan.notebook.parent, environ)
        self.run(project, [cell.source for cell in plan.cells])
        if self.elsewhere is not None:
            self.elsewhere.write_text("written by its absolute path")
        return Executed(self.fail, "ValueError: no" if self.fail else None)

    def run(self, project: Project, sources: list[str]) -> None:
        run, value = Run(project.project_id), None
        for count, source in enumerate(sources, 1):
            self.ran.append(source)
            if self.silent:
                continue
            run.at(Place(NOTEBOOK, None, count, code(source)))
            verb, _, path = source.partition(" ")
            if verb == "load":
                value = project.load(project.root / path, run).value
                if self.also is not None:
                    project.load(project.root / self.also, run)
            elif verb == "save" and not self.skip:
                project.save(self.change(value), project.root / path, run)
        project.end_run(run)


@pytest.fixture
def ran(signed_dataset: Person) -> Person:
    """Ada's project after a run of ``work.ipynb``: its cells read the signed data set and wrote a derived one."""
    write_notebook(signed_dataset.root / NOTEBOOK, CELLS)
    Doing().run(signed_dataset.project, CELLS)
    return signed_dataset


def replay(person: Person, doing: Doing | None = None, **wish: Any) -> Replayed:
    chosen = doing or Doing()
    return person.project.replay(person.root / NOTEBOOK, lambda plan: chosen(plan, person.environ), Wish(**wish))


def stated(person: Person) -> list[replays.ReplayBody]:
    """The replays on record that verify with a key of the policy."""
    project = person.project
    ledger = project.books.ledger
    assert ledger is not None
    found = []
    for entry in ledger.entries(kind="replay"):
        opened = open_envelope(Envelope.from_json(ledger.envelope(entry.envelope)), project.identities)
        assert opened.verified
        found.append(predicates.from_predicate(opened.statement.predicate, replays.ReplayBody))
    return found


def test_the_same_again_is_stated_with_all_digests_by_the_runs_key(ran: Person) -> None:
    done = replay(ran)
    assert (done.is_same, done.signer, done.body.facts.tier, done.body.order) == (True, "ada-runs", "guarded", "recorded")
    (body,) = stated(ran)
    assert body == done.body
    assert (body.notebook.name, body.notebook.digest) == (NOTEBOOK, digest_of(ran, NOTEBOOK))
    assert [(each.name, each.digest) for each in body.inputs] == [("data/train.csv", digest_of(ran, "data/train.csv"))]
    (output,) = body.outputs
    assert (output.name, output.digest, output.replayed, output.result) == ("data/derived/copy.csv", *[digest_of(ran, "data/derived/copy.csv")] * 2, EQUAL)
    story = ran.project.notebook_story(ran.root / NOTEBOOK)
    assert (body.of, body.facts.run != body.of) == (story.run, True), "the replay is no run of the notebook's own"
    assert body.environment == body.facts.environment is not None


def test_nothing_of_the_project_is_written_but_the_record(ran: Person) -> None:
    before = {path: path.read_bytes() for path in ran.root.rglob("*") if path.is_file() and ".mlsc" not in path.parts}
    homes = {path.name for path in (ran.home / "mlsc" / "accepted").iterdir()}
    replay(ran, Doing(change=lambda frame: frame + 1))
    assert {path: path.read_bytes() for path in ran.root.rglob("*") if path.is_file() and ".mlsc" not in path.parts} == before
    assert {path.name for path in (ran.home / "mlsc" / "accepted").iterdir()} == homes
    assert ran.mlsc("log", "verify").returncode == 0


def test_other_values_differ_and_it_is_said_by_how_much_and_where(ran: Person) -> None:
    done = replay(ran, Doing(change=lambda frame: frame.assign(x=frame["x"] + 0.5)))
    (output,) = done.body.outputs
    assert (done.is_same, output.result) == (False, DIFFERS)
    assert output.difference is not None
    assert (output.difference.values, output.difference.where) == (50, "['x']")
    assert output.difference.largest == pytest.approx(0.5)
    assert stated(ran)[0].result == DIFFERS, "that it is not the same is on record, too"


def test_a_tolerance_lets_near_values_be_the_same_and_no_others(ran: Person) -> None:
    near = Doing(change=lambda frame: frame.assign(x=frame["x"] + 1e-9))
    assert replay(ran, near, tolerance=1e-6).body.outputs[0].result == WITHIN
    assert replay(ran, near, tolerance=1e-12).body.outputs[0].result == DIFFERS
    assert replay(ran, near).body.outputs[0].result == DIFFERS
    assert replay(ran, Doing(change=lambda frame: frame.rename(columns={"x": "z"})), tolerance=1.0).body.outputs[0].result == DIFFERS


@pytest.mark.parametrize("tolerance", [-0.1, 1.5, float("nan"), float("inf")])
def test_what_is_no_tolerance_is_refused_before_anything_runs(ran: Person, tolerance: float) -> None:
    doing = Doing()
    with pytest.raises(UsageError, match="is no tolerance"):
        replay(ran, doing, tolerance=tolerance)
    assert doing.ran == []


def test_an_output_that_is_not_written_again_is_missing(ran: Person) -> None:
    done = replay(ran, Doing(skip=True))
    assert (done.is_same, done.body.outputs[0].result, done.body.outputs[0].replayed) == (False, MISSING, None)


def test_where_the_recorded_bytes_are_gone_only_digests_are_compared(ran: Person) -> None:
    (ran.root / "data/derived/copy.csv").unlink()
    assert replay(ran).is_same
    done = replay(ran, Doing(change=lambda frame: frame + 1))
    assert done.body.outputs[0].result == DIFFERS
    assert done.why_not == {"data/derived/copy.csv": "the recorded bytes are not there any more"}


@pytest.mark.parametrize("change", ["changed", "missing"])
def test_an_input_that_is_not_the_recorded_one_ends_it_before_anything_runs(ran: Person, change: str) -> None:
    was = digest_of(ran, "data/train.csv")
    place = ran.root / "data/train.csv"
    place.write_text("x,y\n1,1\n") if change == "changed" else place.unlink()
    doing = Doing()
    with pytest.raises(ReplayError) as refused:
        replay(ran, doing)
    assert f"data/train.csv was {was[:19]}… and is " in refused.value.message
    assert "restore what the run read" in (refused.value.next_step or "")
    assert (doing.ran, stated(ran)) == ([], [])


def test_an_input_that_the_run_wrote_over_is_refused_and_said(ran: Person) -> None:
    both = ["load data/derived/copy.csv", "save data/derived/copy.csv"]
    write_notebook(ran.root / NOTEBOOK, both)
    Doing(change=lambda frame: frame + 1).run(ran.project, both)
    with pytest.raises(ReplayError, match=r"data/derived/copy.csv was .* \(the run itself wrote over it\)"):
        replay(ran)


def test_the_cells_run_in_the_recorded_order_as_often_as_they_did(ran: Person) -> None:
    write_notebook(ran.root / NOTEBOOK, [SAVE, LOAD, "never run"])
    Doing().run(ran.project, [LOAD, SAVE, LOAD, SAVE])
    doing = Doing()
    done = replay(ran, doing)
    assert (doing.ran, done.body.order) == ([LOAD, SAVE, LOAD, SAVE], "recorded")


def test_in_the_documents_order_every_cell_runs_once(ran: Person) -> None:
    doing = Doing()
    assert replay(ran, doing, order="document").body.order == "document"
    assert doing.ran == CELLS


def test_a_run_whose_end_is_not_on_record_is_replayed_in_the_documents_order(ran: Person) -> None:
    project, run = ran.project, Run(ran.project.project_id)
    run.at(Place(NOTEBOOK, "c0", 1, code(LOAD)))
    frame = project.load(ran.root / "data/train.csv", run).value
    project.save(frame, ran.root / "data/derived/copy.csv", run)
    assert replay(ran).body.order == "document"


def test_code_that_is_gone_is_named_and_nothing_runs(ran: Person) -> None:
    write_notebook(ran.root / NOTEBOOK, [LOAD, SAVE + " # edited"])
    doing = Doing()
    with pytest.raises(ReplayError, match=r"code that ran is not in work.ipynb any more: \[2\]") as refused:
        replay(ran, doing)
    assert "--order document" in (refused.value.next_step or "")
    assert doing.ran == []


def test_a_notebook_without_a_run_or_without_outputs_has_nothing_to_replay(ran: Person) -> None:
    write_notebook(ran.root / NOTEBOOK, [LOAD])
    Doing().run(ran.project, [LOAD])
    with pytest.raises(ReplayError, match="wrote nothing that a rule governs"):
        replay(ran)
    write_notebook(ran.root / "other.ipynb", ["pass"])
    with pytest.raises(ReplayError, match=r"no run of other\.ipynb is on record"):
        ran.project.replay(ran.root / "other.ipynb", lambda plan: Executed(), Wish())


def test_what_nobody_watched_is_not_stated(ran: Person) -> None:
    with pytest.raises(ReplayError, match="nothing is on record of the replay"):
        replay(ran, Doing(silent=True))
    assert stated(ran) == []


def test_a_file_of_the_project_that_changes_meanwhile_takes_the_statement_away(ran: Person) -> None:
    with pytest.raises(ReplayError, match=r"files of the project changed while .* nothing is stated: notes\.txt"):
        replay(ran, Doing(elsewhere=ran.root / "notes.txt"))
    assert stated(ran) == []


def test_a_cell_that_fails_and_had_not_is_not_the_same_whatever_was_written(ran: Person) -> None:
    done = replay(ran, Doing(fail="c1"))
    assert (done.body.outputs[0].result, done.body.result, done.is_same, done.body.failed) == (EQUAL, DIFFERS, False, "c1")


def test_what_the_replay_read_besides_is_told(ran: Person) -> None:
    ran.write("data/more.csv")
    ran.sign("data/more.csv")
    assert replay(ran, Doing(also="data/more.csv")).body.besides == ("data/more.csv",)


def test_the_copy_is_kept_where_that_is_wished_and_gone_where_not(ran: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    assert replay(ran).kept is None
    assert list((tmp_path / "tmp").iterdir()) == []
    kept = replay(ran, keep=True).kept
    assert kept is not None
    assert (Path(kept) / "data/derived/copy.csv").read_bytes() == (ran.root / "data/derived/copy.csv").read_bytes()


def test_inputs_beside_the_project_come_along(ran: Person) -> None:
    policy = (ran.root / "mlsc.toml").read_text()
    (ran.root / "mlsc.toml").write_text(policy + '\n[[rule]]\nmatch = "../shared/**"\nkind = "dataset"\nsigned = { by = "data-steward" }\n')
    assert ran.mlsc("policy", "trust", "--yes").returncode == 0
    shared = ran.root.parent / "shared"
    shared.mkdir()
    (shared / "codes.csv").write_text("x,y\n3,4\n")
    ran.sign("../shared/codes.csv")
    cells = ["load ../shared/codes.csv", SAVE]
    write_notebook(ran.root / NOTEBOOK, cells)
    Doing().run(ran.project, cells)
    assert replay(ran).is_same
    (shared / "codes.csv").write_text("x,y\n5,6\n")
    with pytest.raises(ReplayError, match=r"\.\./shared/codes.csv was"):
        replay(ran)


def test_a_full_disk_is_a_sentence(ran: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(ArtifactError, match="could not be"):
        replay(ran)


def test_a_rule_that_asks_for_it_is_satisfied_by_it_and_by_nothing_less(ran: Person) -> None:
    ask_for_reproduction(ran)
    assert codes(ran) == ["not-reproduced"]
    replay(ran)
    assert codes(ran) == []
    replay(ran, Doing(change=lambda frame: frame + 1))
    assert codes(ran) == ["not-reproduced"], "the newest word counts"
    replay(ran)
    assert codes(ran) == []
    ran.write("data/derived/copy.csv", "x,y\n0,0\n")
    assert "not-reproduced" in codes(ran)


def test_a_promotion_needs_it_and_keeps_it(ran: Person) -> None:
    def change(text: str) -> str:
        stage = (
            '[stages]\nfinal = { into = "data/final", by = "data-steward" }\n\n[[rule]]\nmatch = "data/final/**"\nrequire = ["reproduced"]\n'
            'signed = { by = "data-steward" }\n\n'
        )
        return text.replace("[[rule]]", stage + "[[rule]]", 1)

    place = ran.root / "mlsc.toml"
    place.write_text(change(place.read_text()))
    assert ran.mlsc("policy", "trust", "--yes").returncode == 0
    refused = ran.mlsc("promote", "data/derived/copy.csv", "--to", "final")
    assert (refused.returncode, "[not-reproduced]" in refused.stderr + refused.stdout) == (1, True)
    replay(ran)
    done = ran.mlsc("promote", "data/derived/copy.csv", "--to", "final")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ran.verify("data/final/copy.csv").reasons == ()


def test_it_travels_in_the_claim_files(ran: Person, person: Callable[..., Person], tmp_path: Path) -> None:
    ask_for_reproduction(ran)
    replay(ran)
    clone = tmp_path / "clone"
    shutil.copytree(ran.root, clone, ignore=shutil.ignore_patterns("ledger.db*"))
    bob = person("bob", root=clone)
    done = bob.mlsc("verify", "--json", "--policy", "mlsc.toml", "data/derived/copy.csv")
    assert json.loads(done.stdout)["ok"], done.stdout


def ask_for_reproduction(person: Person) -> None:
    place = person.root / "mlsc.toml"
    text = place.read_text().replace('require = ["verified-inputs"]', 'require = ["verified-inputs", "reproduced"]', 1)
    place.write_text(text)
    assert person.mlsc("policy", "trust", "--yes").returncode == 0


def codes(person: Person) -> list[str]:
    return [reason.code for reason in person.verify("data/derived/copy.csv").reasons]


def digest_of(person: Person, name: str) -> str:
    return "sha256:" + hashlib.sha256((person.root / name).read_bytes()).hexdigest()
