"""What a command writes is on record, under the names and with the bytes that it ends up with, whatever it does to keep it off."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.attacks.supervised.arena import build, digest_of, entries, environ, processes_of, supervised, written
from tests.attacks.supervised.inside import Table
from tests.conftest import Person

# Each writes; ``G`` is a governed folder of its own, ``U`` one that nothing governs. Then the names that must be on record with the bytes that lie there.
WRITERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "by_an_ordinary_write": ("open('G/out.csv', 'w').write('one')", ("out.csv",)),
    "renamed_into_place": ("open('U/tmp', 'w').write('one'); os.rename('U/tmp', 'G/out.csv')", ("out.csv",)),
    "renamed_at_the_end": ("open('G/tmp.csv', 'w').write('one'); open('G/tmp.csv').read(); os.rename('G/tmp.csv', 'G/out.csv')", ("out.csv",)),
    "renamed_in_its_folder": ("os.mkdir('G/sub'); open('G/sub/out.csv', 'w').write('one'); os.rename('G/sub', 'G/end')", ("end/out.csv",)),
    "from_a_folder_that_nothing_governs": ("os.mkdir('U/sub'); open('U/sub/out.csv', 'w').write('one'); os.rename('U/sub', 'G/end')", ("end/out.csv",)),
    "linked_and_unlinked": ("open('G/tmp.csv', 'w').write('one'); os.link('G/tmp.csv', 'G/out.csv'); os.unlink('G/tmp.csv')", ("out.csv",)),
    "as_a_temporary_file_that_is_linked": (
        "n = os.open('.', os.O_TMPFILE | os.O_RDWR, 0o600); os.write(n, b'one')\n"
        "assert ctypes.CDLL(None).linkat(-100, b'/proc/self/fd/%d' % n, -100, b'G/out.csv', 0x400) == 0",
        ("out.csv",),
    ),
    "exchanged_with_another": (
        "open('G/a.csv', 'w').write('one'); open('G/b.csv', 'w').write('two')\nassert ctypes.CDLL(None).renameat2(-100, b'G/a.csv', -100, b'G/b.csv', 2) == 0",
        ("a.csv", "b.csv"),
    ),
    "again_after_it_was_read": (
        "f = open('G/out.csv', 'w'); f.write('one'); f.flush(); open('G/out.csv').read(); f.write('two'); f.flush()",
        ("out.csv",),
    ),
    "by_a_mapping_that_outlives_its_descriptor": (
        "n = os.open('G/out.csv', os.O_RDWR | os.O_CREAT); os.write(n, b'one'); m = mmap.mmap(n, 3); os.close(n); open('G/out.csv').read(); m[:] = b'two'",
        ("out.csv",),
    ),
    "through_a_symbolic_link": ("os.symlink(os.path.abspath('G/out.csv'), 'U/link'); open('U/link', 'w').write('one')", ("out.csv",)),
    "through_a_hard_link": ("open('U/tmp', 'w').write('one'); os.link('U/tmp', 'G/out.csv'); open('U/tmp', 'w').write('two')", ("out.csv",)),
    "and_hidden_by_its_mode": ("open('G/out.csv', 'w').write('one'); os.chmod('G/out.csv', 0)", ("out.csv",)),
    "made_without_a_mode": ("os.write(os.open('G/out.csv', os.O_WRONLY | os.O_CREAT, 0), b'one')", ("out.csv",)),
    "and_hidden_by_the_mode_of_its_folder": ("os.mkdir('G/sub'); open('G/sub/out.csv', 'w').write('one'); os.chmod('G/sub', 0)", ("sub/out.csv",)),
    "and_killed": ("f = open('G/out.csv', 'wb', buffering=0); f.write(b'one'); os.kill(os.getpid(), 9)", ("out.csv",)),
    "and_ended_without_a_word": ("f = open('G/out.csv', 'wb', buffering=0); f.write(b'one'); os._exit(0)", ("out.csv",)),
    "by_a_grandchild_that_outlives_it": (
        "if os.fork() == 0:\n os.setsid()\n if os.fork() == 0:\n  signal.signal(15, signal.SIG_IGN); f = open('G/out.csv', 'w')\n"
        "  open('U/ready', 'w').close()\n  until = time.monotonic() + 60\n  while time.monotonic() < until: f.write('x' * 9999); f.seek(0)\n os._exit(0)\n"
        "while not os.path.exists('U/ready'): os.sched_yield()",
        ("out.csv",),
    ),
    "by_a_chain_of_forks_that_outlives_it": (
        "f = open('G/out.csv', 'wb', buffering=0)\nif os.fork() == 0:\n os.setsid(); signal.signal(15, signal.SIG_IGN)\n"
        " until = time.monotonic() + 60\n while time.monotonic() < until:\n  if os.fork(): os._exit(0)\n  f.write(b'x'); f.seek(0); os.closerange(0, 3)\n",
        ("out.csv",),
    ),
    "by_cutting": ("open('G/out.csv', 'w').write('three'); os.truncate('G/out.csv', 3)", ("out.csv",)),
    "by_the_shell": ("os.system('echo one > G/out.csv; cp G/out.csv G/copy.csv')", ("out.csv", "copy.csv")),
    "by_a_memory_file_that_is_copied": ("n = os.memfd_create('x'); os.write(n, b'one'); shutil.copy(f'/proc/self/fd/{n}', 'G/out.csv')", ("out.csv",)),
}

ALL = """
import json, os, subprocess, sys
for how, program in json.loads(sys.argv[1]).items():
    os.makedirs(f"data/{how}"); os.makedirs(f"work/{how}")
    program = "import ctypes, mmap, os, shutil, signal, time\\n" + program.replace("G/", f"data/{how}/").replace("U/", f"work/{how}/")
    errors = subprocess.PIPE if "outlives" not in how else None
    done = subprocess.run([sys.executable, "-c", program], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
    assert b"Traceback" not in (done.stderr or b""), (how, done.stderr.decode())
"""


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Ada's project."""
    return build(tmp_path_factory.mktemp("record"), Table())


@pytest.fixture(scope="module")
def record(ada: Person) -> dict[str, list[str]]:
    """All writers in one supervised run; what the ledger says afterwards."""
    ran = supervised(ada, sys.executable, "-c", ALL, json.dumps({how: program for how, (program, _) in WRITERS.items()}))
    assert ran.returncode == 0, ran.stderr
    assert processes_of(ada.root.parent) == []
    assert entries(ada)[-1]["phase"] == "end"
    return written(ada)


@pytest.mark.parametrize("how", WRITERS)
def test_what_was_written_is_on_record(how: str, ada: Person, record: dict[str, list[str]]) -> None:
    names = {f"data/{how}/{name}" for name in WRITERS[how][1]}
    for name in names:
        assert record[name][-1] == digest_of(ada.root / name)
    assert {name for name in record if name.startswith(f"data/{how}/")} <= {*names, f"data/{how}/tmp.csv"}


def run_redirected(ada: Person, command: str) -> subprocess.CompletedProcess[str]:
    line = f"exec {sys.executable} -m jupyter_mlsc.cli exec -- {command}"
    return subprocess.run(["sh", "-c", line], cwd=ada.root, env=environ(ada), capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("command", ["cat < data/unsigned.csv", "cat <> data/unsigned.csv", "echo x >> data/unsigned.csv"])
def test_a_governed_file_that_nobody_signed_is_no_stream_of_a_command(ada: Person, command: str) -> None:
    ada.write("data/unsigned.csv", "the-marker-of-an-unsigned-file\n")
    ran = run_redirected(ada, command)
    assert (ran.returncode, ran.stdout) == (125, "")
    assert "data/unsigned.csv, which was refused" in ran.stderr
    assert (ada.root / "data/unsigned.csv").read_text() == "the-marker-of-an-unsigned-file\n"


def test_a_signed_file_is(ada: Person) -> None:
    ran = run_redirected(ada, "cat < data/train.csv")
    assert ran.stdout == (ada.root / "data/train.csv").read_text()


def test_what_goes_to_a_governed_file_is_on_record(ada: Person) -> None:
    assert run_redirected(ada, "echo one > data/stream.csv").returncode == 0
    assert written(ada)["data/stream.csv"] == [digest_of(ada.root / "data/stream.csv")]


@pytest.mark.parametrize("stream", ["1>>", "2>>", "0<", "0<>"])
@pytest.mark.parametrize("name", [".mlsc/ledger.db", "mlsc.toml"])
def test_the_ledger_and_the_policy_are_no_streams_of_a_command(ada: Person, stream: str, name: str) -> None:
    if (stream, name) == ("0<", "mlsc.toml"):
        pytest.skip("anybody may read the policy")
    before = digest_of(ada.root / name) if name == "mlsc.toml" else ""
    ran = run_redirected(ada, f"sh -c 'echo x; echo x >&2' {stream} {name}")
    assert ran.returncode == 125
    assert before == (digest_of(ada.root / name) if before else "")
    assert ada.mlsc("log", "verify").returncode == 0
