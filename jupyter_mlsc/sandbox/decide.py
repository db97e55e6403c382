"""What the supervisor answers: functions of values, with no system call in them. docs/supervision.md has the same tables in words."""

from __future__ import annotations

import errno
import os
import stat
from enum import StrEnum

import msgspec

from jupyter_mlsc.sandbox.places import NOT_WRITTEN, Region


class Way(StrEnum):
    """How a question is answered."""

    CONTINUE = "continue"
    """The kernel carries the call out; the wall holds whatever it then reaches."""
    DO = "do"
    """The supervisor does it on the caller's behalf, on what it resolved."""
    JUDGE = "judge"
    """The bytes are judged first; then as `DO`, or not at all."""
    REFUSE = "refuse"


class Answer(msgspec.Struct, frozen=True):
    """A way, and for a refusal the errno and a stable code that says why (`MEANINGS`)."""

    way: Way
    errno: int = 0
    why: str = ""


MEANINGS: dict[str, str] = {
    "hidden": "it holds keys, tokens, the record itself or what a replay is compared with, which nothing inside may open",
    "read-only": "it is run or obeyed later, so nothing inside may change it",
    "not-writable": "only the project, temporary folders, caches and what the policy's [supervise] write names can be written",
    "outside-process": "it belongs to a process outside the supervised tree",
    "device": "this device is not on the list of those that a supervised tree may use",
    "leaves-governed": "governed files keep governed names: this would take one, or a folder that could hold one, to a name that no rule governs",
    "holds-protected": "something that is protected lies below it",
    "granted": "the wall grants this folder where it is: it can be copied, not moved",
    "in-use": "somebody reads these very bytes now: write a new file and rename it into place",
    "socket": "whoever listens there is outside the supervised tree, and the policy's [supervise] sockets does not name it",
    "governed-socket": "a rule governs this name, and a socket holds nothing that anybody could vouch for",
    "network": 'the policy says network = "deny"',
}

CONTINUE, DO, JUDGE = Answer(Way.CONTINUE), Answer(Way.DO), Answer(Way.JUDGE)
_O_TMPFILE = getattr(os, "O_TMPFILE", 0o20200000)

_FREE = frozenset({Region.FREE, Region.SYSTEM})
_WHY = {Region.HIDDEN: "hidden", Region.READ_ONLY: "read-only", Region.PROCESS: "outside-process", Region.DEVICE: "device"}


def refuse(why: str, number: int = errno.EACCES) -> Answer:
    """A refusal that looks like an ordinary lack of permission."""
    return Answer(Way.REFUSE, number, why)


class OpenQuestion(msgspec.Struct, frozen=True):
    """An open: the region of its strictest name, the region of the final one, its flags, and what lies there (``mode`` as in stat, None where nothing does)."""

    strictest: Region
    final: Region
    flags: int
    mode: int | None
    governed_inode: bool = False
    """A governed file under another name: a hard link."""
    foreign: bool = False
    """Whether bytes lie there that the run did not write."""


def is_temporary(flags: int) -> bool:
    """Whether an open asks for a file without a name (O_TMPFILE)."""
    return flags & _O_TMPFILE == _O_TMPFILE


def wants(flags: int) -> tuple[bool, bool]:
    """Whether an open's flags ask to (read, write). Cutting a file is writing."""
    access = flags & os.O_ACCMODE
    return access != os.O_WRONLY, access != os.O_RDONLY or bool(flags & os.O_TRUNC)


def decide_open(question: OpenQuestion) -> Answer:
    """Answer an open of a file that was resolved."""
    flags, mode = question.flags, question.mode
    if flags & os.O_PATH:
        return CONTINUE  # no contents; whatever is opened through it later is asked about again
    reads, writes = wants(flags)
    creates = mode is None or is_temporary(flags)
    if mode is not None and stat.S_ISDIR(mode) and not is_temporary(flags) and not writes:
        return CONTINUE  # names, no contents: the wall grants listing everywhere
    strictest = question.strictest
    if strictest is Region.HIDDEN:
        return refuse("hidden")
    if writes or creates:
        # Of several names the strictest counts, and what is written is the final one: a system folder is read more freely than the project, and not written.
        for region in (strictest, question.final):
            if region in NOT_WRITTEN:
                return refuse(_WHY.get(region, "not-writable"))
    if mode is not None and strictest in _FREE and question.final in _FREE and not question.governed_inode:
        return CONTINUE
    if creates and strictest is Region.FREE:
        return CONTINUE
    governed = strictest is Region.GOVERNED or question.governed_inode
    # Adding to bytes, or writing into them, makes them the run's own output, which it may read; cutting them all away leaves nothing to judge.
    if governed and not flags & os.O_TRUNC and (reads or question.foreign) and mode is not None and stat.S_ISREG(mode):
        return JUDGE
    return DO


_READ_OF_ALL = frozenset({b"stat", b"status", b"statm", b"comm", b"cgroup", b"limits"})
_WRITTEN_OF_OWN = frozenset({b"mem", b"oom_score_adj", b"comm", b"coredump_filter", b"timerslack_ns", b"clear_refs", b"autogroup", b"loginuid", b"sched"})
_GLOBAL = frozenset(
    (
        b"cpuinfo meminfo stat loadavg uptime version filesystems cgroups devices diskstats partitions vmstat zoneinfo swaps modules interrupts "
        b"softirqs buddyinfo pagetypeinfo slabinfo crypto misc cmdline consoles locks pressure sys net driver bus fs irq tty mounts buddyinfo version_signature"
    ).split()
)


def decide_process(name: bytes, flags: int, *, in_tree: bool) -> Answer:
    """Answer an open below /proc; ``in_tree`` is whether the process that the name speaks of belongs to the supervised tree."""
    parts = name.split(b"/")[2:]
    _, writes = wants(flags)
    if not parts:
        return DO
    if not parts[0].isdigit():
        allowed = parts[0] in _GLOBAL and not writes
        return DO if allowed else refuse("outside-process")
    if in_tree:
        return refuse("not-writable") if writes and parts[-1] not in _WRITTEN_OF_OWN else DO
    if writes or len(parts) != 2 or parts[1] not in _READ_OF_ALL:
        return refuse("outside-process")
    return DO


PLAIN_DEVICES = (b"null", b"zero", b"full", b"random", b"urandom", b"tty", b"ptmx", b"pts/ptmx")
"""Granted by the wall: their names lead nowhere else, and a terminal opened so is the caller's own."""
ACCELERATORS = (b"nvidia", b"kfd", b"dri")
"""Beginnings of the names of devices that compute."""


def decide_device(name: bytes, *, own_terminal: bool) -> Answer:
    """Answer an open below /dev; ``own_terminal`` is whether it is a terminal that the tree made or was started on."""
    rest = name.removeprefix(b"/dev/")
    if rest in PLAIN_DEVICES or rest.startswith(ACCELERATORS):
        return CONTINUE
    return DO if rest.startswith(b"pts/") and own_terminal else refuse("device")


HELD_BY_THE_WALL = frozenset({"mkdir", "mknod", "symlink", "link", "rename", "unlink", "rmdir", "truncate"})
"""Calls that Landlock has a right for; it has none for modes, owners, times and extended attributes."""


class NameQuestion(msgspec.Struct, frozen=True):
    """A call on one name, or on two (``rename``, ``link``: source, then target).

    ``straight`` is whether no symbolic link was on the way: only then does the kernel's own way end where ours did. ``governed`` of a folder is
    whether a rule could govern something below it.
    """

    does: str
    regions: tuple[Region, ...]
    protected_below: tuple[bool, ...]
    governed: tuple[bool, ...]
    straight: bool
    verified: bool = False
    """Whether the source may be read here."""
    granted: tuple[bool, ...] = ()
    """Whether the wall grants the folder itself, or one below it."""
    foreign: bool = False
    """Whether governed bytes that the run did not write would come under another rule, or another name of this rule, that asks something else of them."""


def decide_name(question: NameQuestion) -> Answer:
    """Answer a call that makes, moves, links, removes, cuts or re-labels a name."""
    for region in question.regions:
        if region in NOT_WRITTEN:
            return refuse(_WHY.get(region, "not-writable"))
    if any(question.protected_below):
        return refuse("holds-protected")
    if question.does in ("rename", "link"):
        source, target = question.governed
        if source and (not target or question.foreign) and (question.does == "link" or not question.verified):
            return refuse("leaves-governed")
    if any(question.granted):
        # What moves folders copies them then, as between file systems.
        return refuse("granted", errno.EXDEV) if question.does == "rename" else DO
    if question.straight and question.does in HELD_BY_THE_WALL and all(region is Region.FREE for region in question.regions):
        return CONTINUE
    return DO


def decide_connect(*, inside: bool, listed: bool) -> Answer:
    """Answer a connect to a Unix socket: ``inside`` is whether a process of the tree listens there, ``listed`` whether the policy names it."""
    return DO if inside or listed else refuse("socket")


def decide_network(*, allowed: bool) -> Answer:
    """Answer a connect to an Internet address."""
    return DO if allowed else refuse("network")


def decide_bind(regions: tuple[Region, ...]) -> Answer:
    """Answer a bind of a Unix socket to a path; the regions are those of each link on the way and of the final name."""
    for region in regions:
        if region in NOT_WRITTEN:
            return refuse(_WHY.get(region, "not-writable"))
        if region is Region.GOVERNED:
            return refuse("governed-socket")
    return CONTINUE if all(region is Region.FREE for region in regions) else DO


def decide_whose(*, own: bool) -> Answer:
    """Answer a call that changes processes; ``own`` is whether all of them belong to the tree."""
    return CONTINUE if own else refuse("outside-process", errno.EPERM)
