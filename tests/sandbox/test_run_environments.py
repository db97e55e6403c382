"""A supervised run's statements name the environment that its program runs in, and not its supervisor's; where that cannot be told they say so."""

from __future__ import annotations

import base64
import json
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlsc import predicates
from jupyter_mlsc.environment import installed, installed_for
from tests.conftest import Person


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The interpreter of another environment, in which one distribution is installed that exists nowhere else."""
    prefix = tmp_path / "other"
    venv.create(prefix, symlinks=True)
    (site,) = prefix.glob("lib/python3*/site-packages")
    (site / "only_there-7.1.dist-info").mkdir()
    (site / "only_there-7.1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: only_there\nVersion: 7.1\n\nText.\n")
    return prefix / "bin" / "python"


def _statements(person: Person) -> list[tuple[str, dict[str, Any]]]:
    ledger = person.project.books.ledger
    assert ledger is not None
    payloads = (json.loads(base64.b64decode(json.loads(ledger.envelope(entry.envelope))["payload"])) for entry in ledger.entries())
    return [(each["predicateType"], each) for each in payloads]


def _run(person: Person, *command: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the start of the newest run and its provenance say, after a command wrote a model."""
    done = person.mlsc("exec", "--", *command)
    assert done.returncode == 0, done.stderr
    statements = _statements(person)
    start = [body for kind, body in statements if kind == predicates.RUN and body["predicate"]["phase"] == "start"][-1]
    made = [body for kind, body in statements if kind == predicates.PROVENANCE][-1]
    return start, made["predicate"]["buildDefinition"]["internalParameters"]


def test_statements_name_the_environment_of_the_program(ada: Person, other: Path) -> None:
    (ada.root / "models").mkdir()
    start, made = _run(ada, str(other), "-c", "open('models/m.bin', 'w').write('x')")
    assert "only-there==7.1" in start["predicate"]["packages"]
    assert len(start["predicate"]["packages"]) == 2  # that, and Python
    assert "environmentFrom" not in start["predicate"]["facts"]
    expected = installed_for(str(other))
    assert expected is not None
    assert made["environment"] == expected.digest != installed().digest
    assert start["subject"][0]["digest"]["sha256"] == expected.digest.removeprefix("sha256:")


def test_statements_say_that_the_environment_of_another_language_is_the_supervisors(ada: Person) -> None:
    (ada.root / "models").mkdir()
    start, made = _run(ada, "/bin/sh", "-c", "echo x > models/m.bin")
    assert (made["environment"], made["environmentFrom"]) == (start["predicate"]["facts"]["environment"], "supervisor")
    assert start["predicate"]["facts"]["environmentFrom"] == "supervisor"


def test_a_script_runs_in_the_environment_that_its_first_line_names(tmp_path: Path, other: Path) -> None:
    script = tmp_path / "tool"
    script.write_text(f"#!{other}\nprint()\n")
    found = installed_for(str(script))
    assert found is not None
    assert "only-there==7.1" in found.packages


@pytest.mark.parametrize("first", ["#!/bin/sh\n", "#!python\n", "#!\n", "", "#!/nowhere/python" + "x" * 300, "\x7fELF\0\0"])
def test_what_is_no_python_has_no_environment_that_could_be_told(tmp_path: Path, first: str) -> None:
    script = tmp_path / "tool"
    script.write_text(first)
    assert installed_for(str(script)) is None


def test_this_interpreters_own_environment_is_the_one_that_it_sees_itself() -> None:
    assert installed_for(sys.executable) == installed()


def test_packages_of_the_base_are_seen_where_an_environment_takes_them_in(tmp_path: Path) -> None:
    base, prefix = tmp_path / "base", tmp_path / "env"
    for place, name in ((base, "below"), (prefix, "above")):
        info = place / "lib" / "python3.11" / "site-packages" / f"{name}-1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: {name}\nVersion: 1\n")
        (place / "bin").mkdir()
        (place / "bin" / "python").touch()
    settings = f"home = {base}/bin\ninclude-system-site-packages = %s\nversion = 3.11.4\n"
    seen = {}
    for said in ("true", "false"):
        (prefix / "pyvenv.cfg").write_text(settings % said)
        installed_for.cache_clear()
        found = installed_for(str(prefix / "bin" / "python"))
        assert found is not None
        seen[said] = found.packages
    assert seen == {"true": ("above==1", "below==1", "python==3.11.4"), "false": ("above==1", "python==3.11.4")}
