"""Disks that are full or read-only, files that are no ledger, servers that are not there: clear words, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from disks import mount
from ledger_entries import Intruder, digest_of, new_entry

from jupyter_mlsc.errors import LedgerError
from jupyter_mlsc.ledger import CheckpointMemory, Ledger, NewEntry
from jupyter_mlsc.ledger.audit import audit
from jupyter_mlsc.ledger.lock import append_lock


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte, where this user may mount one."""
    folder = tmp_path / "disk"
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("mount") is None or not mount(folder, "size=1m"):
        pytest.skip("this user cannot mount a small file system; the limit on file sizes is tested instead")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def bulky(number: int) -> NewEntry:
    return NewEntry("signature", new_entry(number).time, os.urandom(20_000), "t", ((f"data/{number}", digest_of(number)),))


def test_a_full_disk_is_told_and_nothing_acknowledged_is_lost(small_disk: Path, key: Ed25519PrivateKey, memory: CheckpointMemory) -> None:
    ledger = Ledger.create(small_disk / "ledger.db", key, memory)
    acknowledged: list[int] = []
    with pytest.raises(LedgerError, match=r"disk is full|disk failed or is full") as caught:
        acknowledged.extend(index for number in range(1_000) for index in ledger.append([bulky(number)]))
    assert caught.value.next_step is not None
    assert acknowledged
    assert [entry.index for entry in ledger.entries()] == acknowledged
    assert audit(ledger, memory).ok
    ledger.close()
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    ledger = Ledger.open(small_disk / "ledger.db", memory, key)
    assert ledger.append([bulky(1_001)]) == [len(acknowledged)]
    assert audit(ledger, memory).ok
    ledger.close()


def test_a_limit_on_file_sizes_is_told_like_a_full_disk(tmp_path: Path, key: Ed25519PrivateKey, memory: CheckpointMemory) -> None:
    pytest.importorskip("resource", reason="this system has no limits on file sizes")
    Ledger.create(tmp_path / "ledger.db", key, memory).close()
    program = (
        "import resource, sys\nfrom pathlib import Path\nfrom cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey\n"
        "from jupyter_mlsc.errors import LedgerError\nfrom jupyter_mlsc.ledger import CheckpointMemory, Ledger\nfrom test_store import bulky\n"
        "ledger = Ledger.open(sys.argv[1], CheckpointMemory(sys.argv[2]), Ed25519PrivateKey.from_private_bytes(bytes.fromhex(sys.argv[3])))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))\n"
        "try:\n    for number in range(1_000):\n        print(*ledger.append([bulky(number)]), flush=True)\n"
        "except LedgerError as err:\n    print(err, file=sys.stderr)\n    sys.exit(3)\n"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2])])}
    arguments = [str(tmp_path / "ledger.db"), str(memory.path), key.private_bytes_raw().hex()]
    done = subprocess.run([sys.executable, "-c", program, *arguments], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "full" in done.stderr
    ledger = Ledger.open(tmp_path / "ledger.db", memory, key)
    assert [str(entry.index) for entry in ledger.entries()] == done.stdout.split()
    assert ledger.append([new_entry(5)])
    assert audit(ledger, memory).ok
    ledger.close()


def test_a_read_only_ledger_is_read_and_refuses_appends_in_clear_words(
    read_only: tuple[Path, Callable[[], None]], key: Ed25519PrivateKey, memory: CheckpointMemory
) -> None:
    folder, close = read_only
    ledger = Ledger.create(folder / "ledger.db", key, memory)
    ledger.append([new_entry(number) for number in range(5)])
    ledger.close()
    close()
    ledger = Ledger.open(folder / "ledger.db", memory, key)
    with pytest.raises(LedgerError, match=r"read-only|cannot lock|permission") as caught:
        ledger.append([new_entry(5)])
    assert caught.value.next_step is not None
    assert [entry.index for entry in ledger.find(name="data/3.csv")] == [3]
    assert audit(ledger, memory).ok
    ledger.close()


def test_a_stale_index_that_cannot_be_written_is_not_needed(
    read_only: tuple[Path, Callable[[], None]], key: Ed25519PrivateKey, memory: CheckpointMemory
) -> None:
    folder, close = read_only
    ledger = Ledger.create(folder / "ledger.db", key, memory)
    ledger.append([new_entry(number, kind="review" if number == 2 else "signature") for number in range(5)])
    ledger.close()
    Intruder(str(folder / "ledger.db")).run("DROP TABLE subject_index")
    close()
    ledger = Ledger.open(folder / "ledger.db", memory)
    assert [entry.index for entry in ledger.find(name="data/3.csv")] == [3]
    assert [entry.index for entry in ledger.entries(kind="review")] == [2]
    assert audit(ledger, memory).ok
    ledger.close()


def test_a_folder_that_cannot_be_written_gets_no_ledger(read_only: tuple[Path, Callable[[], None]], key: Ed25519PrivateKey, memory: CheckpointMemory) -> None:
    folder, close = read_only
    close()
    for place in (folder / "ledger.db", folder / "deeper" / "ledger.db"):
        with pytest.raises(LedgerError):
            Ledger.create(place, key, memory)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "its tables are missing"),
        (b"not a database at all, but a text" * 40, "not a database"),
        (b"SQLite format 3\x00" + b"\xff" * 5_000, r"not a database|damaged"),
    ],
)
def test_a_file_that_is_no_ledger_is_told(tmp_path: Path, memory: CheckpointMemory, content: bytes, words: str) -> None:
    place = tmp_path / "ledger.db"
    place.write_bytes(content)
    with pytest.raises(LedgerError, match=words):
        Ledger.open(place, memory)
    assert place.read_bytes() == content


def test_a_folder_and_a_broken_link_are_no_ledger(tmp_path: Path, memory: CheckpointMemory) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "nowhere.db")
    for place in (tmp_path, tmp_path / "link.db"):
        with pytest.raises(LedgerError, match="there is no ledger"):
            Ledger.open(place, memory)


def test_another_programs_database_is_no_ledger(tmp_path: Path, memory: CheckpointMemory) -> None:
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("CREATE TABLE something (else_entirely TEXT)")
    with pytest.raises(LedgerError, match="its tables are missing"):
        Ledger.open(tmp_path / "ledger.db", memory)


def test_bytes_that_rot_in_the_file_are_found(tmp_path: Path, key: Ed25519PrivateKey, memory: CheckpointMemory) -> None:
    place = tmp_path / "ledger.db"
    ledger = Ledger.create(place, key, memory)
    ledger.append([new_entry(number) for number in range(200)])
    ledger.close()
    sound = place.read_bytes()
    found = 0
    for page in range(1, len(sound) // 4096):
        rotten = bytearray(sound)
        rotten[page * 4096 + 3_000 : page * 4096 + 3_016] = bytes(byte ^ 0x55 for byte in rotten[page * 4096 + 3_000 : page * 4096 + 3_016])
        place.write_bytes(rotten)
        try:
            judged = Ledger.open(place, memory)
            report = audit(judged, memory)
            judged.close()
            found += not report.ok or bool(report.repaired)
        except LedgerError:
            found += 1
        place.write_bytes(sound)
    # A page's unused middle may rot without harm; most of what rots is a row.
    assert found > 0.6 * (len(sound) // 4096 - 1)


def test_an_unfinished_creation_can_be_repeated(tmp_path: Path, key: Ed25519PrivateKey, memory: CheckpointMemory) -> None:
    (tmp_path / "ledger.db").touch()
    assert not Ledger.exists(tmp_path / "ledger.db")
    ledger = Ledger.create(tmp_path / "ledger.db", key, memory)
    assert ledger.append([new_entry(0)]) == [0]
    ledger.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://localhost/x", "cannot be kept in mysql"),
        ("://", "not the URL"),
        ("postgresql://127.0.0.1:1/none?connect_timeout=2", "cannot be reached"),
    ],
)
def test_a_place_that_cannot_be_used_is_told(memory: CheckpointMemory, url: str, words: str) -> None:
    with pytest.raises(LedgerError, match=words):
        Ledger.open(url, memory)


def test_a_server_without_the_database_or_that_accepts_no_writes_is_told(
    new_database: Callable[[], str], key: Ed25519PrivateKey, memory: CheckpointMemory
) -> None:
    url = new_database()
    with pytest.raises(LedgerError, match=r"does not let you in.*does not exist"):
        Ledger.open(url.replace("/postgres?", "/none?"), memory)
    ledger = Ledger.create(url, key, memory)
    ledger.append([new_entry(0)])
    ledger.close()
    ledger = Ledger.open(url + "%20-cdefault_transaction_read_only%3Don", memory, key)
    with pytest.raises(LedgerError, match="accepts no writes"):
        ledger.append([new_entry(1)])
    assert ledger.size == 1
    ledger.close()


def test_a_ledger_without_its_driver_names_the_extra(memory: CheckpointMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LedgerError.__mro__[1], match="needs psycopg") as caught:
        Ledger.open("postgresql://127.0.0.1/none", memory)
    assert "jupyter_mlsc[postgresql]" in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no flock")
def test_a_lock_that_is_not_given_back_is_told_and_the_queue_goes_on(tmp_path: Path, key: Ed25519PrivateKey, memory: CheckpointMemory) -> None:
    ledger = Ledger.create(tmp_path / "ledger.db", key, memory)
    ledger.store.patience = 0.05
    with append_lock(tmp_path / "ledger.db-lock"), pytest.raises(LedgerError, match="locked: another process"):
        ledger.append([new_entry(0)])
    ledger.store.patience = 60
    # Who gave up is still a waiter for an instant; its turn passes by itself.
    assert ledger.append([new_entry(0)]) == [0]
    ledger.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no flock")
def test_a_lock_lets_one_in_at_a_time(tmp_path: Path) -> None:
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(50):
            with append_lock(tmp_path / "lock"):
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 1)
