"""What a survey finds on made-up machines: the wall grants nothing that a rule governs, that is protected, or that is hidden."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from jupyter_mlsc.errors import PolicyError
from jupyter_mlsc.policy import Policy, parse_policy
from jupyter_mlsc.sandbox import landlock
from jupyter_mlsc.sandbox.places import Region
from jupyter_mlsc.sandbox.survey import Survey, survey

PATTERNS = (
    "data/**",
    "models/*.pt",
    "**/*.csv",
    "../shared/**",
    "../shared/*.csv",
    "a/b/**",
    "*/raw/*",
    "../home/datasets/**",
    "{top}/opt/models/**",
    "{top}/tmp/x/*.csv",
    "../**/weights/*",
    "venv/share/**",
    "{top}/shared/one.csv",
    "../venv/lib/model.bin",
    "../shared/donn\u00e9es/**",
    "{top}/tmp/donn\u00e9es/**",
)
FILES = (
    "project/data/a.csv",
    "project/models/m.pt",
    "project/a/b/c.txt",
    "project/x/raw/r.bin",
    "project/notes.txt",
    "project/venv/share/s.csv",
    "project/venv/lib/l.py",
    "shared/one.csv",
    "shared/deep/two.csv",
    "home/datasets/d.csv",
    "home/.cache/pip/x.whl",
    "home/.ssh/id",
    "home/.jupyter/config.py",
    "home/mlsc/keys/k",
    "opt/models/big.pt",
    "opt/lib/tool.py",
    "tmp/x/t.csv",
    "tmp/y/t.csv",
    "venv/lib/model.bin",
    "venv/lib/site.py",
    "venv/weights/w.bin",
    "venv/project/data/q.csv",
    "project/.git/objects/ab/cd",
    # The same visible name as in the patterns, spelled with a combining accent.
    "shared/donne\u0301es/d.csv",
    "tmp/donne\u0301es/e.csv",
)


def policy_of(patterns: list[str], root: Path) -> Policy:
    """A policy whose rules ask something of what the patterns fit."""
    rules = "".join(f'[[rule]]\nmatch = "{each}"\nrequire = ["provenance"]\n' for each in patterns)
    text = f'version = 1\nmode = "enforce"\n[project]\nid = "{"0" * 32}"\n{rules}'
    return Policy((parse_policy(text, "mlsc.toml", "project"),), root=str(root))


class Machine:
    """A made-up machine below one folder."""

    def __init__(self, top: Path, files: tuple[str, ...] = FILES, project: str = "project") -> None:
        self.top, self.root, self.files = top, top / project, [top / each for each in files]
        for file in self.files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"content")
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "mlsc.toml").write_text("")
        (self.root / ".mlsc").mkdir()
        (self.root / ".mlsc" / "ledger.db").write_text("")
        (top / "venv").mkdir(exist_ok=True)

    def survey(
        self, patterns: list[str], *, environment: str = "read-only", write: tuple[str, ...] = (), executes: tuple[str, ...] = (), venv: str = "venv"
    ) -> tuple[Survey, Policy]:
        policy = policy_of([each.format(top=self.top) for each in patterns], self.root)
        (self.top / venv).mkdir(parents=True, exist_ok=True)
        (self.top / venv / "pyvenv.cfg").write_text(f"home = {os.path.dirname(os.path.realpath(sys.executable))}\n")
        environ = {"HOME": str(self.top / "home"), "TMPDIR": str(self.top / "tmp"), "PATH": os.environ["PATH"]}
        chosen = type(policy.supervise)(environment=environment, write=write, exec=executes)  # type: ignore[arg-type]
        found = survey(
            self.root, policy, chosen, mlsc_home=self.top / "home" / "mlsc", environ=environ, command=["x"], executable=str(self.top / venv / "bin" / "python")
        )
        return found, policy

    def names(self) -> list[str]:
        return [os.path.join(folder, name) for folder, _, files in os.walk(self.top) for name in files]


def leaks(machine: Machine, found: Survey, policy: Policy) -> list[tuple[str, str]]:
    """Names that a grant lets anybody read although a rule governs them or they are hidden, and what lets them; written although they are protected."""
    reading = [os.fsdecode(path) for path, rights in found.grants if rights & landlock.READ_FILE]
    writing = [os.fsdecode(path) for path, rights in found.grants if rights & landlock.WRITE_FILE]
    wrong = []
    for name in machine.names():
        governed = policy.governs(os.path.relpath(name, machine.root)) or policy.governs(name)
        region = found.places._folders.get(os.fsencode(name)) or found.places.of(os.fsencode(name))
        for grants, forbidden in ((reading, governed or region is Region.HIDDEN), (writing, governed or region in (Region.HIDDEN, Region.READ_ONLY))):
            wrong += [(name, grant) for grant in grants if forbidden and (name == grant or name.startswith(grant.rstrip("/") + "/"))]
        if governed and found.places.of(os.fsencode(name)) not in (Region.GOVERNED, Region.READ_ONLY, Region.HIDDEN):
            wrong.append((name, "it is not known to be governed"))
    return wrong


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.sampled_from(PATTERNS), max_size=4, unique=True),
    st.sampled_from(["project", "venv/project", "home/work", "opt/models", "tmp/x/y"]),
    st.sampled_from(["read-only", "writable"]),
    st.lists(st.sampled_from(["../shared", "../opt/lib", "~/datasets", "."]), max_size=2),
    st.sampled_from(["venv", "project/venv", "home/.venv"]),
)
def test_no_grant_of_the_wall_covers_what_is_governed_protected_or_hidden(
    patterns: list[str], project: str, environment: str, listed: list[str], venv: str
) -> None:
    top = Path(os.path.realpath(tempfile.mkdtemp(prefix="mlsc-survey-")))
    try:
        machine = Machine(top, project=project)
        try:
            found, policy = machine.survey(patterns, environment=environment, write=tuple(listed), executes=tuple(listed), venv=venv)
        except PolicyError:
            reject()  # a rule that another one covers is not accepted

        assert leaks(machine, found, policy) == []
    finally:
        shutil.rmtree(top)


def test_the_property_is_about_something(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    found, policy = machine.survey(["data/**"])
    found.grants.append((os.fsencode(machine.root), landlock.HANDLED))

    assert {os.path.relpath(name, machine.root) for name, _ in leaks(machine, found, policy)} >= {"data/a.csv", "mlsc.toml", ".mlsc/ledger.db"}


def test_what_no_rule_reaches_is_free_beside_the_project_and_in_caches(tmp_path: Path) -> None:
    found, _ = Machine(tmp_path).survey(["data/**"])
    granted = {path for path, rights in found.grants if rights == landlock.HANDLED}

    assert {os.fsencode(tmp_path / "home" / ".cache" / "pip"), *_above(os.fsencode(tmp_path / "home" / ".cache" / "pip"))} & granted
    assert found.places.of(os.fsencode(tmp_path / "tmp" / "y" / "t.csv")) is Region.FREE
    assert found.places.of(os.fsencode(tmp_path / "home" / ".cache" / "pip" / "x.whl")) is Region.FREE
    assert found.places.of(os.fsencode(tmp_path / "project" / "notes.txt")) is Region.WRITABLE


def _above(path: bytes) -> list[bytes]:
    return [os.fsencode(each) for each in Path(os.fsdecode(path)).parents]


def test_a_governed_file_with_several_names_takes_the_grants_of_its_file_system_away(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    os.link(tmp_path / "project/data/a.csv", tmp_path / "tmp/y/again.csv")

    found, _ = machine.survey(["data/**"])

    status = os.stat(tmp_path / "tmp/y/again.csv")
    assert (status.st_dev, status.st_ino) in found.linked
    assert not [path for path, rights in found.grants if rights == landlock.HANDLED and os.stat(path).st_dev == status.st_dev]


@pytest.mark.parametrize(("children", "region"), [(390, Region.FREE), (410, Region.WRITABLE)])
def test_a_folder_that_must_be_split_and_is_crowded_takes_the_slow_way(tmp_path: Path, children: int, region: Region) -> None:
    machine = Machine(tmp_path)
    for index in range(children - 2):
        (tmp_path / "tmp" / f"n{index}").mkdir()

    found, _ = machine.survey(["{top}/tmp/x/*.csv"])

    assert found.places.of(os.fsencode(tmp_path / "tmp" / "n1" / "file")) is region
    assert found.places.of(os.fsencode(tmp_path / "tmp" / "x" / "t.csv")) is Region.GOVERNED


def test_beside_a_project_in_a_crowded_folder_is_free(tmp_path: Path) -> None:
    machine = Machine(tmp_path, project="tmp/x/y")
    for index in range(410):
        (tmp_path / "tmp" / f"n{index}").mkdir()
    (tmp_path / "tmp" / "x" / "beside").mkdir()

    found, _ = machine.survey(["data/**"])

    assert found.places.of(os.fsencode(tmp_path / "tmp" / "x" / "beside" / "file")) is Region.FREE
    assert found.places.of(os.fsencode(tmp_path / "tmp" / "n1" / "file")) is Region.WRITABLE
    assert found.places.of(os.fsencode(tmp_path / "tmp" / "x" / "y" / "file")) is Region.WRITABLE


@pytest.mark.parametrize("folder", ["shared", "tmp/y", "home/plain"])
def test_no_rule_reaches_below_a_folder_beside_the_project_that_none_names(tmp_path: Path, folder: str) -> None:
    found, _ = Machine(tmp_path).survey(["data/**", "**/*.csv"])

    assert not found.places.holds_governed(os.fsencode(tmp_path / folder))
    assert found.places.holds_governed(os.fsencode(tmp_path))
    assert found.places.holds_governed(os.fsencode(tmp_path / "project"))


@pytest.mark.parametrize("folder", ["shared", "shared/deep"])
def test_a_rule_that_leaves_the_project_reaches_the_folder_that_it_names(tmp_path: Path, folder: str) -> None:
    machine = Machine(tmp_path)

    assert machine.survey(["../shared/**"])[0].places.holds_governed(os.fsencode(tmp_path / folder))
    assert machine.survey(["{top}/shared/**"])[0].places.holds_governed(os.fsencode(tmp_path / folder))
