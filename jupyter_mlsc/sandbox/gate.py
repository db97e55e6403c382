"""The supervisor's gate: governed files are judged as descriptors, and what the tree wrote is recorded under the names that it has then.

Rules kept: the bytes that were judged are the bytes that are handed over; a block is told to the person, once for each file and reason, and not only
to errno; an error of our own refuses the read in `enforce` and is told; what a run wrote is recorded before it is read back.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from jupyter_mlsc.errors import ArtifactChangedError, BlockedArtifactError, MlscError
from jupyter_mlsc.file_identity import FileIdentity
from jupyter_mlsc.project_state import ProjectState
from jupyter_mlsc.recording import Actor, Place, Run
from jupyter_mlsc.sandbox import caller, pinned
from jupyter_mlsc.sandbox.decide import MEANINGS, wants
from jupyter_mlsc.sandbox.places import Places, Region
from jupyter_mlsc.sandbox.resolve import Resolved, error
from jupyter_mlsc.verdict import Decision, Mode, Verdict, printable, summary

SIDECARS = (b"-wal", b"-journal", b"-shm", b".wal")
"""SQLite and DuckDB keep these beside a database; they share its rule and are no artifacts of their own."""
_NOT_REOPENED = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_MOST_REMEMBERED = 10_000
"""Names whose last verdict is kept for those who ask."""


class _Known(msgspec.Struct, frozen=True):
    identity: FileIdentity
    state: object
    verdict: Verdict


class _Written(msgspec.Struct, frozen=True):
    """Who wrote to a name, and which file it was: under the same name there may be another one soon."""

    by: Actor
    file: tuple[int, int]


class Gate:
    """Judges reads and keeps account of writes, for one run. Safe for several threads."""

    def __init__(self, project: ProjectState, run: Run, places: Places, linked: dict[tuple[int, int], bytes], tell: Callable[[str], None]) -> None:
        self._project, self._run, self._places, self._linked, self._tell = project, run, places, linked, tell
        self._mode, self._always_copy = project.policy.mode, project.policy.supervise.pin == "copy"
        self._measured = pinned.Measured()
        self._known: dict[tuple[bytes, ...], _Known] = {}
        self._live: dict[tuple[int, int], bytes] = {}
        self._written: dict[bytes, _Written] = {}
        self._own: dict[bytes, FileIdentity] = {}
        self._sidecars: dict[bytes, tuple[int, int]] = {}
        self._told: set[tuple[object, ...]] = set()
        self._is_recordable = False
        self._judged: dict[bytes, Verdict] = {}
        self._lock = self.turn = threading.RLock()
        """Held from the last look at who has a file open until it is opened, for reading and for writing."""
        self.place_of: Callable[[int], Place | None] = lambda process: None
        """Which cell a process works for, where a run has several kernels; None where the run has come to one place."""
        self.record = threading.RLock()
        """Held while the ledger is read or written, and while the policy is asked."""

    # reads

    def read_known(self, found: Resolved, flags: int) -> int | None:
        """A descriptor, where nothing has to be hashed or asked: the same file in the same state was allowed, nothing was said of anything since, and a
        read lease says that nobody can be writing to it. Else None. Raises OSError.
        """
        known = self._known.get(found.names)
        if known is None or found.status is None or wants(flags)[1] or found.path in self._written:
            return None
        if known.identity != FileIdentity.of(found.status) or known.state != self._state():
            return None
        descriptor = os.open(b"/proc/self/fd/%d" % (found.descriptor or 0), flags & ~_NOT_REOPENED | os.O_CLOEXEC | os.O_NOCTTY)
        if not pinned.lease(descriptor):
            os.close(descriptor)
            return None
        unchanged = FileIdentity.of(os.fstat(descriptor)) == known.identity
        pinned.release(descriptor)
        if unchanged:
            return descriptor
        os.close(descriptor)
        return None

    def read(self, found: Resolved, flags: int, pid: int) -> int:
        """A descriptor of exactly the bytes that were judged; the caller closes it. Raises OSError EACCES for what is blocked."""
        by = self.actor(pid)
        found = self._under_all_names(found)
        try:
            return self._read(found, flags, by)
        except BlockedArtifactError as err:
            self._remember(found.names, err.verdict)
            self._say(("blocked", found.path, err.verdict.reasons), str(err))
            raise error(errno.EACCES) from err
        except MlscError as err:
            shown = printable(os.fsdecode(found.path))
            if self._mode is Mode.ENFORCE:
                self._say(("fault", found.path, err.message), f"{shown} was not opened, because it could not be checked: {err}")
                raise error(errno.EACCES) from err
            self._say(("fault", found.path, err.message), f"{shown} could not be checked, and was let through because the mode is {self._mode}: {err}")
            return self._opened(found, flags)

    def _read(self, found: Resolved, flags: int, by: Actor) -> int:
        if self._is_own_sidecar(found):
            return self._opened(found, flags)
        self._settle(found.path)
        shown = printable(os.fsdecode(found.path))
        descriptor = os.open(b"/proc/self/fd/%d" % (found.descriptor or 0), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            writes = wants(flags)[1]
            live = self._may_be_live(found) and pinned.lease(descriptor)
            if not live and not writes:
                copy = pinned.sealed_copy(descriptor, shown)
                os.close(descriptor)
                descriptor = copy
            verdict = self._verdict(found, descriptor, shown, by, live=live)
            if live and not pinned.is_leased(descriptor) and not writes:
                copy = pinned.sealed_copy(descriptor, shown)
                os.close(descriptor)
                descriptor, live = copy, False
                verdict = self._verdict(found, descriptor, shown, by, live=False)
            self._remember(found.names, verdict)
            if verdict.decision is Decision.WARN:
                self._say(("warn", found.path, verdict.reasons), summary(verdict))
            if writes:
                if live:
                    pinned.release(descriptor)
                return self._opened_to_write(found, flags, by)
            if not live:
                return os.dup(descriptor)
            with self.turn:
                if pinned.is_leased(descriptor):
                    status = os.fstat(descriptor)
                    self._live[status.st_dev, status.st_ino] = found.path
                    pinned.release(descriptor)
                    return os.open(b"/proc/self/fd/%d" % descriptor, flags & ~_NOT_REOPENED | os.O_CLOEXEC | os.O_NOCTTY)
            return self._read(found, flags, by)  # somebody has asked to write to it meanwhile
        finally:
            os.close(descriptor)

    def _may_be_live(self, found: Resolved) -> bool:
        # What has a name in a free folder is changed by the tree without a question.
        alone = found.status is not None and found.status.st_nlink == 1
        return alone and not self._always_copy and self._places.of(found.path) is not Region.FREE

    def _under_all_names(self, found: Resolved) -> Resolved:
        """With the governed name of a file that was reached by another one of its names."""
        if found.status is None or not self.is_governed_inode(found.status) or any(self._places.of(name) is Region.GOVERNED for name in found.names):
            return found
        name = self._linked[found.status.st_dev, found.status.st_ino]
        return Resolved(found.descriptor, found.folder, found.name, (name, *found.names), found.status)

    def _verdict(self, found: Resolved, descriptor: int, shown: str, by: Actor, *, live: bool) -> Verdict:
        from jupyter_mlsc.verbs.overseeing import (  # many runs never open what is governed, and all wait for this to be imported
            oversee_read,
            oversee_write,
            scan_written,
            target_named,
        )

        status = os.fstat(descriptor)
        identity, state = FileIdentity.of(status), self._state()
        known = self._known.get(found.names) if live else None
        if known is not None and (known.identity, known.state) == (identity, state):
            return known.verdict
        # What the tree is writing changes between being recorded and being judged: then these very bytes are recorded first.
        changes = not live and found.status is not None and self.is_own(found.path, found.status)
        measured = self._measured.measure(descriptor, shown, time.time_ns(), whole=changes, keep=live)
        target = target_named(self._project, [name for name in found.names if name.startswith(b"/")])
        scans = scan_written(self._project, target, descriptor, measured, self._run) if changes else ()
        with self.record:
            if changes:
                oversee_write(self._project, target, descriptor, measured, self._run, by, scans)
            verdict = oversee_read(
                self._project,
                target,
                descriptor,
                measured,
                lambda: self._measured.measure(descriptor, shown, time.time_ns(), whole=True, keep=live),
                self._run,
                by,
            )
            state = self._state()
        if live and time.time_ns() - status.st_ctime_ns > pinned.SETTLED_NS:
            self._known[found.names] = _Known(identity, state, verdict)
        return verdict

    def _opened_to_write(self, found: Resolved, flags: int, by: Actor) -> int:
        opened = self._opened(found, flags)
        self._note(found.names, by, os.fstat(opened))
        return opened

    @staticmethod
    def _opened(found: Resolved, flags: int) -> int:
        return os.open(b"/proc/self/fd/%d" % (found.descriptor or 0), flags & ~_NOT_REOPENED | os.O_CLOEXEC | os.O_NOCTTY)

    # writes

    def why_not_written(self, found: Resolved) -> str:
        """A code when a governed file may not be opened for writing now, because its bytes are being read; empty when it may."""
        if self._mode is not Mode.ENFORCE or found.status is None or (found.status.st_dev, found.status.st_ino) not in self._live:
            return ""
        descriptor = os.open(b"/proc/self/fd/%d" % (found.descriptor or 0), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            return "in-use" if pinned.is_open_elsewhere(descriptor) else ""
        finally:
            os.close(descriptor)

    def require_record(self, names: Iterable[bytes]) -> None:
        """Open the record before something is written that belongs there. Raises OSError EACCES where that fails, in `enforce`; told in every mode."""
        if self._is_recordable or not any(self._places.of(name) is Region.GOVERNED for name in names):
            return
        try:
            with self.record:
                self._project.prepare(self._run)
        except MlscError as err:
            self._say(("no-record", err.message), f"what this run writes cannot be recorded: {err}")
            if self._mode is Mode.ENFORCE:
                raise error(errno.EACCES) from err
        self._is_recordable = True

    def wrote(self, names: Sequence[bytes], status: os.stat_result, pid: int) -> None:
        """A file was opened for writing, made, moved or cut under these names."""
        if self.is_governed_inode(status):
            names = (*names, self._linked[status.st_dev, status.st_ino])
        if any(self._places.of(name) is Region.GOVERNED for name in names):
            self._note(names, self.actor(pid), status)

    def _note(self, names: Sequence[bytes], by: Actor, status: os.stat_result) -> None:
        with self._lock:
            for name in names:
                if self._places.of(name) is Region.GOVERNED and not name.endswith(SIDECARS):
                    self._written[name] = _Written(by, (status.st_dev, status.st_ino))

    def made(self, names: Sequence[bytes], status: os.stat_result, pid: int) -> None:
        """A file was made under these names: all that is in it will be the tree's."""
        self.wrote(names, status, pid)
        beside = [name for name in names if name.endswith(SIDECARS)]
        if beside:
            with self._lock:
                self._sidecars.update(dict.fromkeys(beside, (status.st_dev, status.st_ino)))

    def _is_own_sidecar(self, found: Resolved) -> bool:
        """Whether the tree made this file beside a database: the database's users share it, it changes all the time, and nobody vouches for it."""
        with self._lock:
            return found.status is not None and self._sidecars.get(found.path) == (found.status.st_dev, found.status.st_ino)

    def is_own(self, name: bytes, status: os.stat_result) -> bool:
        """Whether all bytes of the file that lies under a name were written by this run, or judged before it added to them."""
        with self._lock:
            written, own = self._written.get(name), self._own.get(name)
        return (written is not None and written.file == (status.st_dev, status.st_ino)) or own == FileIdentity.of(status)

    def removed(self, name: bytes) -> None:
        """A name is gone."""
        with self._lock:
            self._written.pop(name, None)
            self._own.pop(name, None)
            self._sidecars.pop(name, None)

    def rules_of(self, names: Sequence[bytes]) -> frozenset[tuple[int | None, ...]]:
        """The rules that judge a file with these names, layer by layer."""
        from jupyter_mlsc.judging import name_in_project

        policy, root = self._project.policy, self._project.root
        known = [name_in_project(Path(os.fsdecode(name)), root, policy) for name in names if self._places.of(name) is Region.GOVERNED]
        found = ([policy.rule_for(name, layer) for layer in policy.layers] for name in known)
        return frozenset(tuple(None if rule is None else rule.index for rule in rules) for rules in found)

    def is_governed_inode(self, status: os.stat_result) -> bool:
        """Whether a file with several names is one that a rule governs under another name."""
        return status.st_nlink > 1 and (status.st_dev, status.st_ino) in self._linked

    def linked(self, status: os.stat_result, name: bytes) -> None:
        """A file has got a governed name besides the one that it had."""
        self._linked.setdefault((status.st_dev, status.st_ino), name)

    def settle(self) -> None:
        """Record all that was written so far: a cell or the run has ended."""
        with self._lock:
            names = list(self._written)
        for name in names:
            self._settle(name)

    def judged(self, names: Sequence[bytes]) -> Verdict | None:
        """The last verdict about a file that this run opened, was refused or wrote, by any of these names."""
        return next((self._judged[name] for name in names if name in self._judged), None)

    def _remember(self, names: Sequence[bytes], verdict: Verdict) -> None:
        if len(self._judged) > _MOST_REMEMBERED:
            self._judged.clear()
        self._judged.update(dict.fromkeys(names, verdict))

    def _settle(self, name: bytes) -> None:
        # It stays among what is written until it is on record: who opens it meanwhile must find it there.
        with self._lock:
            written = self._written.get(name)
        if written is None:
            return
        try:
            descriptor = pinned.open_readable(name)
        except OSError as err:
            self._forget_write(name, written)
            if err.errno not in (errno.ENOENT, errno.ENOTDIR):
                self._say(("unrecorded", name), f"{printable(os.fsdecode(name))} was written, and that could not be recorded: {err.strerror}")
            return
        try:
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode) and (status.st_dev, status.st_ino) == written.file:
                self._record_write(name, descriptor, written)
            else:
                self._forget_write(name, written)
        finally:
            os.close(descriptor)

    def _forget_write(self, name: bytes, written: _Written) -> None:
        with self._lock:
            if self._written.get(name) is written:
                del self._written[name]

    def _record_write(self, name: bytes, descriptor: int, written: _Written) -> None:
        from jupyter_mlsc.digests import measure_descriptor
        from jupyter_mlsc.scans import failed_tests
        from jupyter_mlsc.verbs.overseeing import oversee_write, scan_written, target_named

        shown = printable(os.fsdecode(name))
        alone = pinned.lease(descriptor)
        try:
            measured = measure_descriptor(descriptor, name=shown)
            target = target_named(self._project, [name])
            scans = scan_written(self._project, target, descriptor, measured, self._run)
            if scans and not alone and measure_descriptor(descriptor, name=shown).digest != measured.digest:
                raise ArtifactChangedError(f"{shown} changed while it was scanned")  # told below, as what else could not be recorded
            with self.record:
                verdict = oversee_write(self._project, target, descriptor, measured, self._run, written.by, scans)
            if verdict is not None:
                self._remember((name,), verdict)
            for code in sorted({code for each in scans for code in failed_tests(each)}):
                next_step = f"see all of it: mlsc scan {target.asked}"
                self._say(("scanned", name, code), f"{shown} was written, and a scan of it finds {code}: its record says so [scan-failed]\n  next: {next_step}")
        except MlscError as err:
            self._say(("unrecorded", name, err.message), f"{shown} was written, and that could not be recorded: {err}")
        # Else somebody can still write to it, and would not ask again.
        if alone and pinned.is_leased(descriptor):
            with self._lock:
                self._own[name] = FileIdentity.of(os.fstat(descriptor))
            self._forget_write(name, written)

    # what is told

    def refused(self, name: bytes, why: str, pid: int) -> None:
        """Something was refused that no verdict is about."""
        if why:
            program = os.path.basename(caller.executable_of(pid))
            self._say((why, name), f"{printable(os.fsdecode(name))} was refused to {program}: {MEANINGS[why]} [{why}]")

    def _say(self, key: tuple[object, ...], text: str) -> None:
        with self._lock:
            if key in self._told:
                return
            self._told.add(key)
        self._tell(text)

    def actor(self, pid: int) -> Actor:
        """The process of a thread, with the program that it runs and the cell that it works for."""
        try:
            process = caller.process_of(pid)
        except OSError:
            process = pid
        return Actor(process, caller.executable_of(pid), self.place_of(process))

    def _state(self) -> object:
        """What changes when anything is said about any artifact: the ledger and the claim files. Our own records count too, and cost one more look."""
        found: list[tuple[int, int] | None] = []
        for path in (self._project.books.place, self._project.books.place.with_name("ledger.db-wal"), self._project.books.claims.folder):
            try:
                status = os.stat(path)
            except OSError:
                found.append(None)
            else:
                found.append((status.st_mtime_ns, status.st_size))
        return tuple(found)
