"""Answers connect and bind, and the making of pairs of datagram sockets.

Rules kept: no connect is carried out by its caller, so neither an address that is rewritten nor a socket that is exchanged meanwhile gains anything;
a Unix socket is connected through the very file that was decided on; whoever listens is found in the kernel's own list, not by a name.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import struct
from collections.abc import Callable

from jupyter_mlsc.sandbox import caller, linux, peers
from jupyter_mlsc.sandbox.addresses import LONGEST, PATH_AT, by_descriptor, family_of, pathname, shown
from jupyter_mlsc.sandbox.decide import Answer, Way, decide_bind, decide_connect, decide_network
from jupyter_mlsc.sandbox.gate import Gate
from jupyter_mlsc.sandbox.later_desk import LaterDesk
from jupyter_mlsc.sandbox.listed import ListedSockets
from jupyter_mlsc.sandbox.listener import Listener, Notification
from jupyter_mlsc.sandbox.places import Places, Region
from jupyter_mlsc.sandbox.resolve import Resolved, Resolver, error
from jupyter_mlsc.sandbox.slow import SlowAnswers
from jupyter_mlsc.sandbox.syscalls import Calls
from jupyter_mlsc.sandbox.tree import Tree
from jupyter_mlsc.sandbox.umasks import Umasks

_LOCAL = frozenset({socket.AF_UNIX, socket.AF_NETLINK})
_WRITTEN = frozenset({Region.FREE, Region.WRITABLE, Region.GOVERNED})
_QUIET = (b"/run/nscd/", b"/var/run/nscd/", b"/run/systemd/userdb/", b"/run/systemd/resolve/", b"/run/dbus/system_bus_socket")
"""Where the C library asks for names and does without: refused as others are, and not worth a word."""


class Sockets:
    """The handler of connect, bind and socketpair. What connects to the desk's address speaks to the supervisor itself.

    ``network`` is whether Internet addresses may be connected to.
    """

    def __init__(
        self,
        calls: Calls,
        listener: Listener,
        resolver: Resolver,
        places: Places,
        gate: Gate,
        slow: SlowAnswers,
        tree: Tree,
        listed: ListedSockets,
        *,
        desk: LaterDesk,
        umasks: Umasks,
        network: bool,
    ) -> None:
        self._answers: dict[int, Callable[[Notification], None]] = {
            calls.sockets["connect"]: self._connect,
            calls.sockets["bind"]: self._bind,
            calls.inspected["socketpair"]: self._pair,
        }
        self._listener, self._resolver, self._places, self._gate = listener, resolver, places, gate
        self._slow, self._tree, self._listed, self._desk, self._umasks, self._network = slow, tree, listed, desk, umasks, network
        self._memory = caller.Memory()

    @property
    def numbers(self) -> tuple[int, ...]:
        """The system calls that are answered here."""
        return tuple(self._answers)

    def answer(self, question: Notification) -> None:
        """Answer one call. Raises OSError with what the caller gets."""
        self._answers[question.number](question)

    def _address(self, question: Notification) -> bytes:
        length = question.signed(2)
        if not 0 <= length <= LONGEST:
            raise error(errno.EINVAL)
        return self._memory.data(question.pid, question.arguments[1], length)

    # connect

    def _connect(self, question: Notification) -> None:
        ours = _duplicate(question)
        held: list[Resolved] = []

        def done() -> None:
            ours.close()
            for each in held:
                each.close()

        try:
            address = self._address(question)
            if ours.family == socket.AF_UNIX and family_of(address) == socket.AF_UNIX and self._desk.takes(address[PATH_AT:]):
                ours.close()
                self._desk.serve(question, question.signed(0))
                return
            path = pathname(address) if ours.family == socket.AF_UNIX else None
            if path is not None:
                held.append(self._resolver.resolve(question.pid, None, path))
        except OSError as err:
            done()
            # There is no wall between a caller that may not be looked at and whoever it wants to talk to: it is refused.
            raise error(errno.EACCES if isinstance(err, PermissionError) else err.errno or errno.EACCES) from err
        found = held[0] if held else None

        def work() -> None:
            try:
                self._carry_out(question, ours, address, found)
            finally:
                done()

        if not self._listener.is_waiting(question) or not self._slow.wait(question, work):
            done()

    def _carry_out(self, question: Notification, ours: socket.socket, address: bytes, found: Resolved | None) -> None:
        answer, peer = self._decide(question.pid, ours, address, found)
        if answer.way is Way.REFUSE:
            if not peer.startswith(_QUIET):
                self._gate.refused(peer, answer.why, question.pid)
            raise error(answer.errno)
        if found is not None:
            address = by_descriptor(found.descriptor or 0)
        linux.connect(ours.fileno(), address)
        self._listener.succeed(question)

    def _decide(self, thread: int, ours: socket.socket, address: bytes, found: Resolved | None) -> tuple[Answer, bytes]:
        """An answer, and how to call whoever is at the other end. Raises ConnectionRefusedError where nobody is."""
        if family_of(address) == socket.AF_UNSPEC:
            return Answer(Way.DO), b""  # it takes a connection back
        if ours.family != socket.AF_UNIX:
            return decide_network(allowed=self._network or ours.family in _LOCAL), shown(address)
        if family_of(address) != socket.AF_UNIX or len(address) <= PATH_AT:
            return Answer(Way.DO), b""  # no address of a Unix socket: the kernel says so
        if found is not None:
            return self._decide_file(thread, found)
        name = address[PATH_AT:]
        there = _listening(lambda each: each.name == name and each.kind == ours.type)
        listed = self._listed.has(b"@" + name[1:])
        if not there and not listed:
            raise error(errno.ECONNREFUSED)
        return decide_connect(inside=self._is_inside(thread, there), listed=listed), b"@" + name[1:]

    def _decide_file(self, thread: int, found: Resolved) -> tuple[Answer, bytes]:
        file = peers.file_of(found.descriptor or 0)
        there = _listening(lambda each: each.file == file)
        listed, written = self._listed.has(found.path), self._places.of(found.path) in _WRITTEN
        if listed and written:
            # The tree can move any socket to this place; what it cannot do is to make somebody outside bind that name.
            listed = bool(there) and all(self._listed.is_same(found.path, each.name) for each in there)
        elif written and not there and not listed:
            # What a server left behind. In another place it may be one that somebody in another network namespace listens at, as a container's docker.sock is.
            raise error(errno.ECONNREFUSED)
        return decide_connect(inside=self._is_inside(thread, there), listed=listed), found.path

    def _is_inside(self, thread: int, there: list[peers.Bound]) -> bool:
        """Whether everybody who listens there belongs to the tree."""
        return bool(there) and peers.held_by(self._tree.processes(thread), [each.inode for each in there])

    # bind

    def _bind(self, question: Notification) -> None:
        try:
            address = self._address(question)
        except PermissionError:
            self._listener.proceed(question)  # it may not be looked at: what it makes, it makes where the wall lets it
            return
        path = pathname(address)
        if path is None:
            self._listener.proceed(question)  # a number or an abstract name, which takes nothing from anybody
            return
        with _duplicate(question) as ours:
            found = self._parent(question, path)
            try:
                regions = tuple(self._places.of(name) for name in found.names)
                answer = decide_bind(regions)
                if answer.way is Way.CONTINUE:
                    self._listener.proceed(question)
                elif answer.way is Way.REFUSE:
                    self._gate.refused(found.path, answer.why, question.pid)
                    self._listener.fail(question, answer.errno)
                elif self._listener.is_waiting(question):
                    # Only a free folder changes without a question: a way through one is not gone twice.
                    self._bind_here(question, ours, address if Region.FREE not in regions else by_descriptor(found.folder or 0, found.name), found)
                    self._listener.succeed(question)
            finally:
                found.close()

    def _parent(self, question: Notification, path: bytes) -> Resolved:
        try:
            return self._resolver.resolve(question.pid, None, path, parent=True)
        except OSError as err:
            raise error(errno.EADDRINUSE if err.errno in (errno.EEXIST, errno.EBUSY) else err.errno or errno.EACCES) from err

    def _bind_here(self, question: Notification, ours: socket.socket, address: bytes, found: Resolved) -> None:
        """Bind the caller's socket in its words, since getsockname(2) tells them; then see that the file is where it was to be. Raises OSError."""
        path = pathname(address) or b""
        before = stat.S_IMODE(os.fstat(ours.fileno()).st_mode)
        mode, afterwards = self._umasks.mode_to_make(question.pid, before)
        os.fchmod(ours.fileno(), mode)  # unix(7): the file gets the socket's own mode, without what this process's umask takes
        try:
            if path.startswith(b"/"):
                linux.bind(ours.fileno(), address)
            else:
                _bind_from(question.pid, ours, address, found)
        finally:
            os.fchmod(ours.fileno(), before)
        made = peers.bound(os.fstat(ours.fileno()).st_ino)
        there = os.open(found.name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=found.folder)
        try:
            if made is None or made.file != peers.file_of(there):
                self._undo(question, path, made)
                raise error(errno.EACCES)
            if afterwards is not None:
                os.chmod(f"/proc/self/fd/{there}", afterwards)
        finally:
            os.close(there)

    def _undo(self, question: Notification, path: bytes, made: peers.Bound | None) -> None:
        """A folder on the way was exchanged by somebody outside: take away what was made where it then led."""
        strayed = self._resolver.resolve(question.pid, None, path, follow=False)
        try:
            if made is not None and strayed.descriptor is not None and made.file == peers.file_of(strayed.descriptor):
                os.unlink(strayed.path)
        finally:
            strayed.close()

    # socketpair

    def _pair(self, question: Notification) -> None:
        """Two connected sockets that keep messages apart, as datagram sockets do, but cannot be made to send to anybody else."""
        kind = question.word(1)
        if question.signed(2) not in (0, socket.AF_UNIX):
            raise error(errno.EPROTONOSUPPORT)
        flags = kind & (socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        at = question.arguments[3]
        caller.write(question.pid, at, bytes(8))  # before anything is made: a bad address leaves nothing behind
        pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | flags)
        try:
            numbers = [self._listener.place(question, each.fileno(), close_on_exec=bool(flags & socket.SOCK_CLOEXEC)) for each in pair]
            caller.write(question.pid, at, struct.pack("<ii", *numbers))
        finally:
            for each in pair:
                each.close()
        self._listener.succeed(question)


def _listening(wanted: Callable[[peers.Bound], bool]) -> list[peers.Bound]:
    # A list that is read while it changes may leave something out once.
    return [each for each in peers.listening() if wanted(each)] or [each for each in peers.listening() if wanted(each)]


def _duplicate(question: Notification) -> socket.socket:
    """The caller's socket itself, held here. Raises OSError EBADF, ENOTSOCK; EACCES for a caller that may not be looked at."""
    try:
        descriptor = caller.descriptor_of(question.pid, question.signed(0))
    except PermissionError as err:
        raise error(errno.EACCES) from err
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            raise error(errno.ENOTSOCK)
        return socket.socket(fileno=descriptor)
    except OSError:
        os.close(descriptor)
        raise


def _bind_from(thread: int, ours: socket.socket, address: bytes, found: Resolved) -> None:
    """Bind to a path that is relative to the caller's folder. Raises OSError."""
    folder = os.open(b"/proc/%d/cwd" % thread, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def bind() -> None:
        try:
            linux.own_folder()
        except OSError:
            # A container's profile may forbid it; then the socket is in its place, and its name says how it came there.
            linux.bind(ours.fileno(), by_descriptor(found.folder or 0, found.name))
            return
        os.fchdir(folder)
        linux.bind(ours.fileno(), address)

    try:
        # A thread that ends afterwards: all others keep the folder that they have.
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as alone:
            alone.submit(bind).result()
    finally:
        os.close(folder)
