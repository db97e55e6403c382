"""What a path means to the caller: a descriptor that nobody can exchange any more, and every name that was passed on the way to it.

Rules kept: nothing is opened for reading or writing here (`O_PATH` only); a path is resolved once, from the caller's own folders, and whoever
acts later acts on the descriptors; symbolic links are followed by hand where there are any, so that each link's own name is known; the magic
links of /proc mean the caller's process, not this one.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Sequence

import msgspec

from jupyter_mlsc.sandbox import caller, linux
from jupyter_mlsc.sandbox.caller import process_of

_PATH = os.O_PATH | os.O_CLOEXEC
_MOST_LINKS = 40
_NO_LINKS = linux.RESOLVE_NO_SYMLINKS | linux.RESOLVE_NO_MAGICLINKS
_DELETED = b" (deleted)"


def error(number: int) -> OSError:
    """An OSError with the kernel's own words."""
    return OSError(number, os.strerror(number))


def name_of(descriptor: int) -> bytes:
    """The path that an open file lies at now; one that was removed keeps its last name."""
    return os.readlink(b"/proc/self/fd/%d" % descriptor)


def is_plain(path: bytes) -> bool:
    """Whether a path spells a name where no link is on the way: nothing in it means a place that it was at before."""
    return not (b"//" in path or b"/./" in path or b"/../" in path or path.endswith((b"/", b"/.", b"/..")))


class NothingThereError(FileNotFoundError):
    """Nothing lies at a path, and as far as it leads there is no symbolic link on it."""


class Resolved(msgspec.Struct):
    """What a path leads to. ``descriptor`` is None where the last name does not exist yet; then ``folder`` and ``name`` say where it would be.

    ``names`` are absolute: each link that was followed, then the final one. Whoever holds this closes it.
    """

    descriptor: int | None
    folder: int | None
    name: bytes
    names: tuple[bytes, ...]
    status: os.stat_result | None
    slash: bytes = b""
    """The slashes that the caller wrote behind the last name: only a folder fits then."""

    @property
    def last(self) -> bytes:
        """The last name as the caller wrote it. With a slash a link there would be followed where something is looked at, never where a name is changed."""
        return self.name + self.slash

    @property
    def path(self) -> bytes:
        """The final name."""
        return self.names[-1]

    def is_taken(self) -> bool:
        """Whether something has the last name by now, in the folder where it would be."""
        try:
            os.lstat(self.name, dir_fd=self.folder)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Give the descriptors back."""
        if self.descriptor is not None:
            os.close(self.descriptor)
        if self.folder is not None:
            os.close(self.folder)
        self.descriptor = self.folder = None


class Resolver:
    """Resolves paths as callers mean them. ``in_tree`` says whether a process belongs to the supervised tree; ``aliases`` are folders that a bind mount
    shows under another name, with the name that rules know.
    """

    def __init__(self, in_tree: Callable[[int], bool], aliases: Sequence[tuple[bytes, bytes]] = ()) -> None:
        # Of two that fit the longer one is meant.
        self._aliases = sorted(aliases, key=lambda pair: -len(pair[0]))
        self._root = os.open("/", _PATH | os.O_DIRECTORY)
        self._proc = os.stat("/proc").st_dev
        self._in_tree = in_tree

    def resolve(self, pid: int, folder: int | None, path: bytes, *, follow: bool = True, parent: bool = False, how: int = 0) -> Resolved:
        """Resolve a path of the caller ``pid`` (a thread's id). Raises OSError as the kernel would.

        ``folder`` is its descriptor's number or None; ``parent`` asks for the folder and the last name instead of what lies there; ``how`` are the
        RESOLVE_ flags that the caller gave to openat2.
        """
        if not path:
            raise error(errno.ENOENT)
        inside = bool(how & linux.RESOLVE_IN_ROOT)
        base = self._root if path.startswith(b"/") and not inside else self._base(pid, folder)
        try:
            if parent:
                return self._parent(pid, base, path, how)
            if how:
                return self._as_asked(pid, base, path, follow, how)
            return self._straight(base, path, follow) or self._walk(pid, base, path, follow)
        finally:
            if base != self._root:
                os.close(base)

    @staticmethod
    def beginning(pid: int, folder: int | None) -> bytes:
        """What a relative path of the caller begins with: the name of its working directory, or of the folder that it has open, and a slash.

        Empty where there is no such name. Raises OSError where the caller is gone.
        """
        at_work = folder is None or folder == linux.AT_FDCWD
        here = os.readlink(b"/proc/%d/cwd" % pid if at_work else b"/proc/%d/fd/%d" % (pid, folder or 0))
        if here[:1] != b"/" or here.endswith(_DELETED):
            return b""
        return here + b"/" if len(here) > 1 else here

    def opened(self, pid: int, descriptor: int, *, with_contents: bool = False) -> Resolved:
        """The file that the caller has open under a number. Raises OSError EBADF, ``with_contents`` also for a descriptor that is a place only (`O_PATH`)."""
        try:
            if descriptor == linux.AT_FDCWD and not with_contents:
                return self._result(self._base(pid, None), ())
            if with_contents and caller.flags_of(pid, descriptor) & os.O_PATH:
                raise error(errno.EBADF)
            found = os.open(b"/proc/%d/fd/%d" % (pid, descriptor), _PATH)
        except FileNotFoundError as err:
            raise error(errno.EBADF) from err
        return self._result(found, ())

    def _base(self, pid: int, folder: int | None) -> int:
        here = folder is None or folder == linux.AT_FDCWD
        place = b"/proc/%d/cwd" % pid if here else b"/proc/%d/fd/%d" % (pid, folder or 0)
        try:
            base = os.open(place, _PATH)
        except FileNotFoundError as err:
            raise error(errno.ENOENT if here else errno.EBADF) from err
        if not here and not stat.S_ISDIR(os.fstat(base).st_mode):
            os.close(base)
            raise error(errno.ENOTDIR)
        return base

    def _straight(self, base: int, path: bytes, follow: bool) -> Resolved | None:
        """The common case in one call: no link on the way. None where there is one."""
        found = linux.try_openat2(base, path, _PATH if follow else _PATH | os.O_NOFOLLOW, _NO_LINKS)
        if found >= 0:
            return self._result(found, ())
        if found == -errno.ELOOP:
            return None
        if found == -errno.ENOENT:
            raise NothingThereError(errno.ENOENT, os.strerror(errno.ENOENT))
        raise error(-found)

    def _as_asked(self, pid: int, base: int, path: bytes, follow: bool, how: int) -> Resolved:
        """openat2's own rules are the kernel's to keep; the names on the way are found beside it, and both must lead to one file."""
        found = self._result(linux.openat2(base, path, _PATH if follow else _PATH | os.O_NOFOLLOW, how | linux.RESOLVE_NO_MAGICLINKS), ())
        assert found.status is not None  # it was opened
        if how & linux.RESOLVE_NO_SYMLINKS:
            return found
        try:
            walked = self._walk(pid, base, path.lstrip(b"/"), follow, base if how & linux.RESOLVE_IN_ROOT else None)
        except OSError:
            found.close()
            raise
        if found.status.st_dev == self._proc and walked.status is not None and walked.status.st_dev == self._proc:
            found.close()  # `self` meant this process there
            return walked
        same = walked.status is not None and (walked.status.st_dev, walked.status.st_ino) == (found.status.st_dev, found.status.st_ino)
        walked.close()
        if not same:
            found.close()
            raise error(errno.EXDEV)
        found.names = walked.names
        return found

    def _parent(self, pid: int, base: int, path: bytes, how: int) -> Resolved:
        head, _, name = path.rstrip(b"/").rpartition(b"/")
        if name in (b"", b".", b".."):
            raise error(errno.EBUSY if name else errno.EEXIST)
        top = head or (b"/" if path.startswith(b"/") else b".")
        above = self._as_asked(pid, base, top, True, how) if how else self._straight(base, top, True) or self._walk(pid, base, top, True)
        assert above.descriptor is not None  # what does not exist was raised
        if above.status is None or not stat.S_ISDIR(above.status.st_mode):
            above.close()
            raise error(errno.ENOTDIR)
        place = above.path.rstrip(b"/") + b"/" + name
        return Resolved(None, above.descriptor, name, (*(n + b"/" + name for n in above.names[:-1]), place), None, b"/" if path.endswith(b"/") else b"")

    def _walk(self, pid: int, base: int, path: bytes, follow: bool, root: int | None = None) -> Resolved:
        """Component by component, as the kernel does it (path_resolution(7)), with the name of each link that is followed.

        ``root`` is a folder that the path cannot leave (RESOLVE_IN_ROOT).
        """
        here, names, links = os.dup(base), [], 0
        must_be_folder = path.endswith(b"/")
        todo = [part for part in reversed(path.split(b"/")) if part not in (b"", b".")]
        try:
            while todo:
                part = todo.pop()
                part = self._meant(pid, here, part)
                if part == b".." and root is not None and os.path.sameopenfile(here, root):
                    continue
                last = not todo
                step = os.open(part, _PATH | os.O_NOFOLLOW, dir_fd=here)
                status = os.fstat(step)
                if not stat.S_ISLNK(status.st_mode) or (last and not follow and not must_be_folder):
                    os.close(here)
                    here = step
                    continue
                links += 1
                if links > _MOST_LINKS:
                    os.close(step)
                    raise error(errno.ELOOP)
                names.append(self._name(step))
                if status.st_dev == self._proc and self._is_magic(pid, names[-1]):
                    os.close(step)
                    names.pop()
                    step = os.open(part, _PATH, dir_fd=here)
                    os.close(here)
                    here = step
                    continue
                target = os.readlink(b"", dir_fd=step)
                os.close(step)
                if target.startswith(b"/"):
                    os.close(here)
                    here = os.dup(self._root if root is None else root)
                todo.extend(part for part in reversed(target.split(b"/")) if part not in (b"", b"."))
                must_be_folder = must_be_folder or (last and target.endswith(b"/"))
            if must_be_folder and not stat.S_ISDIR(os.fstat(here).st_mode):
                raise error(errno.ENOTDIR)
        except OSError:
            os.close(here)
            raise
        return self._result(here, tuple(names))

    def _meant(self, pid: int, here: int, part: bytes) -> bytes:
        """``self`` and ``thread-self`` in /proc are the caller's."""
        if part in (b"self", b"thread-self") and os.fstat(here).st_dev == self._proc and name_of(here) == b"/proc":
            process = process_of(pid)
            return b"%d" % process if part == b"self" else b"%d/task/%d" % (process, pid)
        return part

    def _is_magic(self, pid: int, name: bytes) -> bool:
        """Whether a link in /proc leads to an open file or folder of a process; of a process outside the tree it leads nowhere. Raises OSError EACCES."""
        parts = name.split(b"/")
        if len(parts) < 4 or not parts[2].isdigit():
            return False  # /proc/mounts and its like are links by name
        if not self._in_tree(int(parts[2])):
            raise error(errno.EACCES)
        return True

    def _result(self, descriptor: int, names: tuple[bytes, ...]) -> Resolved:
        status = os.fstat(descriptor)
        name = self._name(descriptor)
        if status.st_nlink == 0 and name.endswith(_DELETED):
            name = name[: -len(_DELETED)]
        return Resolved(descriptor, None, b"", (*names, name), status)

    def _name(self, descriptor: int) -> bytes:
        """The name that rules know."""
        name = name_of(descriptor)
        for other, known in self._aliases:
            if name == other or name.startswith(other + b"/"):
                return known + name[len(other) :]
        return name
