"""The bulk of all questions, each answered in one function: plain names, with no link on the way, in folders where every name is alike and no rule has a say.

Rules kept: nothing is decided here that `decide` does not decide; what is out of the ordinary is not answered, and the general way begins from the caller's
arguments again; what is done here is done on a descriptor to which no symbolic link led (its name is the spelled one, or openat2(2) followed none), and its
own name tells the region once more: the spelling alone counts only for what the wall decides.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import threading

from jupyter_mlsc.sandbox import linux
from jupyter_mlsc.sandbox.code import RUNS
from jupyter_mlsc.sandbox.gate import SIDECARS, Gate
from jupyter_mlsc.sandbox.listener import Listener, Notification
from jupyter_mlsc.sandbox.places import Region
from jupyter_mlsc.sandbox.resolve import Resolver
from jupyter_mlsc.sandbox.syscalls import OpenCall, PathCall
from jupyter_mlsc.sandbox.umasks import Umasks
from jupyter_mlsc.sandbox.ways import Ways

_NO_NAMES = (b"", b".", b"..")
_MAKES = os.O_CREAT | os.O_EXCL
_UNUSUAL = os.O_PATH | os.O_TMPFILE | os.O_DIRECTORY | os.O_DIRECT | os.O_NOATIME | getattr(os, "O_ASYNC", 0)
_NO_PLAIN_READ = os.O_ACCMODE | os.O_CREAT | os.O_EXCL | os.O_TRUNC
_NO_LINKS = linux.RESOLVE_NO_SYMLINKS | linux.RESOLVE_NO_MAGICLINKS
_PLACE = os.O_PATH | os.O_CLOEXEC
_OPENED = os.O_CLOEXEC | os.O_NOCTTY
_PERMISSIONS = 0o7777
_MOVES = frozenset({"symlink", "link", "rename"})
_READ = frozenset({Region.WRITABLE, Region.ELSEWHERE})
_WRITTEN = frozenset({Region.WRITABLE, Region.FREE})


class Ordinary:
    """Answers what is ordinary. ``turn`` is held while a name is changed."""

    def __init__(self, listener: Listener, resolver: Resolver, ways: Ways, umasks: Umasks, gate: Gate) -> None:
        self._listener, self._resolver, self._ways, self._umasks, self._gate = listener, resolver, ways, umasks, gate
        self._region = ways.region
        self.turn = threading.Lock()
        """Held while a name is looked at for the last time and changed: workers change names too."""

    def opens(self, question: Notification, call: OpenCall, path: bytes, flags: int) -> bool:
        """Answer an open, or return False. Raises OSError with what the caller gets."""
        folder = None if path[:1] == b"/" or call.folder is None else question.signed(call.folder)
        name = path if path[:1] == b"/" else self._name(question.pid, folder, path)
        cut = name.rfind(b"/")
        region = self._region(name[:cut])
        if region is None or name[cut + 1 :] in _NO_NAMES:
            return False
        if region is Region.FREE:
            return self._free_open(question, name, flags)
        if flags & _UNUSUAL:
            return False
        if flags & _MAKES == _MAKES:
            mode = 0 if call.mode is None else question.arguments[call.mode] & _PERMISSIONS
            return region is Region.WRITABLE and self._make(question, folder, path, flags, mode)
        return region in _READ and not flags & _NO_PLAIN_READ and not name.endswith(RUNS) and self._read(question, folder, path, flags)

    def changes(self, question: Notification, does: str, call: PathCall, texts: list[bytes]) -> bool:
        """Answer a call that makes, moves, links or removes names and follows no link at the end of them, or return False. Raises OSError."""
        paths, names, is_free = [], [], True
        for (argument, _), path in zip(call.paths, texts, strict=True):
            folder = None if path[:1] == b"/" or argument is None else question.signed(argument)
            name = path if path[:1] == b"/" else self._name(question.pid, folder, path)
            cut = name.rfind(b"/")
            region = self._region(name[:cut])
            if region not in _WRITTEN or name[cut + 1 :] in _NO_NAMES:
                return False
            is_free = is_free and region is Region.FREE
            paths.append((folder, path))
            names.append(name)
        if is_free:
            # The kernel's own way ends where the spelling says, and the wall has a right for each of these calls.
            if does in _MOVES:
                for name in names:
                    self._ways.becomes(name)
            self._listener.proceed(question)
            return True
        if does == "link":
            return self._link(question, paths)
        return does in ("mkdir", "unlink") and self._change(question, does, *paths[0], question.arguments[call.rest[0]] if call.rest else 0)

    def _name(self, pid: int, folder: int | None, path: bytes) -> bytes:
        """The name that a relative path spells; empty where it spells none."""
        try:
            beginning = self._resolver.beginning(pid, folder)
        except OSError:
            return b""  # no such folder: whoever resolves the path says what is wrong
        return beginning + path if beginning else b""

    def _free_open(self, question: Notification, name: bytes, flags: int) -> bool:
        if flags & _MAKES != _MAKES:  # else no link is followed
            try:
                status = os.lstat(name)
            except FileNotFoundError:
                pass  # the kernel says so, or makes it
            except OSError:
                return False
            else:
                if stat.S_ISLNK(status.st_mode) or self._gate.is_governed_inode(status):
                    return False
        self._listener.proceed(question)
        return True

    @staticmethod
    def _place(pid: int, folder: int | None, path: bytes, flags: int) -> tuple[int, bytes]:
        """A descriptor of what a path without links leads to, and its name; the errno below zero, or -1, where there is no such thing."""
        if path[:1] == b"/":
            try:
                found = os.open(path, flags | os.O_NOFOLLOW)
            except FileNotFoundError:
                # Unless a link is on the way: what leads through /proc/self means another process here.
                found = linux.try_openat2(linux.AT_FDCWD, path, flags, _NO_LINKS)
                if found >= 0:
                    os.close(found)
                return (-errno.ENOENT if found == -errno.ENOENT else -1), b""
            except OSError:
                return -1, b""
            name = os.readlink(b"/proc/self/fd/%d" % found)
            if name == path:
                return found, name
            os.close(found)
            return -1, b""  # a link on the way, or another spelling
        at_work = folder is None or folder == linux.AT_FDCWD
        base = os.open(b"/proc/%d/cwd" % pid if at_work else b"/proc/%d/fd/%d" % (pid, folder or 0), _PLACE)
        found = linux.try_openat2(base, path, flags, _NO_LINKS)
        os.close(base)
        return found, os.readlink(b"/proc/self/fd/%d" % found) if found >= 0 else b""

    def _file(self, pid: int, folder: int | None, path: bytes, regions: frozenset[Region]) -> int:
        """A descriptor of a regular file that lies in one of the regions and has no governed name; the errno below zero, or -1, where there is none."""
        found, name = self._place(pid, folder, path, _PLACE)
        if found < 0:
            return found
        status = os.fstat(found)
        alone = stat.S_ISREG(status.st_mode) and status.st_nlink and not self._gate.is_governed_inode(status)
        if alone and self._region(name[: name.rfind(b"/")]) in regions:
            return found
        os.close(found)
        return -1

    def _read(self, question: Notification, folder: int | None, path: bytes, flags: int) -> bool:
        found = self._file(question.pid, folder, path, _READ)
        if found < 0:
            if found != -errno.ENOENT:
                return False
            self._listener.fail(question, errno.ENOENT)
            return True
        try:
            # Without waiting: who holds a lease on it (fcntl(2), F_SETLEASE) would hold up everybody.
            opened = os.open(b"/proc/self/fd/%d" % found, flags & ~os.O_NOFOLLOW | os.O_NONBLOCK | _OPENED)
        except BlockingIOError:
            return False
        finally:
            os.close(found)
        if not flags & os.O_NONBLOCK:
            fcntl.fcntl(opened, fcntl.F_SETFL, flags & os.O_APPEND)
        self._listener.give(question, opened, close_on_exec=bool(flags & os.O_CLOEXEC))
        return True

    def _folder(self, pid: int, folder: int | None, path: bytes) -> int:
        """A descriptor of the folder of a name that may be written and is no sidecar of a database; below zero where that takes a look."""
        cut = path.rfind(b"/")
        if cut == 0 or path.endswith(SIDECARS):
            return -1
        above, name = self._place(pid, folder, b"." if cut < 0 else path[:cut], _PLACE | os.O_DIRECTORY)
        if above >= 0 and self._region(name) is not Region.WRITABLE:
            os.close(above)
            return -1
        return above

    def _make(self, question: Notification, folder: int | None, path: bytes, flags: int, mode: int) -> bool:
        above = self._folder(question.pid, folder, path)
        if above < 0:
            return False
        try:
            mode, afterwards = self._umasks.mode_to_make(question.pid, mode)
            if not self._listener.is_waiting(question):
                return True
            name = path[path.rfind(b"/") + 1 :]
            made = os.open(name, flags | _OPENED, mode, dir_fd=above)
            status = os.fstat(made)
            try:
                if afterwards is not None:
                    set_mode(made, afterwards)
                self._listener.give(question, made, close_on_exec=bool(flags & os.O_CLOEXEC))
            except OSError:
                unmake(above, name, status)  # the caller has no number for it: without us there would be no file
                raise
        finally:
            os.close(above)
        return True

    def _change(self, question: Notification, does: str, folder: int | None, path: bytes, argument: int) -> bool:
        if does == "unlink" and argument & 0xFFFF_FFFF:
            return False  # flags
        above = self._folder(question.pid, folder, path)
        if above < 0:
            return False
        try:
            mode, afterwards = (0, None) if does == "unlink" else self._umasks.mode_to_make(question.pid, argument & _PERMISSIONS)
            if afterwards is not None:
                return False
            name = path[path.rfind(b"/") + 1 :]
            with self.turn:
                if self._listener.is_waiting(question):
                    if does == "unlink":
                        os.unlink(name, dir_fd=above)
                    else:
                        os.mkdir(name, mode, dir_fd=above)
                    self._listener.succeed(question)
        finally:
            os.close(above)
        return True

    def _link(self, question: Notification, paths: list[tuple[int | None, bytes]]) -> bool:
        """A regular file that no rule governs gets a name that none governs."""
        (source_folder, source), (target_folder, target) = paths
        above = self._folder(question.pid, target_folder, target)
        if above < 0:
            return False
        try:
            found = -1 if source.endswith(SIDECARS) else self._file(question.pid, source_folder, source, _WRITTEN)
            if found < 0:
                return False
            try:
                with self.turn:
                    if self._listener.is_waiting(question):
                        os.link(b"/proc/self/fd/%d" % found, target[target.rfind(b"/") + 1 :], dst_dir_fd=above)  # which follows that
                        self._listener.succeed(question)
            finally:
                os.close(found)
        finally:
            os.close(above)
        return True


def set_mode(descriptor: int, mode: int) -> None:
    """fchmod(2) of what is handed over next: where it fails nothing is, and the descriptor is closed. Raises OSError."""
    try:
        os.fchmod(descriptor, mode)
    except OSError:
        os.close(descriptor)
        raise


def unmake(folder: int, name: bytes, made: os.stat_result) -> None:
    """Remove what was made, and nothing that took its place."""
    with contextlib.suppress(FileNotFoundError):
        there = os.lstat(name, dir_fd=folder)
        if (there.st_dev, there.st_ino) == (made.st_dev, made.st_ino):
            os.unlink(name, dir_fd=folder)
