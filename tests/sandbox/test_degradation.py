"""Where the kernel cannot supervise: `enforce` refuses to start, with the reason and the remedy; `warn` runs guarded and says so.

The missing call is really missing: a filter of its own makes it answer ENOSYS, or EPERM, as an old kernel or a container's profile does.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from jupyter_mlsc.sandbox.features import probe
from jupyter_mlsc.sandbox.syscalls import calls
from tests.conftest import Person

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="supervision is Linux's")

_FORBID = """
import ctypes, os, struct, sys
from jupyter_mlsc.sandbox import linux
from jupyter_mlsc.sandbox.filter import assembled
from jupyter_mlsc.sandbox.syscalls import calls

def forbid(name, answer):
    tables = calls()
    number = {**tables.opens, **tables.inspected, **tables.own}[name]
    rows = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x0005_0000 | answer), (0x06, 0, 0, 0x7FFF_0000)]
    code = assembled(rows)
    buffer = ctypes.create_string_buffer(code, len(code))
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    linux.checked(linux.libc.prctl(22, 2, struct.pack("<HxxxxxxQ", len(rows), ctypes.addressof(buffer))), "seccomp")
"""
_WITHOUT = f"""{_FORBID}
forbid(sys.argv[1], int(sys.argv[2]))
os.execv(sys.executable, [sys.executable, "-m", "jupyter_mlsc.cli", *sys.argv[3:]])
"""
_PROBED = f"""{_FORBID}
from jupyter_mlsc.sandbox.features import probe
for name in sys.argv[1:]:
    if os.fork() == 0:
        forbid(name, 1)
        print(name, *probe().missing, flush=True)
        os._exit(0)
    os.wait()
"""
_DROPPED = f"""{_FORBID}
linux.drop_capabilities()
forbid("capset", 1)
linux.drop_capabilities()
print(*(line.split()[1] for line in open("/proc/self/status") if line.startswith("Cap")))
"""
MISSING = {
    "no Landlock": ("landlock_create_ruleset", errno.ENOSYS, "this kernel has no Landlock"),
    "a profile that forbids Landlock": ("landlock_create_ruleset", errno.EPERM, "as by the seccomp profile of a container or unit: landlock_create_ruleset"),
    "a container's default profile": ("pidfd_getfd", errno.EPERM, "as by the seccomp profile of a container or unit: pidfd_getfd"),
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


def test_each_call_of_the_supervisors_own_is_missed_where_a_profile_forbids_it() -> None:
    names = [name for name in (*calls().own, "openat2") if name != "landlock_restrict_self"]  # which says EPERM by itself before there is no way back
    done = subprocess.run([sys.executable, "-c", _PROBED, *names], capture_output=True, text=True, check=True, timeout=120)
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert said == {name: f"system calls of the supervisor are forbidden here, as by the seccomp profile of a container or unit: {name}" for name in names}


def test_who_has_no_capability_needs_no_leave_to_drop_any() -> None:
    done = subprocess.run([sys.executable, "-c", _DROPPED], capture_output=True, text=True, check=True, timeout=120)
    assert len(done.stdout.split()) == 5
    inheritable, permitted, effective, bounding, ambient = (int(each, 16) for each in done.stdout.split())
    assert (inheritable, permitted, effective, ambient) == (0, 0, 0, 0)
    assert bounding == 0 or os.geteuid() != 0  # an ordinary user cannot, and has nothing that could come of it


@pytest.mark.parametrize("missing", ["no user notification", "a container's default profile"])
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
