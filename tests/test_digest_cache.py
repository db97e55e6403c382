"""The digest cache: when it may be believed, when it may not, and that no fault of it goes unseen or does harm."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from jupyter_mlsc import digest_cache
from jupyter_mlsc.artifacts import Measurement
from jupyter_mlsc.digest_cache import RACY_NS, DigestCache, measure_cached
from jupyter_mlsc.digests import measure, measure_descriptor
from jupyter_mlsc.errors import ArtifactChangedError, ArtifactError
from jupyter_mlsc.file_identity import FileIdentity
from tests.digest_cases import make_data_tree, overwrite, replaced

LATER = 10 * RACY_NS
"""Time that is let pass, by handing in another now: nothing here waits."""

LIE = "f" * 64
"""A digest that no bytes have: where it comes back, the cache was asked and the file was not read."""


@pytest.fixture
def cache(tmp_path: Path) -> DigestCache:
    (tmp_path / "home").mkdir()
    return DigestCache(tmp_path / "home" / "digests.db")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "train.csv"
    path.write_bytes(b"x,y\n1,2\n")
    return path


def settled_now(path: Path) -> int:
    """A time at which nothing about the file is recent."""
    return path.stat().st_ctime_ns + LATER


def test_what_was_measured_is_known_while_the_file_is_unchanged(cache: DigestCache, file: Path) -> None:
    now = settled_now(file)
    assert cache.get(file.stat(), now) is None
    first = measure_cached(file, cache, now)
    assert first == measure(file)
    assert cache.get(file.stat(), now) == first
    assert cache.fault is None


def test_the_file_is_not_read_again(cache: DigestCache, file: Path) -> None:
    now = settled_now(file)
    cache.put(file.stat(), Measurement(file.stat().st_size, LIE, LIE), now)
    assert measure_cached(file, cache, now).sha256 == LIE
    with file.open("rb") as opened:
        assert measure_cached(opened.fileno(), cache, now).sha256 == LIE
        assert measure_descriptor(opened.fileno()).sha256 != LIE
    assert measure(file).sha256 != LIE


def test_only_what_is_not_known_is_computed_and_both_are_kept(cache: DigestCache, file: Path) -> None:
    now = settled_now(file)
    right = measure(file)
    cache.put(file.stat(), Measurement(right.size, sha256=LIE), now)
    found = measure_cached(file, cache, now, sha256=False)
    assert (found.sha256, found.content_root) == (LIE, right.content_root)
    assert cache.get(file.stat(), now) == found
    cache.put(file.stat(), Measurement(right.size, content_root=LIE), now)
    assert cache.get(file.stat(), now) == Measurement(right.size, LIE, LIE)


def test_what_was_known_of_an_older_state_is_not_mixed_in(cache: DigestCache, file: Path) -> None:
    cache.put(file.stat(), Measurement(file.stat().st_size, sha256=LIE), settled_now(file))
    os.utime(file, ns=(1, 1))
    now = settled_now(file)
    measured = measure_cached(file, cache, now, sha256=False)
    assert measured.sha256 is None
    assert cache.get(file.stat(), now) == measured


@pytest.mark.parametrize("field", FileIdentity._fields)
def test_a_difference_in_any_of_the_five_is_another_file(cache: DigestCache, file: Path, field: str) -> None:
    identity = FileIdentity.of(file.stat())
    now = settled_now(file)
    cache.put_many([(identity, Measurement(identity.size, LIE))], now)
    assert cache.get_many([identity], now) == [Measurement(identity.size, LIE)]
    other = identity._replace(**{field: getattr(identity, field) + 1})
    assert cache.get_many([other], now) == [None]


def test_edits_replacements_and_forged_times_are_seen(cache: DigestCache, file: Path) -> None:
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    measure_cached(file, cache, settled_now(file))
    overwrite(file, b"X")
    os.utime(file, ns=times)
    assert measure_cached(file, cache, settled_now(file)) == measure(file)
    replaced(file, b"x,y\n1,3\n")
    os.utime(file, ns=times)
    assert measure_cached(file, cache, settled_now(file)) == measure(file)
    other = file.with_name("other.csv")
    other.write_bytes(b"x,y\n9,9\n")
    os.rename(other, file)
    assert measure_cached(file, cache, settled_now(file)) == measure(file)


def test_a_write_within_the_clock_s_tick_is_never_believed_to_be_none(cache: DigestCache, file: Path) -> None:
    """The race: measured, then written again so soon that the times are the same. Nothing that young is kept or given."""
    ctime = file.stat().st_ctime_ns
    status = file.stat()
    known = Measurement(status.st_size, LIE)
    for young in (ctime - LATER, ctime, ctime + 1, ctime + RACY_NS):
        cache.put(status, known, young)
        assert cache.get(status, ctime + LATER) is None, "it was too young when it was put"
    cache.put(status, known, ctime + RACY_NS + 1)
    assert cache.get(status, ctime + RACY_NS + 1) == known
    for young in (ctime - LATER, ctime, ctime + RACY_NS):
        assert cache.get(status, young) is None, "it is too young when it is asked for"


def test_a_file_just_written_is_measured_each_time(cache: DigestCache, file: Path) -> None:
    measure_cached(file, cache, time.time_ns())
    overwrite(file, b"X")
    assert measure_cached(file, cache, time.time_ns()) == measure(file)


def test_a_file_that_changes_while_it_is_measured_is_not_kept(cache: DigestCache, file: Path) -> None:
    os.utime(file, ns=(0, 0))
    status, now = file.stat(), settled_now(file)
    with pytest.raises(ArtifactChangedError):
        measure_cached(file, cache, now, progress=lambda done, total: overwrite(file, b"!"))
    assert cache.get(status, now) is None
    assert cache.get(file.stat(), settled_now(file)) is None


def test_a_tree_is_walked_and_its_unchanged_files_are_not_read(cache: DigestCache, tmp_path: Path) -> None:
    tree = make_data_tree(tmp_path / "data")
    now = time.time_ns() + LATER
    first = measure_cached(tree, cache, now)
    assert first == measure(tree)
    read: list[int] = []
    assert measure_cached(tree, cache, now, progress=lambda done, total: read.append(total)) == first
    assert set(read) == {0}
    overwrite(tree / "train.csv", b"X")
    (tree / "new.csv").write_bytes(b"12345")
    read.clear()
    assert measure_cached(tree, cache, time.time_ns() + LATER, progress=lambda done, total: read.append(total)) == measure(tree)
    assert set(read) == {(tree / "train.csv").stat().st_size + 5}
    (tree / "train.csv").unlink()
    os.mkfifo(tree / "train.csv")
    with pytest.raises(ArtifactError, match="FIFO"):
        measure_cached(tree, cache, now)


def test_measurements_of_trees_or_of_other_sizes_are_not_kept(cache: DigestCache, file: Path, tmp_path: Path) -> None:
    now = time.time_ns() + LATER
    tree = make_data_tree(tmp_path / "data")
    cache.put(tree.stat(), replace(measure(tree), size=tree.stat().st_size), now)
    assert cache.get(tree.stat(), now) is None
    cache.put(file.stat(), Measurement(file.stat().st_size + 1, LIE), now)
    assert cache.get(file.stat(), now) is None


UNSIGNED = st.integers(0, 2**64 - 1)
IDENTITIES = st.builds(FileIdentity, UNSIGNED, UNSIGNED, st.integers(0, 2**62), st.integers(-(2**62), 2**62), st.integers(0, 2**61))


@settings(max_examples=50, deadline=None)
@given(identity=IDENTITIES)
def test_any_numbers_that_a_file_system_gives_are_kept(tmp_path_factory: pytest.TempPathFactory, identity: FileIdentity) -> None:
    cache = DigestCache(tmp_path_factory.mktemp("home") / "digests.db")
    now = identity.ctime_ns + LATER
    cache.put_many([(identity, Measurement(identity.size, LIE))], now)
    assert cache.get_many([identity], now) == [Measurement(identity.size, LIE)]
    assert cache.fault is None
    cache.close()


def test_the_oldest_rows_go_first(cache: DigestCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest_cache, "MOST_ROWS", 50)
    identities = [FileIdentity(1, inode, 5, 0, 0) for inode in range(200)]
    for identity in identities:
        cache.put_many([(identity, Measurement(5, LIE))], LATER)
    cache.put_many([(identities[150], Measurement(5, content_root=LIE))], LATER)
    known = [identity.inode for identity, found in zip(identities, cache.get_many(identities, LATER), strict=True) if found]
    assert known == list(range(150, 200))
    cache.put_many([(FileIdentity(2, inode, 5, 0, 0), Measurement(5, LIE)) for inode in range(49)], LATER)
    known = [identity.inode for identity, found in zip(identities, cache.get_many(identities, LATER), strict=True) if found]
    assert known == [150], "what was written last is youngest"


def test_the_database_is_nobody_else_s_to_read(cache: DigestCache, file: Path, tmp_path: Path) -> None:
    measure_cached(file, cache, settled_now(file))
    assert (tmp_path / "home" / "digests.db").stat().st_mode & 0o777 == 0o600


# Faults


def spoil_header(path: Path) -> None:
    overwrite(path, b"this is no database at all")


def spoil_all_pages(path: Path) -> None:
    overwrite(path, b"\xff" * (path.stat().st_size - 100), 100)


def empty_by_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 17)


def flip_a_digest(path: Path) -> None:
    data = path.read_bytes()
    assert bytes.fromhex(LIE) in data
    path.write_bytes(data.replace(bytes.fromhex(LIE), bytes.fromhex("0" + LIE[1:])))


def change_a_row(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE digests SET sha256 = ?", (bytes(32),))
    connection.close()


def retype_a_row(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE digests SET sha256 = 'text', size = 'é'")
    connection.close()


def drop_the_table(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE digests")
    connection.close()


def come_from_the_future(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize(
    "damage", [spoil_header, spoil_all_pages, empty_by_half, flip_a_digest, change_a_row, retype_a_row, drop_the_table, come_from_the_future]
)
def test_a_damaged_cache_is_reported_and_never_believed(tmp_path: Path, file: Path, damage: object) -> None:
    path = tmp_path / "digests.db"
    now = settled_now(file)
    before = DigestCache(path)
    before.put(file.stat(), Measurement(file.stat().st_size, LIE, LIE), now)
    before.close()
    assert callable(damage)
    damage(path)
    cache = DigestCache(path)
    assert measure_cached(file, cache, now) == measure(file)
    assert cache.fault is not None
    assert str(path) in cache.fault
    assert "delete it" in cache.fault
    assert measure_cached(file, cache, now) == measure(file)
    path.unlink()
    anew = DigestCache(path)
    measure_cached(file, anew, now)
    assert anew.get(file.stat(), now) == measure(file)


def test_a_cache_that_cannot_be_opened_is_reported_and_does_no_harm(tmp_path: Path, file: Path) -> None:
    (tmp_path / "a-folder").mkdir()
    for path in (tmp_path / "missing" / "digests.db", tmp_path / "a-folder", file / "below", Path("/proc/digests.db")):
        cache = DigestCache(path)
        assert measure_cached(file, cache, settled_now(file)) == measure(file)
        assert cache.fault is not None
        assert str(path) in cache.fault


def test_a_cache_on_a_full_disk_is_reported_and_does_no_harm(tmp_path: Path, file: Path) -> None:
    path = tmp_path / "digests.db"
    cache = DigestCache(path)
    cache.put(file.stat(), Measurement(file.stat().st_size, LIE), settled_now(file))
    limited = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))\n"
        "from jupyter_mlsc.digest_cache import *; from jupyter_mlsc.file_identity import *; from jupyter_mlsc.artifacts import *\n"
        "cache = DigestCache(sys.argv[1])\n"
        "cache.put_many([(FileIdentity(1, n, 5, 0, 0), Measurement(5, 'a' * 64)) for n in range(2000)], 10**12)\n"
        "print(cache.fault)"
    )
    child = subprocess.run([sys.executable, "-c", limited, path], capture_output=True, text=True, check=True)
    assert "is not used" in child.stdout
    assert cache.get(file.stat(), settled_now(file)) == Measurement(file.stat().st_size, LIE)


def test_a_cache_that_others_hold_locked_is_reported_and_does_no_harm(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest_cache, "_BUSY_SECONDS", 0.01)
    path = tmp_path / "digests.db"
    DigestCache(path).put(file.stat(), Measurement(file.stat().st_size, LIE), settled_now(file))
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    cache = DigestCache(path)
    assert measure_cached(file, cache, settled_now(file)) == measure(file)
    assert cache.fault is not None
    assert "locked" in cache.fault
    holder.close()


# Many at once


WRITER = """
import sys
from jupyter_mlsc.artifacts import Measurement
from jupyter_mlsc.digest_cache import DigestCache
from jupyter_mlsc.file_identity import FileIdentity
cache, writer = DigestCache(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for n in range(60):
    own, shared = FileIdentity(writer, n, 5, 0, 0), FileIdentity(0, n, 5, 0, 0)
    half = Measurement(5, "a" * 64) if writer % 2 else Measurement(5, None, "b" * 64)
    cache.put_many([(own, half), (shared, half)], 10**12)
    assert cache.get_many([own], 10**12) == [half], cache.fault
assert cache.fault is None, cache.fault
"""


def test_many_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "digests.db"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for number in range(1, 7)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        _, stderr = writer.communicate()
        assert writer.returncode == 0, stderr
    cache = DigestCache(path)
    both = cache.get_many([FileIdentity(0, n, 5, 0, 0) for n in range(60)], 10**12)
    assert both == [Measurement(5, "a" * 64, "b" * 64)] * 60
    assert None not in cache.get_many([FileIdentity(writer, n, 5, 0, 0) for writer in range(1, 7) for n in range(60)], 10**12)


def test_many_threads_share_a_cache(cache: DigestCache) -> None:
    failures: list[BaseException] = []

    def use(number: int) -> None:
        try:
            for n in range(50):
                identity = FileIdentity(number, n, 5, 0, 0)
                cache.put_many([(identity, Measurement(5, LIE))], LATER)
                assert cache.get_many([identity], LATER) == [Measurement(5, LIE)]
        except AssertionError as err:
            failures.append(err)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert cache.fault is None


FORKS = """
import os, sys
from pathlib import Path
from jupyter_mlsc.artifacts import Measurement
from jupyter_mlsc.digest_cache import DigestCache
from jupyter_mlsc.file_identity import FileIdentity
from tests.test_digest_cache import LATER, LIE
cache = DigestCache(Path(sys.argv[1]))
mine, childs = FileIdentity(1, 1, 5, 0, 0), FileIdentity(1, 2, 5, 0, 0)
cache.put_many([(mine, Measurement(5, LIE))], LATER)
with cache._alone():  # as if another thread were in the middle of something
    child = os.fork()
    if not child:
        cache.put_many([(childs, Measurement(5, LIE))], LATER)
        assert cache.fault is None and cache.get_many([mine], LATER) == [Measurement(5, LIE)]
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0
assert cache.get_many([mine, childs], LATER) == [Measurement(5, LIE)] * 2
"""


def test_a_forked_child_uses_a_connection_of_its_own(cache: DigestCache) -> None:
    subprocess.run([sys.executable, "-c", FORKS, str(cache._path)], check=True, timeout=120)


def test_a_thousand_files_are_looked_up_in_few_questions(cache: DigestCache, tmp_path: Path) -> None:
    identities = [FileIdentity(1, inode, 5, 0, 0) for inode in range(1000)]
    cache.put_many([(identity, Measurement(5, LIE)) for identity in identities], LATER)
    cache.close()
    connection = cache._open()
    assert connection is not None
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    assert cache.get_many(identities, LATER) == [Measurement(5, LIE)] * 1000
    assert len(statements) < 10
    connection.set_trace_callback(None)
