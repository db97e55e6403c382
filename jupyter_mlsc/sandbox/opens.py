"""Answers the calls that open a file: resolved here, opened here, handed over as a descriptor.

Rules kept: a file is resolved, decided on and opened through one descriptor; what needs hashing or may block goes to a worker; a caller that may not
be looked at is left to the wall.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from collections.abc import Callable

import msgspec

from jupyter_mlsc.sandbox import caller, linux
from jupyter_mlsc.sandbox.code import AT_ONCE, Code
from jupyter_mlsc.sandbox.decide import CONTINUE, Answer, OpenQuestion, Way, decide_device, decide_open, decide_process, is_temporary, wants
from jupyter_mlsc.sandbox.gate import Gate
from jupyter_mlsc.sandbox.listener import Listener, Notification
from jupyter_mlsc.sandbox.ordinary import Ordinary, set_mode, unmake
from jupyter_mlsc.sandbox.places import Places, Region
from jupyter_mlsc.sandbox.resolve import NothingThereError, Resolved, Resolver, error
from jupyter_mlsc.sandbox.slow import SlowAnswers
from jupyter_mlsc.sandbox.syscalls import OPEN_CALLS, Calls, OpenCall
from jupyter_mlsc.sandbox.terminals import is_own_terminal
from jupyter_mlsc.sandbox.umasks import Umasks

_HOW = struct.Struct("<QQQ")
_MAKES = os.O_CREAT | os.O_EXCL
_NOT_REOPENED = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_KNOWN_FLAGS = 0o37777703
"""The kernel's VALID_OPEN_FLAGS (fcntl.h)."""
_WITH_O_PATH = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_HOW = 4096
_NO_NAMES = (b"", b".", b"..")
_SETTABLE = os.O_APPEND | getattr(os, "O_ASYNC", 0) | os.O_DIRECT | os.O_NOATIME
"""What fcntl(2) can set of an open file's flags, but for O_NONBLOCK."""
_ONLY_LOOKED_AT = b"/migrated"
"""Jupyter opens its mark of that name for writing to see whether it is there, writes nothing and does without: refused, and not worth a word."""
_INSIDE = linux.RESOLVE_BENEATH | linux.RESOLVE_IN_ROOT
_MOST_TRIES = 8
_MAGIC_FILES = (b"/memfd:", b"/SYSV", b"/dev/zero")


class Request(msgspec.Struct, frozen=True):
    """An open as the caller asked for it."""

    folder: int | None
    path: bytes
    flags: int
    mode: int
    how: int = 0


class Opens:
    """The handler of open, openat, creat and openat2. ``slow`` takes what would hold up others; ``fast`` are beginnings of paths in system folders."""

    def __init__(
        self,
        calls: Calls,
        listener: Listener,
        resolver: Resolver,
        places: Places,
        gate: Gate,
        *,
        ordinary: Ordinary,
        umasks: Umasks,
        fast: tuple[bytes, ...],
        in_tree: Callable[[int], bool],
        slow: SlowAnswers,
        code: Code,
    ) -> None:
        self._calls = {number: OPEN_CALLS[name] for name, number in calls.opens.items()}
        self._listener, self._resolver, self._places, self._gate = listener, resolver, places, gate
        self._fast, self._ordinary, self._umasks = fast, ordinary, umasks
        self._in_tree, self._slow, self._code = in_tree, slow, code
        self._memory = caller.Memory()
        self._text = self._memory.text

    @property
    def numbers(self) -> tuple[int, ...]:
        """The system calls that are answered here."""
        return tuple(self._calls)

    def answer(self, question: Notification) -> None:
        """Answer one open. Raises OSError with what the caller gets."""
        call, arguments = self._calls[question.number], question.arguments
        try:
            path = self._text(question.pid, arguments[call.path])
        except PermissionError:
            self._listener.proceed(question)  # it may not be looked at: system and free folders, by the wall, and nothing else
            return
        if path.startswith(self._fast) and b"/.." not in path:
            self._listener.proceed(question)
            return
        if call.flags is not None and self._ordinary.opens(question, call, path, arguments[call.flags] & _KNOWN_FLAGS):
            return
        request = self._request(question, call, path)
        for _ in range(_MOST_TRIES):
            try:
                self._open(question, request)
            except _AgainError:
                continue  # something was made or removed between two steps
            return
        raise error(errno.EAGAIN)

    def _request(self, question: Notification, call: OpenCall, path: bytes) -> Request:
        folder = None if call.folder is None else question.signed(call.folder)
        if call.how is not None:
            flags, mode, how = self._how(question, question.arguments[call.how], question.arguments[3])
            return Request(folder, path, flags, mode, how)
        flags = call.fixed_flags if call.flags is None else question.word(call.flags)
        # openat2(2): the older calls ignore flags that they do not know.
        flags &= _KNOWN_FLAGS
        mode = 0 if call.mode is None else question.word(call.mode) & 0o7777
        if flags & os.O_PATH:
            flags &= _WITH_O_PATH
        elif flags & (os.O_DIRECTORY | os.O_CREAT) not in (0, os.O_CREAT):
            linux.check_flags(flags, mode if flags & (os.O_CREAT | os.O_TMPFILE & ~os.O_DIRECTORY) else 0, 0)
        return Request(folder, path, flags, mode)

    def _how(self, question: Notification, address: int, size: int) -> tuple[int, int, int]:
        """A ``struct open_how``. Raises OSError for what this kernel's openat2 does not accept."""
        if not _HOW.size <= size <= _MOST_HOW:
            raise error(errno.EINVAL if size < _HOW.size else errno.E2BIG)
        data = self._memory.data(question.pid, address, size)
        if any(data[_HOW.size :]):
            raise error(errno.E2BIG)
        flags, mode, how = _HOW.unpack_from(data)
        linux.check_flags(flags, mode, how)
        return flags, mode, how

    def _open(self, question: Notification, request: Request) -> None:
        flags = request.flags
        if flags & os.O_CREAT and _ends_with_slash(request.path):
            self._resolver.resolve(question.pid, request.folder, request.path, parent=True, how=request.how).close()
            raise error(errno.EISDIR)  # a folder is not made so, whatever lies there
        found = self._found(question, request)
        try:
            self._act(question, request, found)
        finally:
            found.close()

    def _found(self, question: Notification, request: Request) -> Resolved:
        """What an open leads to: what lies there, or where a file would be made."""
        pid, flags = question.pid, request.flags
        new = flags & _MAKES == _MAKES
        if new and not request.how and request.path.rpartition(b"/")[2] not in _NO_NAMES:
            return self._resolver.resolve(pid, request.folder, request.path, parent=True)
        try:
            return self._resolver.resolve(pid, request.folder, request.path, follow=not new and not flags & os.O_NOFOLLOW, how=request.how)
        except NothingThereError:
            if not flags & os.O_CREAT:
                raise
            return self._resolver.resolve(pid, request.folder, request.path, parent=True, how=request.how)
        except FileNotFoundError:
            if not flags & os.O_CREAT:
                raise
            return self._place_to_make(question, request)

    def _place_to_make(self, question: Notification, request: Request) -> Resolved:
        """Where a file that does not exist would be made; a link that leads nowhere says where."""
        path, folder = request.path, request.folder
        names: tuple[bytes, ...] = ()
        for _ in range(_MOST_TRIES):
            found = self._resolver.resolve(question.pid, folder, path, parent=True, how=request.how)
            found.names = (*names, *found.names)
            assert found.folder is not None  # that is what was asked for
            try:
                target = os.readlink(found.name, dir_fd=found.folder)
            except OSError:
                return found  # nothing there, or no link
            names = found.names
            if request.how & _INSIDE:
                found.close()
                raise error(errno.EXDEV)
            path, folder = (target if target.startswith(b"/") else os.path.dirname(found.path) + b"/" + target), None
            found.close()
            if request.flags & (os.O_EXCL | os.O_NOFOLLOW):
                raise error(errno.EEXIST if request.flags & os.O_EXCL else errno.ELOOP)
            if target.endswith(b"/"):
                raise error(errno.EISDIR)
        raise error(errno.ELOOP)

    def _act(self, question: Notification, request: Request, found: Resolved) -> None:
        if found.status is not None and not is_temporary(request.flags):
            _refuse_what_exists(request.flags, found.status.st_mode)
        answer = CONTINUE if self._is_free(found) else self._decide(request, found)
        if answer.way is Way.CONTINUE:
            self._listener.proceed(question)
        elif answer.way is Way.REFUSE:
            if found.descriptor is None and request.flags & os.O_EXCL and found.is_taken():
                raise error(errno.EEXIST)
            if not (answer.why == "read-only" and found.path.endswith(_ONLY_LOOKED_AT)):
                self._gate.refused(found.path, answer.why, question.pid)
            self._listener.fail(question, answer.errno)
        elif found.descriptor is None:
            self._make(question, request, found)
        elif answer.way is Way.JUDGE:
            self._judge(question, request, found)
        elif wants(request.flags)[0] and self._code.is_code(found):
            self._hand_over_code(question, request, found)
        else:
            self._hand_over(question, request, found)

    def _is_free(self, found: Resolved) -> bool:
        """The common case of `decide_open`, told before anything is put together: what lies in a free folder, with no link on the way to it."""
        status = found.status
        alone = len(found.names) == 1 and status is not None and not self._gate.is_governed_inode(status)
        return alone and self._places.of(found.path) is Region.FREE

    def _decide(self, request: Request, found: Resolved) -> Answer:
        if request.flags & os.O_PATH:
            return CONTINUE  # also of a process and of a device: it gives no contents
        status = found.status
        nameless = not found.path.startswith(b"/") or (status is not None and status.st_nlink == 0 and found.path.startswith(_MAGIC_FILES))
        final = Region.WRITABLE if nameless else self._places.of(found.path)
        if final is Region.PROCESS and status is not None and not stat.S_ISDIR(status.st_mode):
            return decide_process(found.path, request.flags, in_tree=self._speaks_of_tree(found.path))
        if final is Region.DEVICE and status is not None and not stat.S_ISDIR(status.st_mode):
            return decide_device(found.path, own_terminal=is_own_terminal(found.path, self._in_tree))
        strictest = final
        for name in found.names[:-1]:
            region = self._places.of(name)
            if region > strictest and region not in (Region.PROCESS, Region.DEVICE):
                strictest = region
        if status is None:
            return decide_open(OpenQuestion(strictest, final, request.flags, None))
        linked = self._gate.is_governed_inode(status)
        foreign = (linked or strictest is Region.GOVERNED) and status.st_size > 0 and not any(self._gate.is_own(name, status) for name in found.names)
        return decide_open(OpenQuestion(strictest, final, request.flags, status.st_mode, linked, foreign))

    def _speaks_of_tree(self, name: bytes) -> bool:
        part = name.split(b"/")[2]
        return part.isdigit() and self._in_tree(int(part))

    def _make(self, question: Notification, request: Request, found: Resolved) -> None:
        assert found.folder is not None  # there is no descriptor
        self._gate.require_record(found.names)
        mode, afterwards = self._umasks.mode_to_make(question.pid, request.mode)
        if not self._listener.is_waiting(question):
            return
        try:
            made = os.open(found.name, request.flags | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOCTTY, mode, dir_fd=found.folder)
        except FileExistsError as err:
            if request.flags & os.O_EXCL:
                raise
            raise _AgainError from err
        if afterwards is not None:
            set_mode(made, afterwards)
        made_is = os.fstat(made)
        self._gate.made(found.names, made_is, question.pid)
        try:
            self._give(question, request, made)
        except OSError:
            unmake(found.folder, found.name, made_is)  # the caller has no number for it: without us there would be no file
            self._gate.removed(found.path)
            raise

    def _judge(self, question: Notification, request: Request, found: Resolved) -> None:
        held = Resolved(os.dup(found.descriptor or 0), None, b"", found.names, found.status)

        def work() -> None:
            try:
                self._give(question, request, self._gate.read(held, request.flags, question.pid))
            finally:
                held.close()

        at_once = self._gate.read_known(held, request.flags)
        if at_once is None:
            self._slow.compute(question, work)
            return
        held.close()
        self._give(question, request, at_once)

    def _hand_over_code(self, question: Notification, request: Request, found: Resolved) -> None:
        """Code is hashed before it is handed over; what takes longer does not hold up the others."""
        assert found.status is not None  # it is a file
        actor = self._gate.actor(question.pid)
        if found.status.st_size <= AT_ONCE:
            self._code.opened(found, actor)
            self._hand_over(question, request, found)
            return
        held = Resolved(os.dup(found.descriptor or 0), None, b"", found.names, found.status)

        def work() -> None:
            try:
                self._code.opened(held, actor)
                self._hand_over(question, request, held)
            finally:
                held.close()

        self._slow.compute(question, work)

    def _hand_over(self, question: Notification, request: Request, found: Resolved) -> None:
        assert found.status is not None  # there is a descriptor
        flags, mode = request.flags, found.status.st_mode
        regular, writes = stat.S_ISREG(mode), wants(flags)[1]
        if not regular and stat.S_ISFIFO(mode) and not flags & os.O_NONBLOCK and flags & os.O_ACCMODE != os.O_RDWR:
            self._slow.wait(question, self._waiting_open(question, request, os.dup(found.descriptor or 0)))
            return
        if writes:
            self._gate.require_record(found.names)
            if not self._listener.is_waiting(question):
                return
        making, afterwards = self._umasks.mode_to_make(question.pid, request.mode) if is_temporary(flags) else (0, None)
        try:
            with self._gate.turn:
                why = self._gate.why_not_written(found) if writes and regular else ""
                # Without waiting: who holds a lease on it (fcntl(2), F_SETLEASE) would hold up everybody.
                opened = None if why else reopen(found.descriptor or 0, flags | os.O_NONBLOCK if regular else flags, making, mode)
        except BlockingIOError:
            if flags & os.O_NONBLOCK:
                raise
            self._slow.wait(question, self._open_after_lease(question, request, found))
            return
        if opened is None:
            self._gate.refused(found.path, why, question.pid)
            self._listener.fail(question, errno.EACCES)
            return
        if regular and not flags & os.O_NONBLOCK:
            fcntl.fcntl(opened, fcntl.F_SETFL, flags & _SETTABLE)
        if afterwards is not None:
            set_mode(opened, afterwards)
        self._give(question, request, opened)
        if writes:
            self._gate.wrote(found.names, found.status, question.pid)

    def _open_after_lease(self, question: Notification, request: Request, found: Resolved) -> Callable[[], None]:
        """An open that waits until a lease was given back, and is decided then."""
        held = Resolved(os.dup(found.descriptor or 0), None, b"", found.names, found.status)

        def work() -> None:
            try:
                # O_TRUNC would cut before it is decided.
                os.close(linux.open_once(b"/proc/self/fd/%d" % (held.descriptor or 0), request.flags & os.O_ACCMODE | os.O_CLOEXEC | os.O_NOCTTY))
                self._hand_over(question, request, held)
            finally:
                held.close()

        return work

    def _waiting_open(self, question: Notification, request: Request, descriptor: int) -> Callable[[], None]:
        """An open of a FIFO, which waits for the other end."""

        def work() -> None:
            try:
                self._give(question, request, linux.open_once(b"/proc/self/fd/%d" % descriptor, request.flags & ~_NOT_REOPENED | os.O_CLOEXEC | os.O_NOCTTY))
            finally:
                os.close(descriptor)

        return work

    def _give(self, question: Notification, request: Request, descriptor: int) -> None:
        self._slow.settle(question)
        self._listener.give(question, descriptor, close_on_exec=bool(request.flags & os.O_CLOEXEC))


def _ends_with_slash(path: bytes) -> bool:
    bare = path.rstrip(b"/")
    return len(bare) < len(path) and bare.rpartition(b"/")[2] not in (b"", b".", b"..")


def _refuse_what_exists(flags: int, mode: int) -> None:
    """Raise OSError where an open can have no other answer, because something lies there; a region has no say in that."""
    if flags & os.O_CREAT and flags & os.O_EXCL:
        raise error(errno.EEXIST)
    if stat.S_ISLNK(mode) and not flags & os.O_PATH:
        raise error(errno.ENOTDIR if flags & os.O_DIRECTORY else errno.ELOOP)
    if stat.S_ISDIR(mode) and not flags & os.O_PATH and (flags & os.O_CREAT or wants(flags)[1]):
        raise error(errno.EISDIR)


class _AgainError(Exception):
    """What was resolved is not there any more."""


def reopen(descriptor: int, flags: int, making: int, mode: int) -> int:
    """Open what an `O_PATH` descriptor stands for, of the ``mode`` that stat told. A symbolic link itself cannot be opened. Raises OSError."""
    if stat.S_ISLNK(mode):
        raise error(errno.ENOTDIR if flags & os.O_DIRECTORY else errno.ELOOP)
    kept = flags & ~os.O_NOFOLLOW if is_temporary(flags) else flags & ~_NOT_REOPENED
    return os.open(b"/proc/self/fd/%d" % descriptor, kept | os.O_CLOEXEC | os.O_NOCTTY, making)
