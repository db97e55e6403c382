"""What a ledger alone cannot show: that it was rolled back, forked, or deleted and made anew. The remembered checkpoint shows it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_entries import new_entry

from jupyter_mlsc.errors import LedgerError, LedgerTamperedError
from jupyter_mlsc.ledger import Checkpoint, CheckpointMemory, Fault, Ledger, LogKey
from jupyter_mlsc.ledger.audit import audit
from jupyter_mlsc.ledger.checkpoint import sign_checkpoint
from jupyter_mlsc.ledger.health import health


def codes(faults: tuple[Fault, ...]) -> set[str]:
    return {fault.code for fault in faults}


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "ledger.db")


def filled(place: str, key: Ed25519PrivateKey, memory: CheckpointMemory, count: int = 5) -> None:
    ledger = Ledger.create(place, key, memory)
    for number in range(count):
        ledger.append([new_entry(number)])
    ledger.close()


def judged(place: str, memory: CheckpointMemory) -> tuple[set[str], set[str]]:
    """Codes of the quick look and of the thorough one."""
    ledger = Ledger.open(place, memory)
    found = codes(health(ledger, memory)), codes(audit(ledger, memory).faults)
    ledger.close()
    return found


def test_an_older_copy_of_the_file_is_a_rollback(place: str, key: Ed25519PrivateKey, memory: CheckpointMemory) -> None:
    filled(place, key, memory)
    shutil.copy(place, place + ".old")
    ledger = Ledger.open(place, memory, key)
    ledger.append([new_entry(5)])
    ledger.close()
    shutil.copy(place + ".old", place)
    assert judged(place, memory) == ({"ledger-inconsistent"}, {"ledger-inconsistent"})
    ledger = Ledger.open(place, memory, key)
    (fault,) = health(ledger, memory)
    assert fault.entry == 5
    with pytest.raises(LedgerTamperedError, match="rolled back: you have seen it with 6 entries, now it has 5"):
        ledger.append([new_entry(6)])
    ledger.close()
    # Who has never seen the newer one cannot know.
    assert judged(place, CheckpointMemory(place + ".another-home")) == (set(), set())


@pytest.mark.parametrize("more", [1, 3])
def test_another_branch_of_the_same_ledger_is_a_fork(place: str, key: Ed25519PrivateKey, memory: CheckpointMemory, tmp_path: Path, more: int) -> None:
    filled(place, key, memory)
    shutil.copy(place, place + ".old")
    ledger = Ledger.open(place, memory, key)
    ledger.append([new_entry(5)])
    ledger.close()
    shutil.copy(place + ".old", place)
    elsewhere = CheckpointMemory(tmp_path / "elsewhere.db")
    branch = Ledger.open(place, elsewhere, key)
    for number in range(more):
        branch.append([new_entry(number, label=f"other {number}")])
    branch.close()
    assert judged(place, elsewhere) == (set(), set())
    assert judged(place, memory) == ({"ledger-inconsistent"}, {"ledger-inconsistent"})
    with pytest.raises(LedgerTamperedError, match="forked"):
        Ledger.open(place, memory, key).append([new_entry(9)])


def test_a_ledger_deleted_and_made_anew_is_told_apart_from_a_new_one(place: str, key: Ed25519PrivateKey, memory: CheckpointMemory) -> None:
    filled(place, key, memory)
    first_origin = memory.origin_at(place)
    for file in Path(place).parent.glob("ledger.db*"):
        file.unlink()
    filled(place, key, memory, count=2)
    assert judged(place, memory) == ({"ledger-replaced"}, {"ledger-replaced"})
    assert memory.origin_at(place) == first_origin
    ledger = Ledger.open(place, memory, key)
    assert ledger.append([new_entry(2)]) == [2]
    assert codes(health(ledger, memory)) == {"ledger-replaced"}
    memory.replace(ledger.place, ledger.origin)
    assert judged(place, memory) == (set(), set())
    ledger.close()
    filled(place + "2", key, memory)
    assert judged(place + "2", memory) == (set(), set())


def test_another_ledgers_file_put_in_place_is_a_replacement(place: str, key: Ed25519PrivateKey, memory: CheckpointMemory) -> None:
    filled(place, key, memory)
    filled(place + "2", key, memory)
    shutil.copy(place + "2", place)
    assert judged(place, memory) == ({"ledger-replaced"}, {"ledger-replaced"})


def test_a_reader_remembers_what_it_looked_at(place: str, key: Ed25519PrivateKey, memory: CheckpointMemory, tmp_path: Path) -> None:
    filled(place, key, memory)
    mine = CheckpointMemory(tmp_path / "reader.db")
    ledger = Ledger.open(place, mine)
    assert mine.recall(ledger.origin) is None
    assert health(ledger, mine) == ()
    assert mine.recall(ledger.origin) == ledger.checkpoint()
    assert mine.origin_at(ledger.place) == ledger.origin
    ledger.close()


def test_a_ledger_that_moved_keeps_its_memory(place: str, key: Ed25519PrivateKey, memory: CheckpointMemory) -> None:
    filled(place, key, memory)
    shutil.copy(place, place + ".old")
    ledger = Ledger.open(place, memory, key)
    ledger.append([new_entry(5)])
    ledger.close()
    assert judged(place + ".old", memory) == ({"ledger-inconsistent"}, {"ledger-inconsistent"})


def test_what_was_forgotten_is_as_if_never_seen(place: str, key: Ed25519PrivateKey, memory: CheckpointMemory) -> None:
    filled(place, key, memory)
    origin = memory.origin_at(place)
    assert origin is not None
    memory.forget(place)
    assert memory.origin_at(place) is None
    assert memory.recall(origin) is None


@pytest.fixture
def notes(key: Ed25519PrivateKey) -> Callable[[int, bytes], Checkpoint]:
    log_key = LogKey.from_private("mlsc.local/origin", key)
    return lambda size, root: sign_checkpoint(log_key, log_key.verifier.key_id, size, root)


def test_memory_only_moves_forward(memory: CheckpointMemory, notes: Callable[[int, bytes], Checkpoint]) -> None:
    seen = notes(5, b"a" * 32)
    memory.remember("here", seen.origin, seen)
    for older in (notes(4, b"b" * 32), notes(5, b"c" * 32)):
        memory.remember("here", seen.origin, older)
        assert memory.recall(seen.origin) == seen
    newer = notes(6, b"d" * 32)
    memory.remember("there", seen.origin, newer)
    assert memory.recall(seen.origin) == newer
    memory.remember("here", "mlsc.local/other", notes(9, b"e" * 32))
    assert memory.origin_at("here") == seen.origin


def test_asking_makes_no_file(memory: CheckpointMemory) -> None:
    assert memory.recall("x") is None
    assert memory.origin_at("x") is None
    memory.forget("x")
    assert not memory.path.exists()


def test_memory_may_be_used_by_threads_and_processes(memory: CheckpointMemory, notes: Callable[[int, bytes], Checkpoint]) -> None:
    program = (
        "import sys\nfrom jupyter_mlsc.ledger.memory import CheckpointMemory\nfrom jupyter_mlsc.ledger.checkpoint import read_unverified\n"
        "memory = CheckpointMemory(sys.argv[1])\n"
        "for note in sys.stdin.read().split('\\0'):\n    point = read_unverified(note)\n    memory.remember('here', point.origin, point)\n"
    )
    sizes = [list(range(first, 200, 4)) for first in (1, 2, 3, 4)]
    texts = ["\0".join(notes(size, b"r" * 32).note for size in each) for each in sizes]
    processes = [subprocess.Popen([sys.executable, "-c", program, str(memory.path)], stdin=subprocess.PIPE, text=True) for _ in texts]
    threads = [threading.Thread(target=memory.remember, args=("here", "mlsc.local/origin", notes(size, b"r" * 32))) for size in range(1, 20)]
    for thread in threads:
        thread.start()
    for process, text in zip(processes, texts, strict=True):
        assert process.stdin is not None
        process.stdin.write(text)
        process.stdin.close()
    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    for thread in threads:
        thread.join()
    newest = memory.recall("mlsc.local/origin")
    assert newest is not None
    assert newest.size == 199
    assert [file.name for file in memory.path.parent.iterdir() if file.name.startswith(".")] == []


def test_a_damaged_memory_is_an_error_that_names_it(memory: CheckpointMemory) -> None:
    memory.path.parent.mkdir()
    memory.path.write_bytes(b"this is no database, it is a text of some length" * 100)
    with pytest.raises(LedgerError, match=r"checkpoints\.db"):
        memory.recall("x")


def test_a_memory_that_cannot_be_written_does_not_undo_an_append(place: str, key: Ed25519PrivateKey, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    memory = CheckpointMemory(tmp_path / "home" / "checkpoints.db")
    ledger = Ledger.create(place, key, memory)
    memory.close()
    hold = "c = sqlite3.connect(sys.argv[1], isolation_level=None)\nc.execute('BEGIN IMMEDIATE')\nprint(1, flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", f"import sqlite3, sys\n{hold}", str(memory.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline()
        memory.patience = 0.01
        assert ledger.append([new_entry(0)]) == [0]
        holder.communicate("\n")
    assert "was not remembered" in caplog.text
    assert ledger.append([new_entry(1)]) == [1]
    assert memory.recall(ledger.origin) == ledger.checkpoint()
    ledger.close()
