"""What has no digest: things that are no files, cannot be read, or do not hold still while they are."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_mlsc import block_hashing
from jupyter_mlsc.artifacts import ManifestLine
from jupyter_mlsc.digests import CONTENT_BLOCK, manifest_digest, measure, measure_descriptor
from jupyter_mlsc.errors import ArtifactChangedError, ArtifactError, ArtifactMissingError
from tests.digest_cases import appended, at_start, make_data_tree, make_fifo, make_link_to_device, make_loop, make_socket, midway, overwrite, replaced


@pytest.fixture
def data_tree(tmp_path: Path) -> Path:
    return make_data_tree(tmp_path / "data")


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    descriptors = len(os.listdir("/proc/self/fd"))
    yield
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("mlsc-hash")]
    assert len(os.listdir("/proc/self/fd")) <= descriptors  # fewer when what other tests left was collected meanwhile


# What has no digest


def test_a_missing_artifact_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactMissingError, match=r"nothing\.csv"):
        measure(tmp_path / "nothing.csv")
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactMissingError, match="file/below"):
        measure(tmp_path / "file" / "below")
    with pytest.raises(ArtifactError, match=r"nul\\x00byte"):
        measure(tmp_path / "nul\0byte")


@pytest.mark.parametrize(
    ("make", "why"),
    [(make_fifo, "a FIFO"), (make_socket, "a socket"), (make_link_to_device, "a character device"), (make_loop, "leads nowhere but to itself")],
)
def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path, make: Callable[[Path], None], why: str) -> None:
    path = tmp_path / "odd"
    make(path)
    with pytest.raises(ArtifactError, match=f"odd.*{why}"):
        measure(path)


@pytest.mark.parametrize(("make", "why"), [(make_fifo, "a FIFO"), (make_socket, "a socket"), (make_link_to_device, "leaves the tree"), (make_loop, "itself")])
def test_what_is_no_regular_file_in_a_tree_is_refused(data_tree: Path, make: Callable[[Path], None], why: str) -> None:
    make(data_tree / "a" / "odd")
    with pytest.raises(ArtifactError, match=f"a/odd.*{why}"):
        measure(data_tree)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_in_a_tree_is_refused(data_tree: Path) -> None:
    try:
        os.mknod(data_tree / "disk", stat.S_IFBLK | 0o600, os.makedev(7, 200))
    except PermissionError:
        pytest.skip("no devices may be made here")
    with pytest.raises(ArtifactError, match="disk is a block device"):
        measure(data_tree)


@pytest.fixture
def as_ordinary_user() -> Iterator[Path]:
    """A folder of our own, and no power to read other people's files."""
    root = os.geteuid() == 0
    folder = Path(tempfile.mkdtemp())
    if root:
        os.chmod(folder, 0o777)
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        subprocess.run(["chmod", "-R", "u+rwX", folder], check=True)
        shutil.rmtree(folder)


def test_what_may_not_be_read_is_named(as_ordinary_user: Path) -> None:
    tree = as_ordinary_user / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "open.csv").write_bytes(b"1")
    secret = tree / "secret.csv"
    secret.write_bytes(b"2")
    secret.chmod(0)
    for path in (secret, tree):
        with pytest.raises(ArtifactError, match=r"secret\.csv cannot be read: Permission denied\n  next: ask its owner"):
            measure(path)
    secret.unlink()
    (tree / "sub").chmod(0)
    with pytest.raises(ArtifactError, match=r"tree/sub cannot be read: Permission denied"):
        measure(tree)


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs Linux's /proc")
def test_a_read_that_fails_is_named() -> None:
    with pytest.raises(ArtifactError, match="/proc/self/mem cannot be read: Input/output error"):
        measure("/proc/self/mem")


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs Linux's /proc")
def test_a_file_that_says_it_is_empty_and_is_not_has_no_digest() -> None:
    with pytest.raises(ArtifactChangedError, match="more bytes than its size says"):
        measure("/proc/self/status")


def test_names_that_are_not_utf8_are_refused(data_tree: Path) -> None:
    odd = os.fsencode(data_tree) + b"/a/caf\xe9.csv"
    with open(odd, "wb"):
        pass
    with pytest.raises(ArtifactError, match=r"not UTF-8: .*a/caf\\xe9\.csv"):
        measure(data_tree)
    with pytest.raises(ArtifactError, match=r"not UTF-8: .*a/caf\\xe9\.csv"):
        measure(os.fsdecode(odd))


def test_a_newline_in_a_name_cannot_forge_a_line_of_the_manifest(tmp_path: Path) -> None:
    honest, forged = tmp_path / "honest", tmp_path / "forged"
    for tree in (honest, forged):
        tree.mkdir()
    (honest / "a").write_bytes(b"1")
    (honest / "b").write_bytes(b"2")
    (forged / f"a\n{hashlib.sha256(b'2').hexdigest()}  b").write_bytes(b"1")
    measure(honest)
    with pytest.raises(ArtifactError, match=r"newline: .*a\\n"):
        measure(forged)
    with pytest.raises(ValueError, match="cannot hold this name"):
        manifest_digest([ManifestLine("a\nb", "0" * 64, 1)])


def test_names_in_messages_cannot_drive_a_terminal(tmp_path: Path) -> None:
    with pytest.raises(ArtifactMissingError) as caught:
        measure(tmp_path / "\x1b[2Jgone\u202e")
    assert "\x1b" not in str(caught.value)
    assert "\u202e" not in str(caught.value)


# What does not hold still


def rewritten_with_old_times(path: Path) -> None:
    overwrite(path, b"!")
    os.utime(path, ns=(0, 0))


def another_in_place(make: Callable[[Path], None]) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.unlink()
        make(path)

    return change


CHANGES: list[tuple[str, Callable[[Path], object]]] = [
    ("rewritten in place", lambda path: overwrite(path, b"!")),
    ("rewritten by another process", lambda path: subprocess.run(["dd", f"of={path}", "conv=notrunc", "status=none"], input=b"!", check=True)),
    ("rewritten with its old times", rewritten_with_old_times),
    ("grown", lambda path: appended(path, b"!")),
    ("cut", lambda path: os.truncate(path, 10)),
    ("emptied", lambda path: os.truncate(path, 0)),
]


@pytest.mark.parametrize("wish", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("change", [change for _, change in CHANGES], ids=[how for how, _ in CHANGES])
def test_a_file_that_changes_while_it_is_hashed_has_no_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wish: tuple[bool, bool], threads: int, change: Callable[[Path], object]
) -> None:
    monkeypatch.setattr(block_hashing, "PROGRESS_INTERVAL", 0.0)
    path = tmp_path / "train.bin"
    path.touch()
    os.truncate(path, 48 * CONTENT_BLOCK)
    os.utime(path, ns=(0, 0))
    progress = midway(lambda: change(path))
    with pytest.raises(ArtifactChangedError, match=r"train\.bin changed while it was read"):
        measure(path, sha256=wish[0], content_tree=wish[1], threads=threads, progress=progress)


REPLACEMENTS: list[tuple[str, Callable[[Path], object]]] = [
    ("replaced", lambda path: replaced(path, b"0" * 1000)),
    ("removed", lambda path: path.unlink()),
    ("replaced by a FIFO", another_in_place(make_fifo)),
    ("replaced by a loop", another_in_place(make_loop)),
]


@pytest.mark.parametrize("change", [change for _, change in CHANGES + REPLACEMENTS], ids=[how for how, _ in CHANGES + REPLACEMENTS])
def test_a_small_file_that_changes_after_it_was_looked_at_has_no_digest(tmp_path: Path, change: Callable[[Path], object]) -> None:
    path = tmp_path / "small.csv"
    path.write_bytes(b"0" * 1000)
    os.utime(path, ns=(0, 0))
    with pytest.raises(ArtifactChangedError, match=r"small\.csv changed"):
        measure(path, progress=at_start(lambda: change(path)))


def test_an_open_descriptor_s_file_that_changes_has_no_digest(tmp_path: Path) -> None:
    path = tmp_path / "small.csv"
    path.write_bytes(b"0" * 1000)
    os.utime(path, ns=(0, 0))
    with path.open("rb") as file, pytest.raises(ArtifactChangedError, match=r"small\.csv changed"):
        measure_descriptor(file.fileno(), name="small.csv", progress=at_start(lambda: overwrite(path, b"!")))


def swapped_for_link(folder: Path, outside: Path) -> None:
    """The attack: a folder of the tree becomes a link to a folder with files of the same names and sizes elsewhere."""
    shutil.copytree(folder, outside)
    folder.rename(folder.with_name("moved"))
    folder.symlink_to(outside)


TREE_CHANGES: list[tuple[str, str, Callable[[Path], object]]] = [
    ("added", "new.csv was added", lambda tree: (tree / "a" / "new.csv").write_bytes(b"1")),
    ("added late", "new.csv was added", lambda tree: (tree / "new.csv").touch()),
    ("link added", "new.csv was added", lambda tree: (tree / "new.csv").symlink_to("train.csv")),
    ("removed", r"train\.csv changed .*removed", lambda tree: (tree / "train.csv").unlink()),
    ("edited", r"train\.csv changed", lambda tree: overwrite(tree / "train.csv", b"!")),
    ("replaced", r"train\.csv changed", lambda tree: replaced(tree / "train.csv", b"x,y\n1,3\n")),
    ("renamed folder", "weights.bin changed .*removed", lambda tree: (tree / "a").rename(tree / "b")),
    ("swapped folder", "weights.bin changed .*another file", lambda tree: swapped_for_link(tree / "a", tree.parent / "outside")),
    ("swapped file", "train.csv changed .*symbolic link", lambda tree: another_in_place(make_loop)(tree / "train.csv")),
]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("why", "change"), [case[1:] for case in TREE_CHANGES], ids=[how for how, _, _ in TREE_CHANGES])
def test_a_tree_that_changes_while_it_is_hashed_has_no_digest(data_tree: Path, threads: int, why: str, change: Callable[[Path], object]) -> None:
    os.utime(data_tree / "train.csv", ns=(0, 0))
    with pytest.raises(ArtifactChangedError, match=why):
        measure(data_tree, threads=threads, progress=at_start(lambda: change(data_tree)))


def test_a_file_that_changes_after_its_own_turn_is_seen_at_the_end(data_tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_hashing, "PROGRESS_INTERVAL", 0.0)
    # The largest file comes first; it is read whole when the last progress is told.
    seen: list[int] = []

    def progress(done: int, total: int) -> None:
        if done == total and not seen:
            seen.append(done)
            overwrite(data_tree / "a" / "weights.bin", b"!", CONTENT_BLOCK)

    os.utime(data_tree / "a" / "weights.bin", ns=(0, 0))
    with pytest.raises(ArtifactChangedError, match=r"a/weights\.bin changed"):
        measure(data_tree, threads=1, progress=progress)


@pytest.mark.parametrize("moment", ["a", "a/b"])
def test_a_folder_swapped_for_a_link_during_the_walk_leads_nowhere(tmp_path: Path, data_tree: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """The race between listing a folder and opening it, brought about at its very moment."""
    really_open = os.open
    todo = [lambda: swapped_for_link(data_tree / "a", tmp_path / "outside")]

    def opening(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == moment and dir_fd is not None and todo:
            todo.pop()()
        return really_open(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", opening)
    with pytest.raises(ArtifactChangedError, match=r"removed or replaced|another directory"):
        measure(data_tree)
    assert not todo
