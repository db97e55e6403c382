"""Profiles of what runs save and of what is promoted: made behind the run's back, bound to the bytes, and a run's counts for nothing but telling."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pandas
import pytest

from jupyter_mlsc.attestation import open_envelope
from jupyter_mlsc.dataset_display import diff_lines
from jupyter_mlsc.predicates import from_predicate
from jupyter_mlsc.profiles import PROFILE, ProfileBody
from jupyter_mlsc.project import Project
from jupyter_mlsc.recording import Run
from tests.conftest import Person

FRAME = pandas.DataFrame({"age": range(20, 60), "y": [i % 2 for i in range(40)]})
NAME = "data/out.csv"
LONG = 60.0
SIGNED = 'signed = { by = "data-steward" }\n'


@pytest.fixture
def project(ada: Person) -> Iterator[Project]:
    """Ada's project, in one process and one run."""
    found = ada.project
    yield found
    found.behind.take(LONG)


def saved(project: Project, frame: pandas.DataFrame = FRAME, name: str = NAME) -> Run:
    run = Run(project.project_id)
    project.save(frame, project.root / name, run)
    return run


def on_record(person: Person, name: str = NAME) -> list[tuple[ProfileBody, str]]:
    """Profiles of a name with the identity that signed them."""
    project = person.project
    found = []
    for envelope in project.gatherer.statements_about(name, PROFILE):
        opened = open_envelope(envelope, project.identities)
        (key,) = opened.verified
        found.append((from_predicate(opened.statement.predicate, ProfileBody), str(project.identity_of(key))))
    return [each for each in found if each[0].name == name]


def add_rules(person: Person, more: str = "", /, **rules: str) -> None:
    """Rules for single data sets, by the word in their names, and ``more`` of the policy; accepted."""
    policy = person.root / "mlsc.toml"
    text = policy.read_text()
    for word, asked in rules.items():
        rule = f'[[rule]]\nmatch = "data/{word}/*"\nkind = "dataset"\n{asked}\n\n'
        text = text.replace("[[rule]]", f"{rule}[[rule]]", 1)
    policy.write_text(text + more)
    assert person.mlsc("policy", "trust", "--yes").returncode == 0


def test_what_a_run_saves_has_a_profile_by_the_runs_key_and_a_person_is_told_by_it_what_changed(ada: Person, project: Project) -> None:
    run = saved(project)
    assert project.settle(run, LONG) == []
    ((body, who),) = on_record(ada)
    assert (body.dataset.rows, body.channel, who) == (40, "run", "ada-runs")
    assert body.rows is not None
    same = project.diff(ada.root / NAME)
    assert (same.equal, same.by_run) == (True, True)
    (ada.root / NAME).write_text((ada.root / NAME).read_text().replace("\n22,0\n", "\n22,1\n"))
    told = diff_lines(ada.project.diff(ada.root / NAME))
    assert "differs from what ada-runs saved, which nobody has signed, on" in told[0]
    assert "only in the label `y` (0 to 1)" in told[0]


def test_a_runs_profile_is_no_yardstick_and_satisfies_no_rule(ada: Person) -> None:
    add_rules(ada, kept=SIGNED + 'require = ["profile"]', loose="tripwires = true")
    name = "data/kept/a.csv"
    project = ada.project
    run = saved(project, name=name)
    project.save(FRAME, ada.root / "data/loose/a.csv", run)
    project.settle(run, LONG)
    for saved_name in (name, "data/loose/a.csv"):
        assert len(on_record(ada, saved_name)) == 1
        assert project.yardsticks.of(saved_name) is None
    assert "profile-missing" in {each.code for each in ada.verify(name).reasons}
    ada.sign(name)
    assert ada.verify(name).verified


def test_a_rule_says_what_a_profile_holds_and_whether_there_is_one(ada: Person) -> None:
    add_rules(ada, short=SIGNED + 'profile = "summary"', none=SIGNED + 'profile = "none"')
    project = ada.project
    run = saved(project, name="data/none/a.csv")
    assert project.is_settled, "nothing was begun"
    project.save(FRAME, project.root / "data/short/a.csv", run)
    project.save(FRAME, project.root / "elsewhere.csv", run)  # no rule governs it
    project.settle(run, LONG)
    ((body, _),) = on_record(ada, "data/short/a.csv")
    assert body.rows is None
    assert on_record(ada, "data/none/a.csv") == on_record(ada, "elsewhere.csv") == []


def test_a_profile_of_other_bytes_than_were_saved_is_left_out(ada: Person, project: Project) -> None:
    """Written over in place after the save and before it was looked at: the same file, other rows."""
    with project.behind._turn:
        run = saved(project)
        (ada.root / NAME).write_text("age,y\n1,1\n")
    assert project.settle(run, LONG) == []
    assert on_record(ada) == []


def test_of_saves_that_wait_only_the_newest_of_a_name_is_looked_at(ada: Person, project: Project) -> None:
    run = Run(project.project_id)
    with project.behind._turn:
        for rows in (3, 4, 5):
            project.save(FRAME[:rows], ada.root / NAME, run)
        project.save(FRAME[:7], ada.root / "data/other.csv", run)
    project.settle(run, LONG)
    assert [body.dataset.rows for body, _ in on_record(ada)] == [5]
    assert [body.dataset.rows for body, _ in on_record(ada, "data/other.csv")] == [7]


def test_what_cannot_be_profiled_is_saved_and_the_run_is_told_why(ada: Person, project: Project) -> None:
    wide = pandas.DataFrame([range(30_000)])
    run = saved(project, wide)
    (note,) = project.settle(run, LONG)
    assert note.startswith(f"{NAME} has no profile: it has more than 20,000 columns")


def test_a_script_that_ends_at_once_leaves_the_profile(ada: Person) -> None:
    code = "import pandas, jupyter_mlsc as mlsc\nmlsc.save(pandas.DataFrame({'x': range(9)}), 'data/out.csv')\n"
    done = subprocess.run([sys.executable, "-c", code], cwd=ada.root, env=ada.environ, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert [body.dataset.rows for body, _ in on_record(ada)] == [9]


def test_a_promoted_data_set_has_a_profile_under_its_new_name(ada: Person) -> None:
    add_rules(ada, '\n[stages]\nproduction = { into = "data/production", by = "data-steward" }\n', production=SIGNED + 'require = ["profile"]')
    FRAME.to_csv(ada.write("data/people.csv"), index=False)
    ada.sign("data/people.csv")
    project = ada.project
    decided = project.promote(ada.root / "data/people.csv", "production", note="", channel="terminal", passphrases=ada.passphrases)
    assert decided.done, decided.verdict
    ((body, who),) = on_record(ada, "data/production/people.csv")
    assert (body.dataset.rows, who) == (40, "ada")
    assert ada.verify("data/production/people.csv").verified
