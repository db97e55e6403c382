"""Does what was asked of names and of files' metadata, here, on folders and files that were resolved first.

Rules kept: nothing that the caller can rewrite is looked at twice; the caller still waits when the act happens; governed names are followed through
every move, so that what a run wrote is recorded under the name that it ends up with.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Callable
from typing import Any

import msgspec

from jupyter_mlsc.sandbox import caller, linux
from jupyter_mlsc.sandbox.decide import HELD_BY_THE_WALL, NameQuestion, Way, decide_name
from jupyter_mlsc.sandbox.gate import Gate
from jupyter_mlsc.sandbox.listener import Listener, Notification
from jupyter_mlsc.sandbox.moves import Move, Moves
from jupyter_mlsc.sandbox.ordinary import Ordinary
from jupyter_mlsc.sandbox.places import NOT_WRITTEN, Places, Region
from jupyter_mlsc.sandbox.resolve import Resolved, Resolver, error
from jupyter_mlsc.sandbox.slow import SlowAnswers
from jupyter_mlsc.sandbox.syscalls import NAME_CALLS, Calls, PathCall
from jupyter_mlsc.sandbox.terminals import is_own_terminal
from jupyter_mlsc.sandbox.umasks import Umasks
from jupyter_mlsc.sandbox.ways import Ways

_RENAME_NOREPLACE, _RENAME_EXCHANGE = 1, 2
_ON_PARENTS = frozenset({"mkdir", "mknod", "symlink", "rename", "unlink", "rmdir"})
_ORDINARY = frozenset({Region.FREE, Region.WRITABLE})
_MOVES = frozenset({"rename", "rmdir"})
"""Calls on folders, which may have a grant of their own, and something governed in them."""
_ONLY_NEW = frozenset({"mkdir", "mknod", "symlink"})
"""Calls that change nothing where something has the name already."""
_CHANGES_THE_WAY = frozenset({"symlink", "link", "rename"})
_MADE_BY_NAME = _ON_PARENTS | {"link"}
"""Calls that follow no link at the end of their paths, and that the wall has a right for."""
_ON_FOLDERS = {
    ("rmdir", b""): errno.EBUSY,
    ("rmdir", b"."): errno.EINVAL,
    ("rmdir", b".."): errno.ENOTEMPTY,
    ("unlink", b""): errno.EISDIR,
    ("rename", b""): errno.EBUSY,
}
"""What a call answers for a path that ends with no name of its own (a slash alone, a dot, two dots); EEXIST where it is not here."""
_XATTR_NAME, _XATTR_SIZE = 255, 65536
_PERMISSIONS = 0o7777
_NODES = (0, stat.S_IFREG, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK)
_UTIME_OMIT = (1 << 30) - 2


class Names:
    """The handler of every call that makes, moves, links, removes, cuts or re-labels a name."""

    def __init__(
        self,
        calls: Calls,
        listener: Listener,
        resolver: Resolver,
        places: Places,
        gate: Gate,
        *,
        ways: Ways,
        ordinary: Ordinary,
        umasks: Umasks,
        slow: SlowAnswers,
        in_tree: Callable[[int], bool],
    ) -> None:
        self._calls = {number: NAME_CALLS[name] for name, number in calls.names.items()}
        self._listener, self._resolver, self._places, self._gate, self._slow = listener, resolver, places, gate, slow
        self._ways, self._ordinary, self._umasks, self._memory = ways, ordinary, umasks, caller.Memory()
        self._moves, self._in_tree = Moves(gate, places), in_tree
        self._turn = ordinary.turn

    @property
    def numbers(self) -> tuple[int, ...]:
        """The system calls that are answered here."""
        return tuple(self._calls)

    def answer(self, question: Notification) -> None:
        """Answer one call. Raises OSError with what the caller gets."""
        call = self._calls[question.number]
        does = call.does
        if does == "unlink" and call.rest and question.word(call.rest[0]) & linux.AT_REMOVEDIR:
            does = "rmdir"
        if call.flags is not None:
            _known_flags(does, question.word(call.flags))
        texts: list[bytes] = []
        if does in _MADE_BY_NAME:
            texts = self._texts(question, call)
            bare = call.flags is None or not question.word(call.flags)
            if bare and self._ordinary.changes(question, does, call, texts):
                return
        if self._needs_no_look(question, call, does):
            self._listener.succeed(question)
            return
        found: list[Resolved] = []
        try:
            late: _NoNameError | None = None
            for index, (folder, path) in enumerate(call.paths):
                try:
                    found.append(self._resolved(question, call, does, index, folder, path, texts[index] if texts else None))
                except _NoNameError as err:
                    late = late or err  # the kernel looks at both paths first
            if late is not None:
                raise late
            if call.descriptor is not None:
                found.append(self._resolver.opened(question.pid, question.signed(call.descriptor), with_contents=True))
            self._decide_and_act(question, call, does, found)
        finally:
            for each in found:
                each.close()

    def _texts(self, question: Notification, call: PathCall) -> list[bytes]:
        addresses = [question.arguments[at] for _, at in call.paths]
        return [self._memory.text(question.pid, addresses[0])] if len(addresses) == 1 else self._memory.texts(question.pid, addresses[0], addresses[1])

    def _needs_no_look(self, question: Notification, call: PathCall, does: str) -> bool:
        """Whether a call changes nothing, whatever its path is. Raises OSError for arguments that the kernel refuses before it looks at the path."""
        if call.does == "unlink" and call.rest and question.word(call.rest[0]) & ~linux.AT_REMOVEDIR:
            raise error(errno.EINVAL)
        if does == "symlink" and not self._memory.text(question.pid, question.arguments[call.rest[0]]):
            raise error(errno.ENOENT)
        kind = stat.S_IFMT(question.word(call.rest[0])) if does == "mknod" else 0
        if kind not in _NODES:
            raise error(errno.EPERM if kind == stat.S_IFDIR else errno.EINVAL)
        if does == "truncate" and question.arguments[call.rest[0]] >> 63:
            raise error(errno.EINVAL)
        if does == "utimens" and question.arguments[call.rest[0]]:
            _, first, _, second = struct.unpack("<qqqq", self._memory.data(question.pid, question.arguments[call.rest[0]], 32))
            return (first, second) == (_UTIME_OMIT, _UTIME_OMIT)
        return False

    def _resolved(self, question: Notification, call: PathCall, does: str, index: int, folder: int | None, path: int, raw: bytes | None) -> Resolved:
        at = None if folder is None else question.signed(folder)
        flags = 0 if call.flags is None else question.word(call.flags)
        if does in ("utimens", "utimes") and question.arguments[path] == 0 and at is not None:
            if flags or at == linux.AT_FDCWD:
                raise error(errno.EINVAL if flags else errno.EFAULT)
            return self._resolver.opened(question.pid, at)  # futimens(3): the descriptor itself
        if raw is None:
            raw = self._memory.text(question.pid, question.arguments[path])
        if not raw and flags & linux.AT_EMPTY_PATH and at is not None:
            return self._resolver.opened(question.pid, at)
        if does in _ON_PARENTS or (does == "link" and index == 1):
            no_replace = index == 1 and bool(call.rest) and does == "rename" and bool(question.word(call.rest[0]) & _RENAME_NOREPLACE)
            return self._parent(question, "make" if no_replace else does, at, raw)
        follow = (call.follow and not flags & linux.AT_SYMLINK_NOFOLLOW) or bool(does == "link" and flags & linux.AT_SYMLINK_FOLLOW)
        return self._resolver.resolve(question.pid, at, raw, follow=follow)

    def _parent(self, question: Notification, does: str, at: int | None, raw: bytes) -> Resolved:
        last = raw.rstrip(b"/").rpartition(b"/")[2]
        if raw and last in (b"", b".", b".."):
            self._resolver.resolve(question.pid, at, raw).close()
            number = _ON_FOLDERS.get((does, last), _ON_FOLDERS.get((does, b""), errno.EEXIST))
            raise _NoNameError(number, os.strerror(number))
        return self._resolver.resolve(question.pid, at, raw, parent=True)

    def _decide_and_act(self, question: Notification, call: PathCall, does: str, found: list[Resolved]) -> None:
        if does in _CHANGES_THE_WAY:
            for each in found:
                self._ways.becomes(each.path)
        if does in HELD_BY_THE_WALL and all(self._is_free(each) for each in found):
            self._listener.proceed(question)
            return
        if does not in _MOVES and all(self._is_ordinary(each) for each in found):
            self._do(question, call, does, found)
            return
        flags = question.word(call.rest[0]) if does == "rename" and call.rest else 0
        governed = tuple(self._is_governed(each) for each in found) if len(found) == 2 or does == "truncate" else (False,)
        moves = self._moves_of(does, found, flags) if len(found) == 2 and any(governed) else []
        asked = NameQuestion(
            does,
            tuple(self._region(each) for each in found),
            tuple(self._places.holds_protected(name) for each in found for name in each.names) if _could_hide(question, call, does) else (),
            governed if len(governed) == 2 else (False, False),
            straight=all(len(each.names) == 1 for each in found),
            granted=tuple(self._places.holds_grant(name) for each in found for name in each.names) if does in ("rename", "rmdir") else (),
            foreign=any(move.foreign for move in moves),
        )
        answer = decide_name(asked)
        if answer.way is not Way.REFUSE and flags & _RENAME_EXCHANGE and governed[1] and not governed[0]:
            answer = decide_name(msgspec.structs.replace(asked, governed=(True, False), straight=False))
        if answer.why == "leaves-governed" and does == "rename" and not flags & _RENAME_EXCHANGE and self._is_file(found[0]):
            self._move_if_verified(question, found, flags)
        elif answer.way is Way.DO and does == "truncate" and governed[0] and self._keeps_foreign(found[0], question.arguments[call.rest[0]]):
            self._cut_if_verified(question, found[0], question.arguments[call.rest[0]])
        elif answer.way is Way.REFUSE:
            if does in _ONLY_NEW and found[0].is_taken():
                raise error(errno.EEXIST)  # as the kernel says to everybody, who may write there or not: `mkdir -p` asks about each folder on the way
            if answer.errno != errno.EXDEV:
                self._gate.refused(found[0].path, answer.why, question.pid)
            self._listener.fail(question, answer.errno)
        elif answer.way is Way.CONTINUE:
            self._listener.proceed(question)
        else:
            self._gate.require_record(name for each in found for name in each.names)
            self._do(question, call, does, found)

    def _do(self, question: Notification, call: PathCall, does: str, found: list[Resolved]) -> None:
        arguments = self._arguments(question, call, does)
        with self._turn:
            if self._listener.is_waiting(question):
                self._listener.succeed(question, self._act(question, does, found, arguments) or 0)

    def _is_free(self, found: Resolved) -> bool:
        """The common case of `decide_name`, told before anything is put together: a name in a free folder, no link on the way, no grant of its own."""
        if len(found.names) != 1 or (found.status is not None and self._gate.is_governed_inode(found.status)):
            return False
        path, places = found.path, self._places
        return places.of(path) is Region.FREE and not places.holds_grant(path)

    def _is_ordinary(self, found: Resolved) -> bool:
        """The other common case: a name that may be written, that nothing protected lies below, and no rule has anything to do with."""
        if len(found.names) != 1 or (found.status is not None and self._gate.is_governed_inode(found.status)):
            return False
        return self._places.of(found.path) in _ORDINARY and not self._places.holds_protected(found.path)

    def _moves_of(self, does: str, found: list[Resolved], flags: int) -> list[Move]:
        if does == "link":
            return self._moves.of_link(found[0], found[1])
        return self._moves.of_rename(found[0], found[1], exchange=bool(flags & _RENAME_EXCHANGE))

    def _keeps_foreign(self, found: Resolved, size: int) -> bool:
        """Whether a cut leaves bytes that the run did not write."""
        status = found.status
        return (
            size > 0
            and status is not None
            and stat.S_ISREG(status.st_mode)
            and status.st_size > 0
            and not any(self._gate.is_own(name, status) for name in found.names)
        )

    def _cut_if_verified(self, question: Notification, found: Resolved, size: int) -> None:
        held = Resolved(os.dup(found.descriptor or 0), None, b"", found.names, found.status)

        def act() -> None:
            self._relabel(question, "truncate", held, [size])

        self._after_verdict(question, held, [held], act)

    def _move_if_verified(self, question: Notification, found: list[Resolved], flags: int) -> None:
        """A governed file may leave for a name that no rule governs if it could be read here."""
        source = self._at(found[0])
        held = [_kept(each) for each in found]

        def act() -> None:
            if not _same(held[0], source):
                raise error(errno.EAGAIN)
            self._rename(question, held, flags, judged=True)

        self._after_verdict(question, source, [source, *held], act)

    def _after_verdict(self, question: Notification, source: Resolved, held: list[Resolved], act: Callable[[], None]) -> None:
        """Act where a file may be read here, and refuse where it may not."""

        def work() -> None:
            try:
                os.close(self._gate.read(source, os.O_RDONLY, question.pid))
                with self._turn:
                    if self._listener.is_waiting(question):
                        act()
                        self._listener.succeed(question)
            finally:
                for each in held:
                    each.close()

        self._slow.compute(question, work)

    def _at(self, place: Resolved) -> Resolved:
        """What lies at a name in a resolved folder."""
        descriptor = os.open(place.name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.folder)
        return Resolved(descriptor, None, b"", place.names, os.fstat(descriptor))

    def _region(self, found: Resolved) -> Region:
        names = found.names
        if not found.path.startswith(b"/") or (found.status is not None and found.status.st_nlink == 0):
            return Region.WRITABLE  # a pipe, a socket, memory: metadata of what has no name
        region = self._places.of(names[-1])
        others = [r for r in map(self._places.of, names[:-1]) if r not in (Region.PROCESS, Region.DEVICE)]
        if region is Region.DEVICE and found.status is not None and found.descriptor is not None:
            return Region.WRITABLE if stat.S_ISCHR(found.status.st_mode) and is_own_terminal(names[-1], self._in_tree) else region
        strictest = max((region, *others))
        return region if region in NOT_WRITTEN and strictest not in NOT_WRITTEN else strictest

    def _is_governed(self, found: Resolved) -> bool:
        if found.status is not None and self._gate.is_governed_inode(found.status):
            return True
        if any(self._places.of(name) is Region.GOVERNED for name in found.names):
            return True
        return found.folder is not None and self._is_folder(found) and any(self._places.holds_governed(name) for name in found.names)

    def _is_folder(self, place: Resolved) -> bool:
        try:
            return stat.S_ISDIR(os.lstat(place.name, dir_fd=place.folder).st_mode)
        except OSError:
            return False

    def _is_file(self, place: Resolved) -> bool:
        try:
            return stat.S_ISREG(os.lstat(place.name, dir_fd=place.folder).st_mode)
        except OSError:
            return False

    def _arguments(self, question: Notification, call: PathCall, does: str) -> list[Any]:
        """What the call points at in the caller's memory, read once, before anything is done."""
        given = [question.arguments[index] for index in call.rest]
        pid = question.pid
        if does == "symlink":
            return [self._memory.text(pid, given[0])]
        if does == "utimens":
            return [self._memory.data(pid, given[0], 32) if given[0] else None]
        if does == "utimes":
            return [_from_timeval(self._memory.data(pid, given[0], 32)) if given[0] else None]
        if does == "utime":
            seconds = struct.unpack("<qq", self._memory.data(pid, given[0], 16)) if given[0] else None
            return [None if seconds is None else struct.pack("<qqqq", seconds[0], 0, seconds[1], 0)]
        if does == "setxattr":
            size = given[2]
            if size > _XATTR_SIZE:
                raise error(errno.E2BIG)
            return [self._memory.text(pid, given[0])[: _XATTR_NAME + 1], self._memory.data(pid, given[1], size) if size else b"", given[3] & 0xFFFF_FFFF]
        if does == "removexattr":
            return [self._memory.text(pid, given[0])[: _XATTR_NAME + 1]]
        if does == "link":
            return [question.word(call.flags) if call.flags is not None else 0]
        return given

    def _act(self, question: Notification, does: str, found: list[Resolved], given: list[Any]) -> int | None:
        first = found[0]
        if does == "rename":
            self._rename(question, found, given[0] & 0xFFFF_FFFF if given else 0)
        elif does == "link":
            self._link(question, found)
        elif does in ("mkdir", "mknod"):
            mode, afterwards = self._umasks.mode_to_make(question.pid, given[0] & _PERMISSIONS)
            if does == "mkdir":
                os.mkdir(first.last, mode, dir_fd=first.folder)
            else:
                kind = stat.S_IFMT(given[0] & 0xFFFF) or stat.S_IFREG
                os.mknod(first.last, kind | mode, given[1] & 0xFFFF_FFFF, dir_fd=first.folder)
                self._gate.wrote(first.names, os.lstat(first.name, dir_fd=first.folder), question.pid)
            if afterwards is not None:
                _set_mode(first, afterwards)
        elif does == "symlink":
            os.symlink(given[0], first.last, dir_fd=first.folder)
        elif does == "unlink":
            os.unlink(first.last, dir_fd=first.folder)
            self._gate.removed(first.path)
        elif does == "rmdir":
            os.rmdir(first.last, dir_fd=first.folder)
            if self._places.holds_grant(first.path):
                self._places.add(first.path, Region.WRITABLE)  # what is made there later has no grant
                self._ways.forget()
        else:
            self._relabel(question, does, first, given)
        return None

    def _relabel(self, question: Notification, does: str, found: Resolved, given: list[Any]) -> None:
        place = b"/proc/self/fd/%d" % (found.descriptor or 0)
        is_link = found.status is not None and stat.S_ISLNK(found.status.st_mode)
        if does == "truncate":
            size = given[0] - (1 << 64) if given[0] >> 63 else given[0]
            os.truncate(place, size)
            self._gate.wrote(found.names, os.stat(place), question.pid)
        elif does == "chmod":
            if is_link:
                raise error(errno.EOPNOTSUPP)
            os.chmod(place, given[0] & _PERMISSIONS)
        elif does == "chown":
            owner, group = (_identifier(each) for each in given[:2])
            linux.checked(linux.libc.fchownat(found.descriptor, b"", owner, group, linux.AT_EMPTY_PATH), "fchownat")
        elif does in ("utimens", "utimes", "utime"):
            if is_link:
                linux.checked(linux.libc.utimensat(found.descriptor, b"", given[0], linux.AT_EMPTY_PATH), "utimensat")
            else:
                linux.utimensat(place, given[0])
        elif does == "setxattr":
            os.setxattr(place, given[0], given[1], given[2])
        else:
            os.removexattr(place, given[0])

    def _rename(self, question: Notification, found: list[Resolved], flags: int, *, judged: bool = False) -> None:
        source, target = found
        assert source.folder is not None and target.folder is not None  # noqa: PT018  # resolved as parents
        moves = self._moves_of("rename", found, flags)
        linux.renameat2(source.folder, source.last, target.folder, target.last, flags)
        self._moves.done(moves, question.pid, judged=judged)

    def _link(self, question: Notification, found: list[Resolved]) -> None:
        source, target = found
        assert source.descriptor is not None and target.folder is not None  # noqa: PT018  # resolved so
        if source.status is not None and source.status.st_nlink == 0 and not source.path.startswith(b"/"):
            raise error(errno.ENOENT)
        governed = any(self._places.of(name) is Region.GOVERNED for name in (*source.names, *target.names))
        moves = self._moves_of("link", found, 0) if governed else []
        if source.status is not None and stat.S_ISLNK(source.status.st_mode):
            _link_a_link(source.path, source.status, target)
        else:
            linux.linkat(linux.AT_FDCWD, b"/proc/self/fd/%d" % source.descriptor, target.folder, target.last, linux.AT_SYMLINK_FOLLOW)
        if governed:
            self._moves.done(moves, question.pid, linked=True)


def _set_mode(made: Resolved, mode: int) -> None:
    """Set the mode of what was just made, and of nothing that was put in its place as a link; a set-group-ID bit that it inherited stays."""
    descriptor = os.open(made.name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=made.folder)
    try:
        os.chmod(f"/proc/self/fd/{descriptor}", mode | (os.fstat(descriptor).st_mode & stat.S_ISGID))
    finally:
        os.close(descriptor)


def _link_a_link(path: bytes, status: os.stat_result, target: Resolved) -> None:
    """Give a symbolic link another name. /proc has no name of the link itself to follow, so it is the name that is linked, and what came of it is looked at."""
    folder = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.link(os.path.basename(path), target.last, src_dir_fd=folder, dst_dir_fd=target.folder, follow_symlinks=False)
        made = os.lstat(target.name, dir_fd=target.folder)
        if (made.st_dev, made.st_ino) != (status.st_dev, status.st_ino):
            os.unlink(target.name, dir_fd=target.folder)
            raise error(errno.EAGAIN)
    finally:
        os.close(folder)


class _NoNameError(OSError):
    """A path ends with a dot, two dots or a slash alone, where a name is needed."""


def _kept(found: Resolved) -> Resolved:
    return Resolved(None, os.dup(found.folder or 0), found.name, found.names, None, found.slash)


def _same(place: Resolved, judged: Resolved) -> bool:
    try:
        now = os.lstat(place.name, dir_fd=place.folder)
    except OSError:
        return False
    return judged.status is not None and (now.st_dev, now.st_ino) == (judged.status.st_dev, judged.status.st_ino)


def _could_hide(question: Notification, call: PathCall, does: str) -> bool:
    """Whether a call could take away the way to what lies below a folder, from its owner too: an access list and a mode do that as well as a move."""
    if does == "chmod":
        return question.arguments[call.rest[0]] & stat.S_IRWXU != stat.S_IRWXU
    return does in ("rename", "rmdir", "unlink", "link", "setxattr")


def _known_flags(does: str, flags: int) -> None:
    allowed = {"link": linux.AT_EMPTY_PATH | linux.AT_SYMLINK_FOLLOW}.get(does, linux.AT_EMPTY_PATH | linux.AT_SYMLINK_NOFOLLOW)
    if flags & ~allowed:
        raise error(errno.EINVAL)


def _identifier(value: int) -> int:
    word = value & 0xFFFF_FFFF
    return -1 if word == 0xFFFF_FFFF else word


def _from_timeval(data: bytes) -> bytes:
    """Two ``struct timeval`` as two ``struct timespec``. Raises OSError EINVAL for microseconds that are none."""
    first, first_micro, second, second_micro = struct.unpack("<qqqq", data)
    if not (0 <= first_micro < 1_000_000 and 0 <= second_micro < 1_000_000):
        raise error(errno.EINVAL)
    return struct.pack("<qqqq", first, first_micro * 1000, second, second_micro * 1000)
