"""Real processes on one ledger: they append at once, are killed at random instants, and fork; nothing is lost or doubled."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_entries import digest_of, new_entry

import jupyter_mlsc
from jupyter_mlsc.ledger import CheckpointMemory, Ledger
from jupyter_mlsc.ledger.audit import audit

HERE = Path(__file__).parent


def start(place: str, memory: CheckpointMemory, key: Ed25519PrivateKey, first: int, count: int, batch: int = 1) -> subprocess.Popen[str]:
    """An appender that has opened the ledger and waits for a line."""
    arguments = [place, str(memory.path), key.private_bytes_raw().hex(), str(first), str(count), str(batch)]
    return subprocess.Popen([sys.executable, str(HERE / "appender.py"), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environ())


def _environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(Path(jupyter_mlsc.__file__).parents[1])])}


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("\n")
    process.stdin.flush()


def append_at_once(place: str, key: Ed25519PrivateKey, memory: CheckpointMemory, *, processes: int, each: int, batch: int = 1) -> None:
    ledger = Ledger.create(place, key, memory)
    running = [start(place, memory, key, number * each, each, batch) for number in range(processes)]
    for process in running:
        go(process)
    acknowledged = []
    for process in running:
        out, _ = process.communicate()
        assert process.returncode == 0
        acknowledged += [int(line.split()[0]) for line in out.splitlines()]
    assert sorted(acknowledged) == list(range(processes * each))
    entries = list(ledger.entries())
    assert sorted(entry.subjects[0][1] for entry in entries) == sorted(digest_of(number) for number in range(processes * each))
    for number in range(processes):
        # What one process appended stands in the order in which it did so.
        mine = {digest_of(value) for value in range(number * each, (number + 1) * each)}
        order = [entry.subjects[0][1] for entry in entries if entry.subjects[0][1] in mine]
        assert order == sorted(order)
    assert audit(ledger, memory).ok
    ledger.close()


def test_processes_append_at_once_and_nothing_is_lost_or_doubled(place: str, key: Ed25519PrivateKey, memory: CheckpointMemory) -> None:
    count = 8 if not place.startswith("postgresql") else 3
    append_at_once(place, key, memory, processes=count, each=60)


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 20])
def test_eight_processes_append_a_thousand_each(place: str, key: Ed25519PrivateKey, memory: CheckpointMemory, batch: int) -> None:
    append_at_once(place, key, memory, processes=8, each=1_000, batch=batch)


def kill_at_random(place: str, key: Ed25519PrivateKey, memory: CheckpointMemory, *, times: int, seed: int) -> None:
    """Kill an appender again and again, most often in the midst of an append; after each, all that it acknowledged is there."""
    chance = random.Random(seed)
    ledger = Ledger.create(place, key, memory)
    acknowledged: dict[int, str] = {}
    following = start(place, memory, key, 0, 100_000)
    for turn in range(times):
        process, first = following, turn * 100_000
        go(process)
        # The next one starts while this one works, so that its opening meets a ledger that is being written to.
        following = start(place, memory, key, first + 100_000, 100_000)
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(chance.randrange(12))]
        select.select([], [], [], chance.uniform(0, 0.004))
        process.send_signal(signal.SIGKILL)
        with process:  # not communicate(), which loses what readline() has fetched beyond its line
            rest = process.stdout.read()
        whole = [line for line in [*lines, *rest.splitlines(keepends=True)] if line.endswith("\n")]
        acknowledged.update((int(index), digest_of(int(number))) for index, number in (line.split() for line in whole))
        present = {entry.index: entry.subjects[0][1] for entry in ledger.entries()}
        assert acknowledged.items() <= present.items()
        # At most the one append that was under way is there without having been acknowledged.
        assert len(present) <= len(acknowledged) + turn + 1
        assert len(set(present.values())) == len(present)
    following.kill()
    following.communicate()
    report = audit(ledger, memory)
    assert report.ok, report.faults
    assert report.repaired == ()
    assert ledger.append([new_entry(99_999_999)]) == [report.size]
    ledger.close()


def test_a_process_killed_at_any_instant_leaves_a_sound_ledger(tmp_path: Path, key: Ed25519PrivateKey, memory: CheckpointMemory) -> None:
    kill_at_random(str(tmp_path / "ledger.db"), key, memory, times=8, seed=8)


@pytest.mark.slow
def test_a_hundred_kills_leave_a_sound_ledger(place: str, key: Ed25519PrivateKey, memory: CheckpointMemory) -> None:
    kill_at_random(place, key, memory, times=100, seed=100)


FORKS = """
import os, sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jupyter_mlsc.ledger import CheckpointMemory, Ledger
from ledger_entries import new_entry
place, memory, key = sys.argv[1:]
ledger = Ledger.open(place, CheckpointMemory(memory), Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key)))
ledger.append([new_entry(0)])
child = os.fork()
if child == 0:
    assert ledger.append([new_entry(number) for number in (1, 2)]) and len(list(ledger.entries())) >= 3
    sys.exit()
ledger.append([new_entry(3)])
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert ledger.append([new_entry(4)]) == [4]
"""


def test_a_fork_may_use_the_ledger_that_its_parent_opened(place: str, key: Ed25519PrivateKey, memory: CheckpointMemory) -> None:
    Ledger.create(place, key, memory).close()
    subprocess.run([sys.executable, "-c", FORKS, place, str(memory.path), key.private_bytes_raw().hex()], env=_environ(), check=True, timeout=120)
    ledger = Ledger.open(place, memory, key)
    assert {entry.subjects[0][1] for entry in ledger.entries()} == {digest_of(number) for number in range(5)}
    assert audit(ledger, memory).ok
    ledger.close()
