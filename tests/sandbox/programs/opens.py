"""Every way to open: each kind of name with each combination of flags that means something, and the cases that a table cannot hold."""

# ruff: noqa: SIM115  # files of one line, in processes of a moment
from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import resource
import signal
import socket
import struct
import threading
from functools import partial

import kit
from kit import AT_FDCWD, BAD_POINTER, Case, Record, write

R, W, RW = os.O_RDONLY, os.O_WRONLY, os.O_RDWR
C, X, T, A = os.O_CREAT, os.O_EXCL, os.O_TRUNC, os.O_APPEND
D, NF, P, TMP = os.O_DIRECTORY, os.O_NOFOLLOW, os.O_PATH, os.O_TMPFILE
NB, CE, NOATIME, SYNC, DIRECT = os.O_NONBLOCK, os.O_CLOEXEC, os.O_NOATIME, os.O_SYNC, os.O_DIRECT

FLAGS = {
    "R": R,
    "W": W,
    "RW": RW,
    "3": 3,
    "R|T": R | T,
    "W|T": W | T,
    "RW|T": RW | T,
    "W|A": W | A,
    "RW|A|T": RW | A | T,
    "R|X": X,
    "W|C": W | C,
    "R|C": C,
    "RW|C": RW | C,
    "W|C|X": W | C | X,
    "R|C|X": C | X,
    "W|C|T": W | C | T,
    "R|C|T": C | T,
    "W|C|A": W | C | A,
    "W|C|X|T": W | C | X | T,
    "R|D": D,
    "W|D": W | D,
    "R|D|C": D | C,
    "W|D|C": W | D | C,
    "R|D|NF": D | NF,
    "R|NF": NF,
    "W|NF": W | NF,
    "W|C|NF": W | C | NF,
    "W|C|X|NF": W | C | X | NF,
    "W|T|NF": W | T | NF,
    "P": P,
    "P|NF": P | NF,
    "P|D": P | D,
    "P|C": P | C,
    "P|W|T": P | W | T,
    "P|CE": P | CE,
    "P|C|X": P | C | X,
    "P|NF|D": P | NF | D,
    "TMP|RW": TMP | RW,
    "TMP|R": TMP,
    "TMP|W|X": TMP | W | X,
    "TMP|RW|C": TMP | RW | C,
    "TMP|W|T": TMP | W | T,
    "TMP|W|NF": TMP | W | NF,
    "TMP|W|A": TMP | W | A,
    "R|CE": CE,
    "R|NB": NB,
    "W|NB": W | NB,
    "RW|NB": RW | NB,
    "W|C|NB|CE": W | C | NB | CE,
    "R|NOATIME": NOATIME,
    "RW|SYNC": RW | SYNC,
    "R|NOCTTY": os.O_NOCTTY,
    "R|ASYNC": os.O_ASYNC,
    "R|unknown": 1 << 30,
    "R|high": 1 << 28,
    "W|C|unknown": W | C | 1 << 30,
    "R|DSYNC": os.O_DSYNC,
    "R|LARGE": 0o100000,
}
"""Flags without those that would wait for another process at a FIFO; `_waits` says which."""

NAMES = [
    b"file",
    b"dir",
    b"missing",
    b"to-file",
    b"to-dir",
    b"dangling",
    b"dangling-deep",
    b"dangling-slash",
    b"loop",
    b"fifo",
    b"socket",
    b"sealed",
    b"readonly",
    b"shut/in",
    b"shut",
    b"file/",
    b"missing/",
    b"dir/",
    b"to-dir/",
    b"to-file/",
    b"dangling/",
    b"file/x",
    b"missing/x",
    b".",
    b"..",
    b"./",
    b"dir/.",
    b"dir/..",
    b"dir/../file",
    b"dir//in",
    b"./././file",
    b"",
    b"/",
    b"n" * 255,
    b"n" * 256,
    b"dir/" + b"n" * 256,
    b"absolute",
    b"to-to-dir/in",
    b"chain40",
    b"chain41",
    b"to-dir-slash",
    b"to-empty",
    b"\xff\xfe-name",
    b"missing/../file",
    b"file/../file",
    b"to-dir/../file",
    b"new\nline",
    b"dir/in",
    b"to-dir/missing",
    b"nowrite/missing",
    b"nowrite/in",
    b"to-parent",
    b"to-parent/file",
    b"to-fifo",
    b"to-self/file",
    b"to-slash-file",
]


def furnish() -> None:
    """One of everything."""
    write("file")
    os.mkdir("dir")
    write("dir/in", b"inside\n")
    for name, target in {
        "to-file": "file",
        "to-dir": "dir",
        "dangling": "nothing",
        "dangling-deep": "none/nothing",
        "dangling-slash": "nothing/",
        "loop": "loop",
        "absolute": os.getcwd() + "/file",
        "to-to-dir": "to-dir",
        "to-dir-slash": "dir/",
        "to-parent": "..",
        "to-fifo": "fifo",
        "to-self": ".",
        "to-slash-file": "file/",
        "to-empty": "dir/..//./dir",
    }.items():
        os.symlink(target, name)
    os.mkfifo("fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
    write("sealed", b"secret\n", 0)
    os.chmod("sealed", 0)
    write("readonly", b"read\n", 0o444)
    os.mkdir("shut")
    write("shut/in")
    os.chmod("shut", 0o644)
    os.mkdir("nowrite")
    write("nowrite/in")
    os.chmod("nowrite", 0o555)


def chains() -> None:
    """Links that lead to one another: 40 are followed, 41 are not."""
    os.symlink("file", "chain1")
    for index in range(2, 42):
        os.symlink(f"chain{index - 1}", f"chain{index}")


def _waits(name: bytes, flags: int) -> bool:
    return b"fifo" in name and not flags & (NB | P) and flags & 3 != RW and flags & TMP != TMP


def table(name: bytes, record: Record) -> None:
    """One name with every combination of flags; what an open changed is noted and put back."""
    furnish()
    if name.startswith(b"chain"):
        chains()
    if name.startswith(b"\xff"):
        write(os.fsdecode(b"\xff\xfe-name"))
    before = _listed()
    for label, flags in FLAGS.items():
        if _waits(name, flags):
            continue
        record.open(label, "openat", AT_FDCWD, name, flags, 0o666)
        if flags & (W | RW | C | T | TMP):
            _put_back(before, label, record)


def _listed() -> dict[str, tuple[str, int, int]]:
    found = {}
    for folder in (".", "dir", "nowrite"):
        for name in sorted(os.listdir(folder)):
            status = os.lstat(os.path.join(folder, name))
            found[os.path.join(folder, name)] = (oct(status.st_mode), status.st_size, status.st_ino)
    return found


def _put_back(before: dict[str, tuple[str, int, int]], label: str, record: Record) -> None:
    now = _listed()
    for name in sorted({*before, *now}):
        if now.get(name) == before.get(name):
            continue
        record.note(f"{label}: {name}", now[name][:2] if name in now else "is gone")
        if name not in before:
            os.unlink(name)
        elif (name in now and "file" in name) or name.endswith("in"):
            os.truncate(name, before[name][1])


def older_calls(record: Record) -> None:
    """open and creat say what openat says."""
    furnish()
    for name in (b"file", b"missing", b"dir", b"loop", b"", b"file/", b"to-file", b"readonly", b"sealed", b"dangling"):
        record.open(f"open {name!r}", "open", name, R, 0)
        record.open(f"open to write {name!r}", "open", name, W, 0)
        record.open(f"creat {name!r}", "creat", name, 0o640)
    record.open("open, create with mode 07777", "open", b"odd", W | C, 0o7777)
    record.open("creat with mode bits that are none", "creat", b"odd2", 0o170777)
    record.open("create with a mode of 0 for writing", "open", b"odd3", RW | C, 0)
    record.open("flags above 32 bits", "openat", AT_FDCWD, b"file", R | 1 << 40, 0)
    record.open("a folder descriptor above 32 bits", "openat", (1 << 32) - 100, b"file", R, 0)


def umasks(record: Record) -> None:
    """The caller's umask counts, of the moment of the call."""
    for mask in (0, 0o022, 0o077, 0o777, 0o123):
        os.umask(mask)
        for mode in (0, 0o666, 0o777, 0o1777, 0o4755):
            record.open(f"{mask:o} {mode:o}", "openat", AT_FDCWD, b"made-%o-%o" % (mask, mode), W | C | X, mode)
        record.open(f"{mask:o} temporary", "openat", AT_FDCWD, b".", RW | TMP, 0o666)
        record.call(f"{mask:o} mkdir", "mkdir", b"folder-%o" % mask, 0o777)
        record.call(f"{mask:o} mknod", "mknod", b"node-%o" % mask, 0o100666, 0)


def folders(record: Record) -> None:
    """What a folder descriptor may be."""
    furnish()
    os.mkdir("gone")
    gone = os.open("gone", R | D)
    os.rmdir("gone")
    path_only, real, file = os.open("dir", P), os.open("dir", R | D), os.open("file", R)
    reader, writer = os.pipe()
    for label, descriptor in {
        "O_PATH": path_only,
        "folder": real,
        "file": file,
        "removed": gone,
        "pipe": reader,
        "closed": 77,
        "-1": -1,
        "huge": 0x7FFFFFFF,
        "cwd": AT_FDCWD,
        "-101": -101,
    }.items():
        for name in (b"in", b"new", b".", b"..", b"", b"../file", b"/", os.fsencode(record.root) + b"/file"):
            for flags in (R, P, W | C, D):
                if name in (b"/",) and flags != P:
                    continue
                record.open(f"{label} {name!r} {flags:o}", "openat", descriptor, name, flags, 0o600)
    os.close(writer)


def removed_cwd(record: Record) -> None:
    """The working directory is gone."""
    os.mkdir("gone")
    os.chdir("gone")
    os.rmdir("../gone")
    for name in (b"x", b".", b"..", b"./x", b"../x", b""):
        for flags in (R, P, D, W | C, TMP | RW):
            record.open(f"{name!r} {flags:o}", "openat", AT_FDCWD, name, flags, 0o600)
    record.call("mkdir", "mkdir", b"sub", 0o755)
    record.call("symlink", "symlink", b"target", b"link")
    record.call("rename", "rename", b"a", b"b")
    record.call("unlink", "unlink", b"a")
    record.call("rmdir .", "rmdir", b".")
    record.call("chmod .", "chmod", b".", 0o700)


def pointers(record: Record) -> None:
    """Bad addresses, and paths that are too long or cross a page."""
    write("file")
    for label, address in {"zero": 0, "low": 8, "unmapped": BAD_POINTER, "kernel": -4096, "not canonical": 1 << 60}.items():
        for name, arguments in {
            "open": (address, 0, 0),
            "openat": (AT_FDCWD, address, R, 0),
            "openat to make": (AT_FDCWD, address, W | C, 0o644),
            "creat": (address, 0o644),
            "mkdir": (address, 0o755),
            "rename": (address, b"x"),
            "rename to": (b"file", address),
            "unlink": (address,),
            "symlink": (address, b"x"),
            "symlink to": (b"x", address),
            "link": (address, b"x"),
            "link to": (b"file", address),
            "truncate": (address, 1),
            "chmod": (address, 0o600),
            "utimensat": (AT_FDCWD, b"file", address, 0) if address else (AT_FDCWD, b"missing", 0, 0),
            "utimes": (b"file", address) if address else (b"missing", 0),
            "utime": (b"file", address) if address else (b"missing", 0),
            "setxattr": (b"file", address, b"v", 1, 0),
            "setxattr value": (b"file", b"user.a", address, 1, 0),
            "removexattr": (b"file", address),
            "rmdir": (address,),
            "chown": (address, -1, -1),
            "mknod": (address, 0o100644, 0),
            "openat2": (AT_FDCWD, b"file", address, 24),
            "openat2 path": (AT_FDCWD, address, struct.pack("<QQQ", 0, 0, 0), 24),
        }.items():
            record.call(f"{label} {name}", name.split(" ")[0], *arguments)
    here = os.fsencode(record.root)
    for length in (4093, 4094, 4095, 4096, 5000):
        for tail in (b"file", b"missing"):
            dots = here + b"/" * (length - len(here) - len(tail)) + tail
            record.open(f"{length} bytes to {tail!r}", "openat", AT_FDCWD, dots, R, 0)
            record.open(f"{length} bytes to make {tail!r}", "openat", AT_FDCWD, dots, W | C, 0o644)
            record.call(f"{length} bytes truncate {tail!r}", "truncate", dots, 3)
    page = ctypes.create_string_buffer(3 * 4096)
    start = ctypes.addressof(page)
    edge = ((start + 4095) & ~4095) + 4096
    for before in (1, 3, 4, 512, 513):
        ctypes.memmove(edge - before, b"./" + b"/" * 600 + b"file\0", 607)
        record.open(f"{before} before a page", "openat", AT_FDCWD, edge - before, R, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    area = libc.mmap(None, 8192, 3, 0x22, -1, 0)
    libc.munmap(ctypes.c_void_p(area + 4096), 4096)
    for text in (b"file\0", b"file"):
        ctypes.memmove(area + 4096 - len(text), text, len(text))
        record.open(f"{text!r} at the end of what is mapped", "openat", AT_FDCWD, area + 4096 - len(text), R, 0)
    ctypes.memset(area, ord("a"), 4096)
    record.open("a path without an end at the end of what is mapped", "openat", AT_FDCWD, area, R, 0)


def deep_paths(record: Record) -> None:
    """A working directory so deep that its name is longer than a path may be."""
    for _ in range(14):
        os.mkdir("d" * 250)
        os.chdir("d" * 250)
    write("file")
    record.open("read", "openat", AT_FDCWD, b"file", R, 0, look=False)
    record.open("make", "openat", AT_FDCWD, b"made", W | C, 0o644, look=False)
    record.open("make again", "openat", AT_FDCWD, b"made", W | C | X, 0o644, look=False)
    record.call("mkdir", "mkdir", b"folder", 0o755)
    record.call("rename", "rename", b"made", b"moved")
    record.call("unlink", "unlink", b"moved")
    record.call("chmod", "chmod", b"file", 0o600)


HOW = struct.Struct("<QQQ")
RESOLVE = {
    "none": 0,
    "no-xdev": 1,
    "no-magic": 2,
    "no-links": 4,
    "beneath": 8,
    "in-root": 16,
    "cached": 32,
    "beneath|no-links": 12,
    "in-root|no-magic": 18,
    "all": 31,
    "unknown": 64,
}


def openat2(name: bytes, record: Record) -> None:
    """One name with every rule of openat2."""
    furnish()
    chains()
    for label, resolve in RESOLVE.items():
        if label == "cached":
            continue
        for shown, flags, mode in (
            ("R", R, 0),
            ("P", P, 0),
            ("P|NF", P | NF, 0),
            ("W|C", W | C, 0o640),
            ("W|C|X", W | C | X, 0o640),
            ("D", D, 0),
            ("RW|TMP", RW | TMP, 0o600),
        ):
            if b"fifo" in name and flags & P != P:
                continue
            record.open(f"{label} {shown}", "openat2", AT_FDCWD, name, HOW.pack(flags, mode, resolve), 24)
            for made in (b"missing", b"nothing", b"to-dir/missing"):
                if os.path.exists(made):
                    os.unlink(made)


def openat2_strict(record: Record) -> None:
    """What openat2 refuses that the older calls let pass, and its size."""
    furnish()
    top = os.open("dir", P)
    for label, flags, mode, resolve in (
        ("mode without O_CREAT", R, 0o644, 0),
        ("mode too large", W | C, 0o10000, 0),
        ("unknown flag", 1 << 30, 0, 0),
        ("flag above 32 bits", 1 << 33, 0, 0),
        ("unknown rule", R, 0, 1 << 20),
        ("O_PATH with O_CREAT", P | C, 0o644, 0),
        ("O_PATH with O_RDWR", P | RW, 0, 0),
        ("O_TMPFILE for reading", TMP, 0o600, 0),
        ("O_TMPFILE with O_CREAT", TMP | RW | C, 0o600, 0),
        ("O_CREAT with O_DIRECTORY", C | D, 0o644, 0),
        ("beneath and in-root", R, 0, 24),
        ("O_CREAT cached", W | C, 0o644, 32),
        ("O_TRUNC cached", W | T, 0, 32),
        ("access mode 3", 3, 0, 0),
    ):
        record.open(label, "openat2", AT_FDCWD, b"file", HOW.pack(flags, mode, resolve), 24)
        record.open(f"{label}, missing", "openat2", AT_FDCWD, b"missing", HOW.pack(flags, mode, resolve), 24)
        if os.path.exists("missing"):
            os.unlink("missing")
    for size, more in (
        (0, b""),
        (8, b""),
        (23, b""),
        (24, b""),
        (32, bytes(8)),
        (32, b"\1" + bytes(7)),
        (4096, bytes(4072)),
        (4097, bytes(4073)),
        (1 << 33, b""),
    ):
        record.open(f"size {size} {more[:1]!r}", "openat2", AT_FDCWD, b"file", HOW.pack(R, 0, 0) + more, size)
    for name in (b"in", b"../file", b"/in", b"/file", b"..", b"/", b"../../..", b"missing", b"./in", b""):
        for label, resolve in (("beneath", 8), ("in-root", 16), ("no-xdev", 1)):
            record.open(f"{label} {name!r} from dir", "openat2", top, name, HOW.pack(P, 0, resolve), 24)
            if name not in (b"/", b"../../..") and label != "no-xdev":
                record.open(f"{label} {name!r} from dir, to read", "openat2", top, name, HOW.pack(R, 0, resolve), 24)
    for name, resolve in (
        (b"/proc/self/cwd/file", 2),
        (b"/proc/self/cwd/file", 0),
        (b"/proc/self/fd/0", 2),
        (b"/proc/self/status", 2),
        (b"/proc/self/status", 4),
        (b"/proc/self/status", 1),
        (b"/dev/null", 1),
        (b"/dev/null", 4),
    ):
        record.open(f"{name!r} {resolve}", "openat2", AT_FDCWD, name, HOW.pack(P, 0, resolve), 24)
        record.open(f"{name!r} {resolve} to read", "openat2", AT_FDCWD, name, HOW.pack(R, 0, resolve), 24, look=False)


def numbers(record: Record) -> None:
    """The lowest free number, and none left."""
    write("file")
    held = [os.open("file", R) for _ in range(5)]
    os.close(held[1])
    os.close(held[3])
    record.open("lowest", "openat", AT_FDCWD, b"file", R, 0, keep=True)
    record.open("next", "openat", AT_FDCWD, b"file", RW, 0, keep=True)
    record.open("then", "openat", AT_FDCWD, b"new", W | C, 0o644, keep=True)
    resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))
    results = [record.call(f"until there is none {i}", "openat", AT_FDCWD, b"file", R, 0) for i in range(24)]
    record.call("none to write", "openat", AT_FDCWD, b"file", W, 0)
    record.call("none for a folder", "openat", AT_FDCWD, b".", D, 0)
    record.call("none for O_PATH", "openat", AT_FDCWD, b"file", P, 0)
    record.call("none, and the name is missing", "openat", AT_FDCWD, b"missing", R, 0)
    os.close(max(results))
    record.call("one again", "openat", AT_FDCWD, b"file", R, 0)


def none_left_to_make(record: Record) -> None:
    """No number is free when a file is to be made or cut."""
    write("file")
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    while record.call("fill", "openat", AT_FDCWD, b"file", R, 0) >= 0:
        pass
    record.call("make", "openat", AT_FDCWD, b"unmade", W | C, 0o644)
    record.call("cut", "openat", AT_FDCWD, b"file", W | T, 0)


def many(record: Record) -> None:
    """Ten thousand descriptors."""
    write("file")
    resource.setrlimit(resource.RLIMIT_NOFILE, (10_100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    held = [os.open("file", R) for _ in range(10_000)]
    record.note("the numbers", [min(held), max(held), len(set(held))])
    record.open("one more", "openat", AT_FDCWD, b"file", R, 0)
    os.close(held[4321])
    record.open("a hole", "openat", AT_FDCWD, b"file", R, 0)
    record.open("reopen", "openat", AT_FDCWD, b"/proc/self/fd/%d" % held[9999], R, 0, look=False)
    os.close(held[9998])


def magic(record: Record) -> None:
    """/proc/self, /dev/fd and what is open already."""
    furnish()
    file, appended, folder, path_only = os.open("file", RW), os.open("file", W | A), os.open("dir", D), os.open("file", P)
    os.lseek(file, 5, 0)
    record.open("reopen has an offset of its own", "openat", AT_FDCWD, b"/proc/self/fd/%d" % file, R, 0)
    record.open("reopen for appending", "openat", AT_FDCWD, b"/proc/self/fd/%d" % appended, RW | A, 0)
    record.open("reopen O_PATH", "openat", AT_FDCWD, b"/proc/self/fd/%d" % path_only, R, 0)
    record.open("reopen O_PATH to write", "openat", AT_FDCWD, b"/proc/self/fd/%d" % path_only, W, 0)
    record.open("reopen a folder", "openat", AT_FDCWD, b"/proc/self/fd/%d" % folder, R, 0)
    record.open("below a folder", "openat", AT_FDCWD, b"/proc/self/fd/%d/in" % folder, R, 0)
    record.open("below a file", "openat", AT_FDCWD, b"/proc/self/fd/%d/in" % file, R, 0)
    record.open("not followed", "openat", AT_FDCWD, b"/proc/self/fd/%d" % file, R | NF, 0)
    record.open("the link itself", "openat", AT_FDCWD, b"/proc/self/fd/%d" % file, P | NF, 0, look=False)
    record.open("made anew", "openat", AT_FDCWD, b"/proc/self/fd/%d" % file, W | C | X, 0)
    record.open("cut through it", "openat", AT_FDCWD, b"/proc/self/fd/%d" % file, W | C | T, 0)
    record.open("no such number", "openat", AT_FDCWD, b"/proc/self/fd/99", R, 0)
    record.open("no number", "openat", AT_FDCWD, b"/proc/self/fd/x", R, 0)
    record.open("/dev/fd", "openat", AT_FDCWD, b"/dev/fd/%d" % file, R, 0)
    record.open("thread-self", "openat", AT_FDCWD, b"/proc/thread-self/fd/%d" % file, R, 0)
    record.open("by its own number", "openat", AT_FDCWD, b"/proc/%d/fd/%d" % (os.getpid(), file), R, 0)
    record.open("by its parent's number", "openat", AT_FDCWD, b"/proc/%d/cwd" % os.getppid(), P, 0, look=False)
    record.open("cwd", "openat", AT_FDCWD, b"/proc/self/cwd/file", R, 0)
    record.open("make below cwd", "openat", AT_FDCWD, b"/proc/self/cwd/new", W | C, 0o644)
    record.open("root", "openat", AT_FDCWD, b"/proc/self/root" + os.fsencode(record.root) + b"/file", R, 0)
    os.symlink(f"/proc/self/fd/{file}", "through")
    record.open("a link to it", "openat", AT_FDCWD, b"through", R, 0)
    write("doomed", b"doomed\n")
    doomed = os.open("doomed", RW)
    os.unlink("doomed")
    record.open("a removed file", "openat", AT_FDCWD, b"/proc/self/fd/%d" % doomed, R, 0)
    record.open("a removed file to write", "openat", AT_FDCWD, b"/proc/self/fd/%d" % doomed, RW, 0)
    memory = os.memfd_create("memory")
    os.write(memory, b"in memory\n")
    record.open("memory", "openat", AT_FDCWD, b"/proc/self/fd/%d" % memory, R, 0)
    record.open("memory to write", "openat", AT_FDCWD, b"/proc/self/fd/%d" % memory, RW, 0)
    nameless = os.open(".", RW | TMP, 0o600)
    os.write(nameless, b"nameless\n")
    record.open("a file without a name", "openat", AT_FDCWD, b"/proc/self/fd/%d" % nameless, RW, 0)
    near, far = os.pipe()
    os.write(far, b"in a pipe")
    for label, name in (("the end that reads", near), ("the end that writes", far)):
        again = record.open(label, "openat", AT_FDCWD, b"/proc/self/fd/%d" % name, R | NB, 0, keep=True, look=False)
        if again >= 0:
            record.python(f"{label}: read", lambda number=again: os.read(number, 3))  # type: ignore[misc]
            os.close(again)
    record.open("a pipe, to write", "openat", AT_FDCWD, b"/proc/self/fd/%d" % near, W | NB, 0, look=False)
    one, _ = socket.socketpair()
    record.open("a socket", "openat", AT_FDCWD, b"/proc/self/fd/%d" % one.fileno(), R, 0)
    event = os.eventfd(0)
    record.open("an eventfd", "openat", AT_FDCWD, b"/proc/self/fd/%d" % event, R, 0)
    record.call("truncate a removed file", "truncate", b"/proc/self/fd/%d" % doomed, 2)
    record.call("chmod a removed file", "chmod", b"/proc/self/fd/%d" % doomed, 0o600)
    record.call("chmod memory", "chmod", b"/proc/self/fd/%d" % memory, 0o600)
    record.call("fchmod O_PATH", "fchmod", path_only, 0o600)
    record.call("fchown O_PATH", "fchown", path_only, -1, -1)
    record.call("mkdir below a folder's number", "mkdir", b"/proc/self/fd/%d/sub" % folder, 0o755)
    record.call("unlink a number", "unlink", b"/proc/self/fd/%d" % file)
    record.call("rename a number", "rename", b"/proc/self/fd/%d" % file, b"x")
    record.call("mkdir in /proc", "mkdir", b"/proc/self/fd/x", 0o755)


def proc(record: Record) -> None:
    """What processes read about themselves and the machine."""
    for name in (
        "self/status",
        "self/maps",
        "self/stat",
        "self/statm",
        "self/cmdline",
        "self/environ",
        "self/mounts",
        "self/mountinfo",
        "self/limits",
        "self/cgroup",
        "self/comm",
        "self/io",
        "self/oom_score_adj",
        "self/smaps",
        "self/auxv",
        "self/exe",
        "self/task/self",
        "thread-self/status",
        "self/fd",
        "self/fdinfo/0",
        "self/ns/user",
        "self/root",
        "self/cwd",
        "self",
        "self/nothing",
        "mounts",
        "cpuinfo",
        "meminfo",
        "stat",
        "loadavg",
        "uptime",
        "version",
        "filesystems",
        "net/dev",
        "self/net/tcp",
        "sys/vm/overcommit_memory",
        "sys/kernel/osrelease",
        "sys/kernel/random/uuid",
        "sys/fs/file-max",
        "nothing",
        "self/pagemap",
        "self/mem",
    ):
        for label, flags in (("R", R), ("D", D), ("P", P), ("NF", NF)):
            found = record.open(f"{name} {label}", "openat", AT_FDCWD, b"/proc/" + name.encode(), flags, 0, keep=True, look=False)
            if found >= 0:
                record.note(f"{name} {label}: descriptor", [fcntl.fcntl(found, fcntl.F_GETFL) & ~NF, oct(os.fstat(found).st_mode)])
                os.close(found)
    text = record.python("comm", lambda: open("/proc/self/comm").read())
    record.note("comm, cut", str(text)[:3])
    record.python("comm is written", lambda: open("/proc/self/comm", "w").write("renamed"))
    record.python("comm of the thread", lambda: open("/proc/thread-self/comm").read())
    record.python("whose status", lambda: [line.split()[1] for line in open("/proc/self/status") if line.startswith("Tgid")] == [str(os.getpid())])
    record.python("whose stat", lambda: open("/proc/self/stat").read().split()[0] == str(os.getpid()))
    record.python("whose cmdline", lambda: "proc" in open("/proc/self/cmdline").read() or True)
    record.python("links", lambda: [os.readlink("/proc/self/cwd"), os.readlink("/proc/self") == str(os.getpid())])


def devices(record: Record) -> None:
    """The devices that programs use, with no terminal."""
    os.setsid()
    for name in (b"null", b"zero", b"full", b"random", b"urandom", b"tty", b"stdin", b"stdout", b"fd", b"shm", b"pts", b"null/", b"null/x", b"../dev/null"):
        for label, flags in (
            ("R", R | NB),
            ("W", W | NB),
            ("RW", RW | NB),
            ("W|C", W | C | NB),
            ("W|C|X", W | C | X | NB),
            ("P", P),
            ("D", D),
            ("W|T", W | T | NB),
            ("R|CE", R | CE | NB),
            ("R|NF", R | NF | NB),
        ):
            if name in (b"fd", b"shm", b"pts") and flags & (W | RW):
                continue
            record.open(f"{name!r} {label}", "openat", AT_FDCWD, b"/dev/" + name, flags, 0o600, look=name not in (b"stdin", b"stdout", b"fd"))
    os.symlink("/dev/null", "void")
    record.open("a link to a device", "openat", AT_FDCWD, b"void", RW, 0)
    record.open("a link to a device, cut", "openat", AT_FDCWD, b"void", W | C | T, 0o644)
    record.python("zeros", lambda: open("/dev/zero", "rb", buffering=0).read(4))
    record.python("full", lambda: os.write(os.open("/dev/full", W), b"x"))
    main, side = os.openpty()
    record.note("a pty", os.ttyname(side).startswith("/dev/pts/"))
    record.open("a pty by name", "openat", AT_FDCWD, os.ttyname(side).encode(), RW | os.O_NOCTTY, 0, look=False)
    record.python("written through it", lambda: (os.write(side, b"hello\n"), os.read(main, 20))[1])


def terminal(record: Record) -> None:
    """A process with a terminal of its own opens /dev/tty; a session's leader gets one by opening it."""
    main, side = os.openpty()
    name = os.ttyname(side)
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            with_it = os.open(name, RW | os.O_NOCTTY)
            first = "none" if not _has_terminal() else "one"
            os.close(with_it)
            fcntl.ioctl(side, 0x540E, 0)
            second = "none" if not _has_terminal() else "one"
            os.write(side, f"{first} {second}".encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    record.note("told", os.read(main, 50).decode())


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", RW))
    except OSError as err:
        return err.errno != errno.ENXIO
    return True


def fifos(record: Record) -> None:
    """A FIFO's open waits for the other end, and hands over one pipe."""
    os.mkfifo("fifo")
    record.open("W|NB without a reader", "openat", AT_FDCWD, b"fifo", W | NB, 0)
    reader = record.open("R|NB without a writer", "openat", AT_FDCWD, b"fifo", R | NB, 0, keep=True)
    record.python("nothing to read", lambda: os.read(reader, 5))
    record.open("W|NB with a reader", "openat", AT_FDCWD, b"fifo", W | NB, 0)
    os.close(reader)
    both = record.open("RW", "openat", AT_FDCWD, b"fifo", RW, 0, keep=True)
    os.close(both)
    child = os.fork()
    if child == 0:
        with open("fifo", "wb", buffering=0) as out:
            out.write(b"through the fifo")
        os._exit(0)
    reader = record.open("R waits", "openat", AT_FDCWD, b"fifo", R, 0, keep=True)
    record.python("what came", lambda: os.read(reader, 50))
    os.waitpid(child, 0)
    os.close(reader)
    child = os.fork()
    if child == 0:
        with open("fifo", "rb", buffering=0) as into:
            into.read(50)
        os._exit(0)
    writer = record.open("W waits", "openat", AT_FDCWD, b"fifo", W, 0, keep=True)
    record.python("what went", lambda: os.write(writer, b"x" * 50))
    os.close(writer)
    os.waitpid(child, 0)
    os.chmod("fifo", 0)
    record.open("shut", "openat", AT_FDCWD, b"fifo", R, 0)


class _AlarmError(Exception):
    pass


def interrupted(record: Record) -> None:
    """A signal ends the wait for a FIFO's other end, with EINTR or after a handler, and a caller may be killed there."""
    os.mkfifo("fifo")
    ticks: list[int] = []
    signal.signal(signal.SIGALRM, lambda number, frame: ticks.append(number))
    signal.siginterrupt(signal.SIGALRM, True)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    record.call("EINTR without SA_RESTART", "openat", AT_FDCWD, b"fifo", R, 0)
    record.note("the handler ran", len(ticks))

    def give_up(number: int, frame: object) -> None:
        raise _AlarmError

    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        open("fifo", "rb").close()
    except _AlarmError:
        record.note("an exception ends open()", True)
    signal.setitimer(signal.ITIMER_REAL, 0)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        os.open("fifo", R)
        os._exit(0)
    _until_waiting(child)
    os.kill(child, signal.SIGKILL)
    record.note("killed while it waits", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    for _ in range(20):
        child = os.fork()
        if child == 0:
            os.open("fifo", W)
            os._exit(0)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    while (left := kit.libc.syscall(257, AT_FDCWD, b"fifo", W | NB, 0)) >= 0:
        os.close(left)
    record.open("nobody is left", "openat", AT_FDCWD, b"fifo", W | NB, 0)
    write("file")
    record.open("everything works on", "openat", AT_FDCWD, b"file", R, 0)


def _until_waiting(child: int) -> None:
    while True:
        with open(f"/proc/{child}/stat", encoding="ascii") as file:
            if file.read().rpartition(")")[2].split()[0] in "SD":
                return


def restarted(record: Record) -> None:
    """Signals with SA_RESTART that arrive all the time change no result."""
    write("file")
    signal.signal(signal.SIGALRM, lambda number, frame: None)
    signal.siginterrupt(signal.SIGALRM, False)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    failures = 0
    for index in range(300):
        for flags in (R, W | C | T):
            descriptor = kit.libc.syscall(257, AT_FDCWD, b"made%d" % (index % 7) if flags & C else b"file", flags, 0o644)
            failures += descriptor < 0
            if descriptor >= 0:
                os.close(descriptor)
        failures += kit.libc.syscall(83, b"folder", 0o755) < 0
        failures += kit.libc.syscall(82, b"folder", b"moved") < 0
        failures += kit.libc.syscall(84, b"moved") < 0
    signal.setitimer(signal.ITIMER_REAL, 0)
    record.note("failures", failures)


def threads(record: Record) -> None:
    """Eight threads open, make and remove at once."""
    write("file", b"the same for all\n")
    problems: list[str] = []

    def work(index: int) -> None:
        try:
            for turn in range(40):
                with open("file", "rb") as file:
                    if file.read() != b"the same for all\n":
                        problems.append("other bytes")
                with open(f"own-{index}", "wb") as out:
                    out.write(b"%d %d" % (index, turn))
                os.rename(f"own-{index}", f"kept-{index}")
                with open("/proc/thread-self/comm", "rb") as file:
                    file.read()
        except OSError as err:
            problems.append(str(err))

    started = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for each in started:
        each.start()
    for each in started:
        each.join()
    record.note("problems", problems)


def exclusive(record: Record) -> None:
    """Of many that make one name with O_EXCL, one succeeds."""
    winners = []
    near, far = os.pipe()
    for _ in range(12):
        child = os.fork()
        if child == 0:
            for turn in range(20):
                try:
                    os.close(os.open(f"lock{turn}", W | C | X, 0o600))
                    os.write(far, b"%02d" % turn)
                except FileExistsError:
                    pass
            os._exit(0)
        winners.append(child)
    for child in winners:
        os.waitpid(child, 0)
    os.close(far)
    with os.fdopen(near, "rb") as into:
        won = into.read()
    record.note("winners", [won.count(b"%02d" % turn) >= 1 for turn in range(20)] + [len(won)])


def locks(record: Record) -> None:
    """Locks belong to the caller, not to who opened the file."""
    write("file")
    one, two = os.open("file", RW), os.open("file", RW)
    fcntl.flock(one, fcntl.LOCK_EX)
    record.python("flock of another description", lambda: fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB))
    fcntl.lockf(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
    child = os.fork()
    if child == 0:
        three = os.open("file", RW)
        try:
            fcntl.lockf(three, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os._exit(7)
        os._exit(0)
    record.note("lockf of another process", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    os.close(one)
    record.python("flock after close", lambda: fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB))
    record.python("lease to read", lambda: fcntl.fcntl(os.open("file", R), 1024, 0))


CASES: dict[str, Case] = {
    **{f"openat {name[:40]!r}{'' if len(name) < 40 else len(name)}": partial(table, name) for name in NAMES},
    **{f"openat2 {name[:40]!r}": partial(openat2, name) for name in NAMES if len(name) < 200},
    **{
        each.__name__: each
        for each in (
            older_calls,
            umasks,
            folders,
            removed_cwd,
            pointers,
            deep_paths,
            openat2_strict,
            numbers,
            none_left_to_make,
            many,
            magic,
            proc,
            devices,
            terminal,
            fifos,
            interrupted,
            restarted,
            threads,
            exclusive,
            locks,
        )
    },
}

if __name__ == "__main__":
    kit.main(CASES)
