"""What a supervised program sees of its system calls is what it would see without us, errno by errno, wherever the policy does not block."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Person
from tests.sandbox.fidelity import Pair, cases

pytestmark = pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64", reason="the programs use the system calls of x86_64")

O_NOFOLLOW = 0o400000
BY_DESIGN: dict[tuple[str, str], str] = {
    ("openat b'/'", "TMP|RW"): "nothing is made outside the project, temporary folders and caches",
    ("openat2 b'/'", "none RW|TMP"): "the same",
    ("openat b'to-slash-file'", "|C"): "ENOTDIR for EISDIR: a link whose target ends with a slash and is a file fails either way",
    ("openat b'to-slash-file'", "|T"): "the same",
    ("openat2 b'to-slash-file'", "W|C"): "the same",
    ("openat2 b'dangling'", "beneath W|C"): "with RESOLVE_BENEATH or RESOLVE_IN_ROOT no file is made through a link that leads nowhere: EXDEV",
    ("openat2 b'dangling-deep'", "W|C"): "the same",
    ("openat2 b'dangling-slash'", "W|C"): "the same",
    ("openat2 b'absolute'", "W|C"): "the same",
    ("numbers", "none, and the name is missing"): "the kernel looks for a free number first, and says EMFILE where this says ENOENT",
    ("none_left_to_make", "left ROOT/file"): "a file is cut before it turns out that the caller has no number for it",
    ("magic", "unlink a number"): "a name in /proc is refused before the kernel says why it could not be changed",
    ("magic", "rename a number"): "the same",
    ("magic", "mkdir in /proc"): "the same",
    ("descriptors", "without following"): "the same",
}
"""Where the two differ on purpose, by case and a part of the step's label, with the reason. O_NOFOLLOW is missing from F_GETFL of what was opened through
a descriptor: the file is the same, and the flag has no meaning after the open."""


def _is_by_design(case: str, label: str, plain: Any, supervised: Any) -> bool:
    if any(case == named and part in label for named, part in BY_DESIGN):
        return True
    if isinstance(plain, dict) and isinstance(supervised, dict):
        return {**plain, "flags": plain["flags"] & ~O_NOFOLLOW} == supervised
    return False


def _unexplained(pair: Pair, case: str) -> dict[str, Any]:
    stopped = [step for step in pair.plain[case]["steps"] if step[0] == "ended by"]
    assert not stopped, f"the program itself is wrong: {stopped}"
    return {label: found for label, found in pair.differences(case).items() if not _is_by_design(case, label, *found)}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Pair]:
    known: dict[tuple[str, str], Pair] = {}

    def find(program: str, place: str) -> Pair:
        if (program, place) not in known:
            top = tmp_path_factory.mktemp(program)
            for name in ("project", "home"):
                (top / name).mkdir()
            person = Person("ada", top / "home", top / "project")
            person.init("enforce")
            (top / "beside").mkdir()
            folder: Path = {"project": person.root / "area", "free": top / "beside" / "area"}[place]
            known[program, place] = Pair(person, program, folder)
        return known[program, place]

    return find


@pytest.mark.parametrize("case", cases("opens"))
def test_an_open_in_the_project_gives_what_it_gives_without_supervision(pairs: Callable[[str, str], Pair], case: str) -> None:
    assert _unexplained(pairs("opens", "project"), case) == {}


@pytest.mark.parametrize("case", cases("names"))
def test_a_change_of_names_in_the_project_gives_what_it_gives_without_supervision(pairs: Callable[[str, str], Pair], case: str) -> None:
    assert _unexplained(pairs("names", "project"), case) == {}


@pytest.mark.slow
@pytest.mark.parametrize("case", cases("opens"))
def test_an_open_in_a_free_folder_gives_what_it_gives_without_supervision(pairs: Callable[[str, str], Pair], case: str) -> None:
    assert _unexplained(pairs("opens", "free"), case) == {}


@pytest.mark.parametrize("case", cases("names"))
def test_a_change_of_names_in_a_free_folder_gives_what_it_gives_without_supervision(pairs: Callable[[str, str], Pair], case: str) -> None:
    assert _unexplained(pairs("names", "free"), case) == {}


def test_every_difference_that_is_by_design_is_still_there(pairs: Callable[[str, str], Pair]) -> None:
    found = {(case, label) for program in ("opens", "names") for case in cases(program) for label in pairs(program, "project").differences(case)}

    gone = [row for row in BY_DESIGN if not any(row[0] == case and row[1] in label for case, label in found)]

    assert gone == []
