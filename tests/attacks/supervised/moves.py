"""Ways to the contents of a governed file by moving it, linking it, or by making it look like the run's own output."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.attacks.supervised.inside import MARKER, Stage, Table, libc, syscall

ATTACKS = Table()
attack = ATTACKS.attack
EXCHANGE = 2


def exchange(one: Path, other: Path) -> None:
    """Two names change places."""
    syscall(316, -100, os.fsencode(one), -100, os.fsencode(other), EXCHANGE)


def undumpable_read(path: Path) -> bytes:
    """Read in a process that may not be looked at: its opens are left to the wall."""
    libc.prctl(4, 0, 0, 0, 0)
    return path.read_bytes()


def racing_read(wanted: Path, allowed: Path) -> bytes:
    """Open a path whose bytes another thread flips between two names of one length; what was handed out is kept when it holds the marker."""
    first, second = (os.fsencode(p) for p in (allowed, wanted))
    length = max(len(first), len(second))
    # Slashes at the front change nothing but the length.
    first, second = (b"/" * (length - len(each)) + each for each in (first, second))
    buffer, ended = ctypes.create_string_buffer(first), threading.Event()

    def flip() -> None:
        while not ended.is_set():
            ctypes.memmove(buffer, second, length)
            ctypes.memmove(buffer, first, length)

    thread = threading.Thread(target=flip)
    thread.start()
    error = 0
    try:
        for _ in rounds():
            number = libc.open(buffer, os.O_RDONLY)
            if number < 0:
                # A name that is half of the one and half of the other is nobody's.
                error = ctypes.get_errno() if ctypes.get_errno() != errno.ENOENT else error
                continue
            with os.fdopen(number, "rb") as file:
                got = file.read()
            if MARKER in got:
                return got
    finally:
        ended.set()
        thread.join()
    raise OSError(error, os.strerror(error))


SECONDS_OF_A_RACE = 2.0


def rounds() -> Iterator[int]:
    """Numbers for as long as a race lasts."""
    end, number = time.monotonic() + SECONDS_OF_A_RACE, 0
    while time.monotonic() < end:
        yield number
        number += 1


@attack()
def renamed_to_an_ungoverned_name(s: Stage) -> bytes:
    s.secret.rename(s.project / f"{s.name}.txt")
    return (s.project / f"{s.name}.txt").read_bytes()


@attack()
def renamed_into_a_free_folder(s: Stage) -> bytes:
    s.secret.rename(s.free / "x")
    return (s.free / "x").read_bytes()


@attack()
def renamed_within_its_rule(s: Stage) -> bytes:
    """A move is no output: the bytes are as unsigned as before."""
    s.secret.rename(s.data / "moved.csv")
    return (s.data / "moved.csv").read_bytes()


@attack()
def renamed_and_back(s: Stage) -> bytes:
    s.secret.rename(s.data / "moved.csv")
    (s.data / "moved.csv").rename(s.secret)
    return s.secret.read_bytes()


@attack()
def renamed_over_an_output(s: Stage) -> bytes:
    (s.data / "out.csv").write_bytes(b"mine\n")
    s.secret.rename(s.data / "out.csv")
    return (s.data / "out.csv").read_bytes()


@attack()
def renamed_to_where_a_rule_asks_for_less(s: Stage) -> bytes:
    os.makedirs(s.project / "loose")
    s.secret.rename(s.project / "loose/x.csv")
    return (s.project / "loose/x.csv").read_bytes()


@attack()
def linked_to_where_a_rule_asks_for_less(s: Stage) -> bytes:
    os.makedirs(s.project / "loose", exist_ok=True)
    os.link(s.secret, s.project / "loose/y.csv")
    return (s.project / "loose/y.csv").read_bytes()


@attack()
def a_symbolic_link_where_a_rule_asks_for_less(s: Stage) -> bytes:
    os.makedirs(s.project / "loose", exist_ok=True)
    (s.project / "loose/z.csv").symlink_to(s.secret)
    return (s.project / "loose/z.csv").read_bytes()


@attack()
def its_folder_moved_to_where_a_rule_asks_for_less(s: Stage) -> bytes:
    os.makedirs(s.project / "loose", exist_ok=True)
    s.data.rename(s.project / "loose" / s.name)
    return (s.project / "loose" / s.name / "secret.csv").read_bytes()


@attack()
def its_folder_moved_within_its_rule(s: Stage) -> bytes:
    s.data.rename(s.data.with_name("elsewhere"))
    return (s.data.with_name("elsewhere") / "secret.csv").read_bytes()


@attack()
def its_folder_moved_out(s: Stage) -> bytes:
    s.data.rename(s.free / "folder")
    return (s.free / "folder/secret.csv").read_bytes()


@attack()
def its_folder_exchanged(s: Stage) -> bytes:
    (s.project / f"other-{s.name}").mkdir()
    exchange(s.data, s.project / f"other-{s.name}")
    return (s.project / f"other-{s.name}" / "secret.csv").read_bytes()


@attack()
def exchanged_with_an_ungoverned_file(s: Stage) -> bytes:
    (s.project / f"{s.name}.txt").write_bytes(b"x")
    exchange(s.secret, s.project / f"{s.name}.txt")
    return (s.project / f"{s.name}.txt").read_bytes()


@attack()
def exchanged_the_other_way_round(s: Stage) -> bytes:
    (s.project / f"{s.name}.txt").write_bytes(b"x")
    exchange(s.project / f"{s.name}.txt", s.secret)
    return (s.project / f"{s.name}.txt").read_bytes()


@attack()
def exchanged_with_an_output(s: Stage) -> bytes:
    (s.data / "out.csv").write_bytes(b"mine\n")
    exchange(s.secret, s.data / "out.csv")
    return (s.data / "out.csv").read_bytes()


@attack()
def exchanged_with_a_signed_file(s: Stage) -> bytes:
    exchange(s.secret, s.data / "signed.csv")
    return (s.data / "signed.csv").read_bytes()


@attack()
def hard_linked_out(s: Stage) -> bytes:
    os.link(s.secret, s.free / "x")
    return (s.free / "x").read_bytes()


@attack()
def hard_linked_by_an_open_descriptor(s: Stage) -> bytes:
    number = os.open(s.secret, os.O_PATH)
    syscall(265, -100, b"/proc/self/fd/%d" % number, -100, os.fsencode(s.free / "x"), 0x400)
    return (s.free / "x").read_bytes()


@attack("EACCES ENOENT", control=False)
def hard_linked_with_an_empty_path(s: Stage) -> bytes:
    syscall(265, os.open(s.secret, os.O_PATH), b"", -100, os.fsencode(s.free / "x"), 0x1000)
    return (s.free / "x").read_bytes()


@attack()
def hard_linked_within_its_rule(s: Stage) -> bytes:
    os.link(s.secret, s.data / "linked.csv")
    return (s.data / "linked.csv").read_bytes()


@attack()
def hard_linked_over_the_place_of_an_output(s: Stage) -> bytes:
    (s.data / "out.csv").write_bytes(b"mine\n")
    (s.data / "out.csv").unlink()
    os.link(s.secret, s.data / "out.csv")
    return (s.data / "out.csv").read_bytes()


@attack()
def made_an_output_by_appending(s: Stage) -> bytes:
    """What was there before is not the run's own because a byte was added to it."""
    with open(s.secret, "ab") as file:
        file.write(b"x")
    return s.secret.read_bytes()


@attack()
def made_an_output_by_writing_into_it(s: Stage) -> bytes:
    number = os.open(s.secret, os.O_WRONLY)
    os.pwrite(number, b"\n", 200)
    os.close(number)
    return s.secret.read_bytes()


@attack()
def made_an_output_by_opening_it_for_writing(s: Stage) -> bytes:
    os.close(os.open(s.secret, os.O_WRONLY | os.O_CREAT, 0o600))
    return s.secret.read_bytes()


@attack()
def made_an_output_by_cutting_its_end(s: Stage) -> bytes:
    os.truncate(s.secret, s.secret.stat().st_size - 1)
    return s.secret.read_bytes()


@attack()
def made_an_output_by_making_it_longer(s: Stage) -> bytes:
    os.truncate(s.secret, s.secret.stat().st_size + 1)
    return s.secret.read_bytes()


@attack()
def made_an_output_of_a_symbolic_links_name(s: Stage) -> bytes:
    (s.data / "out.csv").symlink_to(s.secret)
    with open(s.data / "out.csv", "ab") as file:
        file.write(b"x")
    return (s.data / "out.csv").read_bytes()


@attack()
def a_free_folder_moved_beside_it(s: Stage) -> bytes:
    """A folder that the wall grants keeps its grant wherever it goes: nothing governed may be brought into it."""
    s.free.rename(s.data / "sub")
    s.secret.rename(s.data / "sub/secret.csv")
    return undumpable_read(s.data / "sub/secret.csv")


@attack("EXDEV")
def a_parent_of_free_folders_moved_beside_it(s: Stage) -> bytes:
    (s.root / "free").rename(s.data / "sub")
    s.secret.rename(s.data / "sub" / s.name / "secret.csv")
    return undumpable_read(s.data / "sub" / s.name / "secret.csv")


@attack()
def a_free_folder_exchanged_with_its_folder(s: Stage) -> bytes:
    (s.data / "sub").mkdir()
    exchange(s.data / "sub", s.free)
    s.secret.rename(s.data / "sub/secret.csv")
    return undumpable_read(s.data / "sub/secret.csv")


@attack()
def read_by_a_process_that_may_not_be_looked_at(s: Stage) -> bytes:
    return undumpable_read(s.secret)


@attack()
def a_path_rewritten_between_check_and_use(s: Stage) -> bytes:
    """The name of a system file when it is checked, the secret's when it is used."""
    return racing_read(s.secret, Path("/etc/hostname"))


@attack()
def a_path_rewritten_from_a_signed_name(s: Stage) -> bytes:
    return racing_read(s.secret, s.data / "signed.csv")


@attack()
def a_path_rewritten_from_a_free_name(s: Stage) -> bytes:
    (s.free / "x").write_bytes(b"free")
    return racing_read(s.secret, s.free / "x")


def _swapping_read(s: Stage, swap: list[tuple[Path, Path]], read: Path) -> bytes:
    """Read a name while another thread keeps changing what it leads to."""
    ended = threading.Event()

    def change() -> None:
        while not ended.is_set():
            for one, other in swap:
                try:
                    os.replace(one, other)
                except OSError:
                    continue

    thread = threading.Thread(target=change)
    thread.start()
    error = 0
    try:
        for _ in rounds():
            try:
                got = read.read_bytes()
            except OSError as err:
                error = 13 if err.errno == 13 else error or err.errno or 0
                continue
            if MARKER in got:
                return got
    finally:
        ended.set()
        thread.join()
    raise OSError(error, os.strerror(error))


@attack()
def a_symbolic_link_swapped_in_a_race(s: Stage) -> bytes:
    (s.free / "link").symlink_to(s.data / "signed.csv")
    ended = threading.Event()

    def change() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            temporary = s.free / f"t{number}"
            temporary.symlink_to(s.secret if number % 2 else s.data / "signed.csv")
            temporary.rename(s.free / "link")

    thread = threading.Thread(target=change)
    thread.start()
    refused = False
    try:
        for _ in rounds():
            try:
                got = (s.free / "link").read_bytes()
            except OSError as err:
                refused |= err.errno == 13
                continue
            if MARKER in got:
                return got
    finally:
        ended.set()
        thread.join()
    raise OSError(13 if refused else 5, "")


@attack()
def two_names_exchanged_in_a_race(s: Stage) -> bytes:
    a, b, c = s.data / "signed.csv", s.secret, s.data / "between.csv"
    return _swapping_read(s, [(a, c), (b, a), (c, b)], a)


@attack()
def moved_out_in_a_race_with_a_signed_file(s: Stage) -> bytes:
    """A verified file may leave; in its place, at the last moment, another one."""
    ended = threading.Event()
    signed, kept = s.data / "signed.csv", s.data / "kept.csv"
    good = signed.read_bytes()

    def change() -> None:
        while not ended.is_set():
            try:
                exchange(kept, signed)
            except OSError:
                continue

    os.rename(s.secret, kept)
    thread = threading.Thread(target=change)
    thread.start()
    refused = False
    try:
        for number in rounds():
            target = s.project / f"{s.name}-{number}.txt"
            try:
                os.rename(signed, target)
            except OSError as err:
                refused |= err.errno == 13
                continue
            got = target.read_bytes()
            if MARKER in got:
                return got
            with open(signed, "wb") as file:
                file.write(good)
    finally:
        ended.set()
        thread.join()
    raise OSError(13 if refused else 5, "")


@attack()
def copied_by_a_process_tree_that_outlives_its_parent(s: Stage) -> bytes:
    done = subprocess.run(["sh", "-c", f"(sleep 0.05; cp {s.secret} {s.free}/x 2>{s.free}/told; echo done >{s.free}/done) & exit 0"], check=False)
    assert done.returncode == 0
    while not (s.free / "done").exists():
        os.sched_yield()
    if b"ermission denied" in (s.free / "told").read_bytes():
        raise PermissionError(13, "cp")
    return (s.free / "x").read_bytes()
