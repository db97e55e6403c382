"""Where the kernel cannot supervise: `enforce` refuses to start, with the reason and the remedy; `warn` runs guarded and says so.

The missing call is really missing: a filter of its own makes it answer ENOSYS, or EPERM, as an old kernel or a container's profile does.
"""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from jupyter_mlsc.sandbox.features import probe
from tests.conftest import Person

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="supervision is Linux's")

_WITHOUT = """
import ctypes, os, struct, sys
from jupyter_mlsc.sandbox import linux
from jupyter_mlsc.sandbox.filter import assembled
from jupyter_mlsc.sandbox.syscalls import calls
name, answer = sys.argv[1], int(sys.argv[2])
rows = [(0x20, 0, 0, 0), (0x15, 0, 1, calls().inspected[name]), (0x06, 0, 0, 0x0005_0000 | answer), (0x06, 0, 0, 0x7FFF_0000)]
code = assembled(rows)
buffer = ctypes.create_string_buffer(code, len(code))
linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
linux.checked(linux.libc.prctl(22, 2, struct.pack("<HxxxxxxQ", len(rows), ctypes.addressof(buffer))), "seccomp")
os.execv(sys.executable, [sys.executable, "-m", "jupyter_mlsc.cli", *sys.argv[3:]])
"""
MISSING = {
    "no Landlock": ("landlock_create_ruleset", errno.ENOSYS, "this kernel has no Landlock"),
    "a profile that forbids it": ("landlock_create_ruleset", errno.EPERM, "this kernel has no Landlock"),
    "no user notification": ("seccomp", errno.EPERM, "seccomp user notification is not available here (Operation not permitted)"),
}


def _without(person: Person, missing: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    name, answer, _ = MISSING[missing]
    command = [sys.executable, "-c", _WITHOUT, name, str(answer), *arguments]
    return subprocess.run(command, cwd=person.root, env=person.environ, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("missing", MISSING)
def test_enforce_runs_nothing_and_says_why_and_what_to_do(signed_dataset: Person, missing: str) -> None:
    done = _without(signed_dataset, missing, "exec", "--", "touch", "ran")
    assert done.returncode == 125
    assert MISSING[missing][2] in done.stderr
    assert "the mode is enforce, so nothing was run" in done.stderr
    assert "next: use Linux 6.12 or newer" in done.stderr
    assert not (signed_dataset.root / "ran").exists()


@pytest.mark.parametrize("missing", MISSING)
def test_warn_runs_guarded_and_says_so_also_in_its_statements(person: Callable[..., Person], missing: str) -> None:
    ada = person("ada")
    ada.init("warn")
    ada.write("data/train.csv")
    code = "import jupyter_mlsc as mlsc; mlsc.load('data/train.csv'); print('loaded')"
    done = _without(ada, missing, "exec", "--", sys.executable, "-c", code)
    assert (done.returncode, done.stdout) == (0, "loaded\n")
    assert MISSING[missing][2] in done.stderr
    assert "the mode is warn, so the command runs guarded, and its statements say so" in done.stderr
    reads = [entry for entry in json.loads(ada.mlsc("log", "show", "--json").stdout) if entry["kind"] == "read"]
    assert [entry["tier"] for entry in reads] == ["guarded"]


def test_status_says_what_this_machine_can_do(signed_dataset: Person) -> None:
    told = json.loads(_without(signed_dataset, "no Landlock", "status", "--json").stdout)["supervision"]
    assert told["available"] is False
    assert told["missing"] == ["this kernel has no Landlock"]
    assert told["next"].startswith("use Linux 6.12 or newer")
    here = json.loads(signed_dataset.mlsc("status", "--json").stdout)["supervision"]
    assert here == {"available": True, "landlock_abi": here["landlock_abi"], "missing": [], "next": None}
    assert here["landlock_abi"] >= 6


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_another_system_is_told_apart(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", system)
    found = probe()
    assert not found.complete
    assert found.missing[0].startswith("supervision needs Linux")
    assert "run guarded" in (found.remedy or "")
