"""Every call that makes, moves, links, removes, cuts or re-labels a name, on every kind of name.

No name in these tables leads out of a case's own folder: the plain run is held by nothing, and may be root's.
"""

from __future__ import annotations

import os
import stat
import struct
from functools import partial

import kit
from kit import AT_FDCWD, Case, Record, write

NAMES = [
    b"file",
    b"dir",
    b"full",
    b"missing",
    b"to-file",
    b"to-dir",
    b"dangling",
    b"loop",
    b"fifo",
    b"sealed",
    b"nowrite/in",
    b"nowrite/new",
    b"shut/in",
    b"file/",
    b"dir/",
    b"missing/",
    b"to-dir/",
    b"to-file/",
    b"dangling/",
    b"file/x",
    b"missing/x",
    b".",
    b"..",
    b"dir/.",
    b"full/..",
    b"",
    b"n" * 255,
    b"n" * 256,
    b"to-dir/new",
    b"full/../file",
    b"full/in",
    b"dir/../dir",
    b"./file",
]
PAIRS = [
    (a, b)
    for a in (
        b"file",
        b"dir",
        b"full",
        b"missing",
        b"to-file",
        b"to-dir",
        b"dangling",
        b"fifo",
        b"dir/",
        b"file/",
        b".",
        b"",
        b"nowrite/in",
        b"to-dir/",
        b"full/..",
    )
    for b in (
        b"file",
        b"other",
        b"dir",
        b"full",
        b"new",
        b"new/",
        b"to-file",
        b"to-dir",
        b"dangling",
        b"dir/new",
        b"full/in",
        b"full/new",
        b"missing/new",
        b"file/new",
        b"nowrite/new",
        b".",
        b"..",
        b"",
        b"dir/.",
        b"to-dir/new",
        b"n" * 256,
    )
]
TIMES = {
    "now": None,
    "set": (1_000_000_000, 123_456_789, 1_100_000_000, 987_654_321),
    "UTIME_NOW": (0, (1 << 30) - 1, 0, (1 << 30) - 1),
    "UTIME_OMIT": (0, (1 << 30) - 2, 0, (1 << 30) - 2),
    "omit the first": (5, (1 << 30) - 2, 1_200_000_000, 5),
    "now and omit": (0, (1 << 30) - 1, 0, (1 << 30) - 2),
    "too many nanoseconds": (0, 10**9, 0, 0),
    "before 1970": (-5, 0, -6, 7),
}

assert not any(name.startswith((b"/", b"../")) for name in (*NAMES, *(name for pair in PAIRS for name in pair)))


def furnish() -> None:
    """One of everything."""
    write("file")
    write("other", b"other\n", 0o600)
    os.mkdir("dir")
    os.mkdir("full")
    write("full/in", b"inside\n")
    for name, target in {"to-file": "file", "to-dir": "dir", "dangling": "nothing", "loop": "loop"}.items():
        os.symlink(target, name)
    os.mkfifo("fifo")
    write("sealed", b"secret\n", 0)
    os.chmod("sealed", 0)
    os.mkdir("nowrite")
    write("nowrite/in")
    os.chmod("nowrite", 0o555)
    os.mkdir("shut")
    write("shut/in")
    os.chmod("shut", 0o600)


def _fresh(record: Record, label: str) -> None:
    os.chdir(record.root)
    os.mkdir(label)
    os.chdir(label)
    furnish()


def one(record: Record, label: str, changes: dict[str, tuple[object, ...]]) -> None:
    """Calls on each kind of name; where one succeeds, the next gets a fresh folder."""
    for name_of_call, arguments in changes.items():
        _fresh(record, f"{label}-{name_of_call.replace(' ', '-').replace('/', '-')}")
        for index, name in enumerate(NAMES):
            given = [name if each is ... else each for each in arguments]
            shown = name[:20] + (b"%d" % len(name) if len(name) > 20 else b"")
            if record.call(f"{name_of_call} {shown!r}", name_of_call.split(" ")[0], *given) >= 0 and label in ("remove", "make"):
                _fresh(record, f"{label}-{name_of_call.replace(' ', '-')}-{index}")


def makes(record: Record) -> None:
    """Making."""
    one(
        record,
        "make",
        {
            "mkdir": (..., 0o755),
            "mkdirat": (AT_FDCWD, ..., 0o7777),
            "mknod file": (..., stat.S_IFREG | 0o640, 0),
            "mknod 0": (..., 0o640, 0),
            "mknod fifo": (..., stat.S_IFIFO | 0o640, 0),
            "mknod socket": (..., stat.S_IFSOCK | 0o600, 0),
            "mknodat": (AT_FDCWD, ..., stat.S_IFREG | 0o600, 0),
            "mknod device": (..., stat.S_IFCHR | 0o600, os.makedev(1, 3)),
            "mknod folder": (..., stat.S_IFDIR | 0o700, 0),
            "mknod kind": (..., 0o170000, 0),
            "symlink": (b"target", ...),
            "symlink empty": (b"", ...),
            "symlinkat": (b"t" * 4095, AT_FDCWD, ...),
            "symlinkat long": (b"t" * 4096, AT_FDCWD, ...),
        },
    )


def removes(record: Record) -> None:
    """Removing."""
    one(
        record,
        "remove",
        {
            "unlink": (...,),
            "unlinkat": (AT_FDCWD, ..., 0),
            "unlinkat folder": (AT_FDCWD, ..., 0x200),
            "rmdir": (...,),
            "unlinkat flags": (AT_FDCWD, ..., 0x100),
        },
    )


def labels(record: Record) -> None:
    """Modes, owners, sizes."""
    one(
        record,
        "label",
        {
            "chmod": (..., 0o750),
            "chmod all": (..., 0o7777),
            "chmod more": (..., 0o177750),
            "fchmodat": (AT_FDCWD, ..., 0o705),
            "fchmodat2": (AT_FDCWD, ..., 0o700, 0),
            "fchmodat2 link": (AT_FDCWD, ..., 0o600, 0x100),
            "fchmodat2 flags": (AT_FDCWD, ..., 0o600, 0x800),
            "chown": (..., -1, -1),
            "chown self": (..., os.getuid(), os.getgid()),
            "chown other": (..., 12345, -1),
            "lchown": (..., os.getuid(), -1),
            "fchownat": (AT_FDCWD, ..., -1, os.getgid(), 0x100),
            "fchownat flags": (AT_FDCWD, ..., -1, -1, 1),
            "truncate": (..., 3),
            "truncate longer": (..., 5000),
            "truncate below 0": (..., -1),
            "truncate huge": (..., 1 << 62),
        },
    )


def times(record: Record) -> None:
    """Times: nanoseconds, now, left alone, and wrong ones."""
    for label, given in TIMES.items():
        _fresh(record, f"times-{label.replace(' ', '-')}")
        data = None if given is None else struct.pack("<qqqq", *given)
        for name in NAMES:
            for flags in (0, 0x100):
                record.call(f"utimensat {label} {name[:20]!r} {flags}", "utimensat", AT_FDCWD, name, data, flags)
            if name in (b"file", b"to-file", b"dir", b"fifo") and label not in ("now", "UTIME_NOW", "now and omit"):
                record.python(
                    f"{label} {name!r} has",
                    lambda path=name: [
                        os.lstat(path).st_mtime_ns // 10**15 and (os.lstat(path).st_mtime_ns if os.lstat(path).st_mtime_ns < 15 * 10**17 else "recent")
                    ],
                )  # type: ignore[misc]
    descriptor = os.open("file", os.O_RDWR)
    stamp = struct.pack("<qqqq", 900_000_000, 1, 900_000_001, 2)
    record.call("futimens", "utimensat", descriptor, None, stamp, 0)
    record.call("futimens of nothing", "utimensat", 77, None, stamp, 0)
    record.call("futimens of the cwd", "utimensat", AT_FDCWD, None, stamp, 0)
    record.call("futimens with flags", "utimensat", descriptor, None, stamp, 0x100)
    record.call("empty path", "utimensat", descriptor, b"", stamp, 0x1000)
    record.call("omit both of what is missing", "utimensat", AT_FDCWD, b"missing", struct.pack("<qqqq", 0, (1 << 30) - 2, 0, (1 << 30) - 2), 0)
    record.call("unknown flag", "utimensat", AT_FDCWD, b"file", stamp, 1)
    record.call("utime", "utime", b"file", struct.pack("<qq", 800_000_000, 800_000_001))
    record.call("utime now", "utime", b"other", None)
    record.call("utimes", "utimes", b"to-file", struct.pack("<qqqq", 700_000_000, 5, 700_000_001, 999_999))
    record.call("utimes wrong", "utimes", b"file", struct.pack("<qqqq", 700_000_000, 10**6, 700_000_001, 0))
    record.call("futimesat", "futimesat", AT_FDCWD, b"other", struct.pack("<qqqq", 600_000_000, 5, 600_000_001, 7))
    record.call("futimesat of a descriptor", "futimesat", descriptor, None, struct.pack("<qqqq", 500_000_000, 5, 500_000_001, 7))
    record.note("times", [os.stat("file").st_mtime_ns, os.stat("other").st_mtime_ns])


def attributes(record: Record) -> None:
    """Extended attributes."""
    furnish()
    value = b"value"
    for name in NAMES:
        for call in ("setxattr", "lsetxattr"):
            record.call(f"{call} {name[:20]!r}", call, name, b"user.mine", value, 5, 0)
    for label, arguments in {
        "replace": (b"file", b"user.mine", b"new", 3, 2),
        "create again": (b"file", b"user.mine", value, 5, 1),
        "replace what is not": (b"file", b"user.not", value, 5, 2),
        "flags": (b"file", b"user.a", value, 5, 8),
        "empty": (b"file", b"user.empty", b"", 0, 0),
        "no name": (b"file", b"", value, 5, 0),
        "long name": (b"file", b"user." + b"n" * 260, value, 5, 0),
        "name of 255": (b"file", b"user." + b"n" * 250, value, 5, 0),
        "no prefix": (b"file", b"mine", value, 5, 0),
        "trusted": (b"file", b"trusted.a", value, 5, 0),
        "security": (b"file", b"security.a", value, 5, 0),
        "too large": (b"file", b"user.large", bytes(70000), 65537, 0),
        "system": (b"file", b"system.a", value, 5, 0),
    }.items():
        record.call(label, "setxattr", *arguments)
    record.python("listed", lambda: sorted(os.listxattr("file")))
    record.python("value", lambda: os.getxattr("file", "user.mine"))
    descriptor, path_only = os.open("file", os.O_RDONLY), os.open("file", os.O_PATH)
    record.call("fsetxattr", "fsetxattr", descriptor, b"user.by-number", value, 5, 0)
    record.call("fsetxattr O_PATH", "fsetxattr", path_only, b"user.by-number", value, 5, 0)
    record.call("fremovexattr", "fremovexattr", descriptor, b"user.by-number")
    record.call("removexattr", "removexattr", b"to-file", b"user.mine")
    record.call("removexattr again", "removexattr", b"file", b"user.mine")
    record.call("lremovexattr", "lremovexattr", b"to-file", b"user.mine")
    record.call("removexattr missing", "removexattr", b"missing", b"user.mine")
    record.call("fsetxattr nothing", "fsetxattr", 77, b"user.a", value, 5, 0)
    record.python("left", lambda: sorted(os.listxattr("file")))


def two(call: str, label: str, middle: tuple[int, ...], last: tuple[int, ...], record: Record) -> None:
    """A call on two names, for each pair of kinds."""
    _fresh(record, "start")
    for index, (source, target) in enumerate(PAIRS):
        at = (AT_FDCWD, source, *middle, target, *last) if call != "rename" and call != "link" else (source, target)
        if record.call(f"{label} {source!r} {target[:20]!r}", call, *at) >= 0:
            _fresh(record, f"after-{index}")


def descriptors(record: Record) -> None:
    """Calls that take a descriptor, or a folder's."""
    furnish()
    file, folder, path_only, reader = os.open("file", os.O_RDWR), os.open("dir", os.O_RDONLY), os.open("full", os.O_PATH), os.pipe()[0]
    for label, number in {"file": file, "folder": folder, "O_PATH": path_only, "pipe": reader, "closed": 77, "-1": -1}.items():
        record.call(f"fchmod {label}", "fchmod", number, 0o750)
        record.call(f"fchown {label}", "fchown", number, -1, -1)
        record.call(f"mkdirat {label}", "mkdirat", number, b"made", 0o755)
        record.call(f"mkdirat {label} empty", "mkdirat", number, b"", 0o755)
        record.call(f"fchownat {label} empty path", "fchownat", number, b"", -1, -1, 0x1000)
        record.call(f"fchmodat2 {label} empty path", "fchmodat2", number, b"", 0o700, 0x1000)
        record.call(f"unlinkat {label}", "unlinkat", number, b"made", 0x200)
        record.call(f"renameat {label}", "renameat", number, b"in", number, b"moved")
        record.call(f"symlinkat {label}", "symlinkat", b"target", number, b"link")
        record.call(f"linkat {label}", "linkat", number, b"moved", AT_FDCWD, b"linked-" + label.encode(), 0)
        record.call(f"linkat {label} empty path", "linkat", number, b"", AT_FDCWD, b"empty-" + label.encode(), 0x1000)
    record.call("fchownat cwd empty path", "fchownat", AT_FDCWD, b"", -1, -1, 0x1000)
    nameless = os.open(".", os.O_RDWR | os.O_TMPFILE, 0o640)
    os.write(nameless, b"born without a name\n")
    record.call("a name for it", "linkat", AT_FDCWD, b"/proc/self/fd/%d" % nameless, AT_FDCWD, b"born", 0x400)
    record.call("a second name", "linkat", AT_FDCWD, b"/proc/self/fd/%d" % nameless, AT_FDCWD, b"born2", 0x400)
    record.call("without following", "linkat", AT_FDCWD, b"/proc/self/fd/%d" % nameless, AT_FDCWD, b"born3", 0)
    kept = os.open(".", os.O_WRONLY | os.O_TMPFILE | os.O_EXCL, 0o640)
    record.call("O_EXCL keeps it nameless", "linkat", AT_FDCWD, b"/proc/self/fd/%d" % kept, AT_FDCWD, b"never", 0x400)
    removed = os.open("other", os.O_RDWR)
    os.unlink("other")
    record.call("a removed file stays removed", "linkat", AT_FDCWD, b"/proc/self/fd/%d" % removed, AT_FDCWD, b"back", 0x400)
    record.call("linkat flags", "linkat", AT_FDCWD, b"file", AT_FDCWD, b"x", 0x100)


def inherited(record: Record) -> None:
    """Set-group-id folders, sticky folders, a folder moved under itself, hard links."""
    os.mkdir("group")
    os.chmod("group", 0o2775)
    record.call("in a set-group-id folder", "mkdir", b"group/sub", 0o755)
    record.open("a file there", "openat", AT_FDCWD, b"group/file", os.O_WRONLY | os.O_CREAT, 0o2755)
    os.mkdir("sticky")
    os.chmod("sticky", 0o1777)
    record.open("a file there", "openat", AT_FDCWD, b"sticky/file", os.O_WRONLY | os.O_CREAT, 0o644)
    record.open("a file there again", "openat", AT_FDCWD, b"sticky/file", os.O_WRONLY | os.O_CREAT, 0o644)
    record.call("remove it", "unlink", b"sticky/file")
    os.makedirs("a/b/c")
    record.call("a into a/b", "rename", b"a", b"a/b/a")
    record.call("a/b onto a", "rename", b"a/b", b"a")
    record.call("exchange a and a/b", "renameat2", AT_FDCWD, b"a", AT_FDCWD, b"a/b", 2)
    write("one")
    record.call("link", "link", b"one", b"two")
    record.call("rename a link to itself", "rename", b"one", b"two")
    record.note("both are there", sorted(os.listdir(".")))
    record.call("rename to itself", "rename", b"one", b"one")
    for flags in (1 | 2, 4, 8, 1 << 31):
        record.call(f"renameat2 {flags}", "renameat2", AT_FDCWD, b"one", AT_FDCWD, b"three", flags)
    write("setuid", b"#!", 0o755)
    record.call("chmod set-user-id", "chmod", b"setuid", 0o6755)
    record.call("truncate takes it", "truncate", b"setuid", 1)
    record.note("mode", oct(os.stat("setuid").st_mode))
    record.call("chown takes it", "chown", b"setuid", os.getuid(), os.getgid())
    record.note("mode", oct(os.stat("setuid").st_mode))


CASES: dict[str, Case] = {
    **{each.__name__: each for each in (makes, removes, labels, times, attributes, descriptors, inherited)},
    "rename": partial(two, "rename", "rename", (), ()),
    "renameat2 NOREPLACE": partial(two, "renameat2", "noreplace", (AT_FDCWD,), (1,)),
    "renameat2 EXCHANGE": partial(two, "renameat2", "exchange", (AT_FDCWD,), (2,)),
    "link": partial(two, "link", "link", (), ()),
    "linkat FOLLOW": partial(two, "linkat", "follow", (AT_FDCWD,), (0x400,)),
}

if __name__ == "__main__":
    kit.main(CASES)
