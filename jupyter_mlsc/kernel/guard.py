"""The guard: an unchanged notebook's reads are judged before they happen, and what it wrote is recorded after each cell.

Three sensors report here: the audit hook (`hook`), the wrapped functions of libraries that open files in native code (`adapters`), and the
stat sweep after each cell (`sweep`). Rules kept: one verdict for one state of a file; a block is raised where the file is opened and is told
again at the end of a cell that swallowed it; an error inside the guard is told once and lets the read go on in `warn`, not in `enforce`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from jupyter_mlsc.coverage import Coverage
from jupyter_mlsc.errors import BlockedArtifactError, GuardError, MlscError
from jupyter_mlsc.formats.unpickling import DeniedUnpicklingError, judge_elsewhere, unpickling
from jupyter_mlsc.imported_code import ImportedCode
from jupyter_mlsc.kernel.adapters.tables import WATCHED
from jupyter_mlsc.kernel.adapters.wrapping import Wrapping
from jupyter_mlsc.kernel.governed import GovernedPaths, absolute
from jupyter_mlsc.kernel.held_open import held_open
from jupyter_mlsc.kernel.hook import switch
from jupyter_mlsc.kernel.installs import InstallGate
from jupyter_mlsc.kernel.sweep import Stamp, Sweep
from jupyter_mlsc.kernel.unmarked import UnmarkedUnpickling
from jupyter_mlsc.verdict import Decision, Mode, Verdict, summary

if TYPE_CHECKING:
    from jupyter_mlsc.recording import Place
    from jupyter_mlsc.session import Session

_WRAPPING = Wrapping(WATCHED)

_TAMPERING = {"ctypes.dlopen": "ctypes", "ctypes.dlsym": "ctypes", "gc.get_objects": "ctypes", "sys.settrace": "tracing", "sys.setprofile": "tracing"}
"""Events of means by which code can reach around the guard; noted when a cell uses them, since in this process they cannot be refused."""

_WRITES = os.O_WRONLY | os.O_RDWR

SIDECARS = ("-wal", "-journal", "-shm", ".wal")
"""SQLite and DuckDB keep these beside a database; they share its rule and are no artifacts of their own."""


class Guard:
    """Watches one session's process. ``begin`` switches it on, ``end`` off."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._project = session.project
        self._paths = GovernedPaths(str(self._project.root), self._project.policy)
        self._quiet: Callable[[], AbstractContextManager[None]] = switch().quiet
        self.coverage = Coverage()
        self._judged: dict[str, tuple[Stamp | None, list[Verdict]]] = {}
        self._judged_here: set[str] = set()
        self._writing: set[str] = set()
        self._tainted: set[str] = set()
        self._unrecorded: set[str] = set()
        self._elsewhere: set[str] = set()
        self._blocked: list[MlscError] = []
        self._unmarked = UnmarkedUnpickling(str(self._project.root), self._project.policy.unpickle_allow, self._refused)
        self._told: set[str] = set()
        self._code = ImportedCode(self._project.root)
        self._installs = InstallGate(session, self._tell)
        with self._quiet():
            self._sweep = Sweep(self._paths.folders, self._governs)

    def begin(self) -> None:
        """Switch on."""
        judge_elsewhere(self._unmarked)
        _WRAPPING.begin(self)
        self._session.watcher = self
        switch().put(self)

    def end(self) -> None:
        """Switch off. The hook stays in the interpreter, which takes none back, and does nothing."""
        switch().put(None)
        self._session.watcher = None
        _WRAPPING.end()
        judge_elsewhere(None)

    def quiet(self) -> AbstractContextManager[None]:
        """A block in which this thread is not watched: the session's own loads and saves."""
        return self._quiet()

    def saving(self) -> None:
        """The session is about to record an output: what was imported until now is among what it was made from."""
        with self._quiet():
            self._note_code()

    def settled(self, path: Path) -> None:
        """The session recorded this file or folder itself."""
        self._sweep.accept(str(path))

    # what the audit hook reports

    def opened(self, path: object, mode: str | None, flags: int) -> None:
        """Python is about to open a file."""
        found = self._paths.find(path)
        if found is None:
            if (mode is not None and mode[:1] != "r") or (mode is None and flags & _WRITES):
                self._note_elsewhere(path)
            return
        if os.path.isdir(found):
            return  # opening a folder moves no bytes; tempfile names one and then opens a file in it
        reads, writes = _intent(mode, flags)
        if reads:
            self.reading(found)
        if writes:
            self._note_what_stays(found, _keeps(mode, flags), reads)
            self._writing.add(found)

    def connected(self, database: object) -> None:
        """SQLite opens read and write just to read: it is judged as a read, and what changed tells whether it wrote."""
        text = os.fsdecode(database) if isinstance(database, (str, bytes, os.PathLike)) else ""
        found = self._paths.find(text.partition("?")[0]) if text not in ("", ":memory:") else None
        if found is not None:
            self.reading(found)
            self._writing.add(found)

    def renamed(self, source: object, target: object) -> None:
        """A file that was seen being written gets the name that counts; one that has a governed name already becomes an input.

        Nothing is stopped, since no bytes move; a file of unknown origin shows as a write that was not observed.
        """
        self._paths.forget()  # a link may get another name
        found, origin = self._paths.find(target), absolute(source)
        if found is None or origin is None:
            return
        written = any(each == origin or each.startswith(origin + os.sep) for each in (*self._writing, *self._elsewhere))
        if written or self._is_allowed(origin):
            (self._tainted.add if self._is_tainted(origin) else self._tainted.discard)(found)
            self._writing.add(found)

    def linked(self) -> None:
        """A symbolic link is made: paths may lead elsewhere."""
        self._paths.forget()

    def started(self, event: str, arguments: tuple[object, ...] = ()) -> None:
        """Something begins whose reads and writes are not seen. Raises BlockedInstallError."""
        if event == "socket.connect":
            self.coverage.count("connections")
        elif event in _TAMPERING:
            if _asked_by_the_notebook(sys._getframe(2)):
                self.coverage.count(_TAMPERING[event])
        else:
            with self._quiet():
                self._installs.started(event, arguments, sys._getframe(2))
            self._paths.unsettle()
            self.coverage.count("subprocesses")

    # what the adapters report

    def reading(self, path: str) -> list[Verdict]:
        """A governed file or folder is about to be read. Raises BlockedArtifactError; the verdicts are for those who unpickle."""
        verdicts = self._verdicts(path)
        for verdict in verdicts:
            if not verdict.allowed:
                error = BlockedArtifactError(verdict)
                self._refused(error)
                raise error
        return verdicts

    def _is_allowed(self, path: str) -> bool:
        verdicts = self._verdicts(path)
        return bool(verdicts) and all(verdict.allowed for verdict in verdicts)

    def _verdicts(self, path: str) -> list[Verdict]:
        """What policy says of a file or folder as it is now."""
        found = self._paths.find(path)
        if found is None or not os.path.exists(found):
            return []
        with self._quiet():
            self._settle_writes(found)
            stamp = self._sweep.stamp(found)
            known = self._judged.get(found)
            # Judged anew in each cell: since then somebody may have signed or revoked it. What is blocked may be signed at any moment.
            fresh = known is not None and found in self._judged_here and known[0] == stamp and all(verdict.allowed for verdict in known[1])
            if known is None or not fresh or os.path.isdir(found):
                known = (stamp, self._judge(found))
                self._judged[found] = known
                self._judged_here.add(found)
        return known[1]

    @contextmanager
    def unpickling(self, path: str | None, verdicts: list[Verdict]) -> Iterator[None]:
        """The block in which a loader unpickles a file: the allowlist, unless persons stand for exactly these bytes.

        Classes of the notebook's own may be in files that no rule governs, as in bytes, and in what this run wrote.
        """
        if path is None:
            yield  # bytes or a pipe: judged as unmarked
            return
        lifted = bool(verdicts) and all(verdict.person_signed for verdict in verdicts)
        is_own = self._unmarked.is_own_class if all(self._session.run.wrote(verdict.path, verdict.digest) for verdict in verdicts) else None
        try:
            with unpickling(path, lifted=lifted, allow=self._project.policy.unpickle_allow, is_own=is_own):
                yield
        except DeniedUnpicklingError as err:
            self._refused(err)
            raise

    def writing(self, path: str) -> None:
        """A file or folder is about to be written by native code."""
        found = self._paths.find(path)
        if found is not None:
            self._writing.add(found)
        else:
            self._note_elsewhere(path)

    def watches(self) -> bool:
        """Whether the calling thread is watched now."""
        return not switch().is_quiet()

    # cells

    def cell_begins(self, place: Place | None = None) -> None:
        """A cell is about to run. The run is still at the place of the cell before, to which belongs what was written since it ended."""
        del place
        self._settle_since_last_cell()
        self._paths.new_cell()
        self._judged_here.clear()
        self._tell_refusals([])  # those of threads, since the last cell ended

    def cell_ends(self, error: BaseException | None) -> None:
        """A cell has run: record what was written, look again at what was read, and tell what was blocked if the cell did not."""
        with self._quiet():
            self._note_code()
            self._record_writes()
            self._forget_writes()
        self._session.run.coverage = self.coverage.counts()
        self._tell_refusals(_chain(error))

    def run_ends(self) -> None:
        """No cell follows: what was written since the last one ended is recorded, and what was refused is told. Begins no run where none is."""
        self._settle_since_last_cell()
        if counts := self.coverage.counts():
            self._session.run.coverage = counts
        self._tell_refusals([])

    def _settle_since_last_cell(self) -> None:
        """Threads, tasks and the buttons of widgets write while no cell runs. The sweep costs, so it is made only where one of them was seen to."""
        with self._quiet():
            if any(self._sweep.differs(path) for path in self._writing):
                self._record_writes()
                self._forget_writes()

    def _forget_writes(self) -> None:
        """All that was written is on record: what is not held open any more is no longer this run's to change."""
        self._writing = held_open(self._writing) | self._unrecorded
        self._tainted &= self._writing
        self._unrecorded = set()

    def _judge(self, path: str) -> list[Verdict]:
        from jupyter_mlsc.verbs.observing import observe_read

        try:
            verdicts = observe_read(self._project, Path(path), self._session.run, self._not_recorded)
        except BlockedArtifactError as err:
            verdicts = [err.verdict]
        except MlscError as err:
            self._fault(err)
            return []
        for verdict in verdicts:
            if verdict.decision is Decision.WARN:
                self._tell(summary(verdict))
        return verdicts

    def _record_writes(self) -> None:
        changed = [path for path in self._sweep.changed() if not path.endswith(SIDECARS)]
        if not changed:
            return
        from jupyter_mlsc.verbs.observing import observe_write

        for path, folder in self._as_artifacts(changed):
            observed = any(self._was_written(each) for each in ([path] if not folder else [path, *(c for c in changed if c.startswith(path + "/"))]))
            judged = self._judged.get(path)
            if judged is not None and not observed:
                if judged[0] == self._sweep.stamp(path):
                    continue  # it came before this run read it, and was judged as it is
                self.coverage.count("changed-in-use")
                self._tell(f"{path} changed after this run read it, and nothing in this kernel was seen to write it [tampered-in-use]")
                self._judged.pop(path)
                continue
            if not observed:
                self.coverage.count("unobserved-writes")
            try:
                observe_write(self._project, Path(path), self._session.run, observed=observed and not self._is_tainted(path))
            except MlscError as err:
                self.coverage.count("guard-errors")
                self._tell(f"mlsc could not record that {path} was written; it is tried again after the next cell: {err}")
                self._sweep.forget(path)
                if observed:
                    self._unrecorded.add(path)
            self._judged.pop(path, None)

    def _note_code(self) -> None:
        """The project's own modules are inputs of what their code made. They are judged only where a rule governs them."""
        found, edited = self._code.look()
        if found:
            from jupyter_mlsc.verbs.observing import observe_code

            for err in observe_code(self._project, found, self._session.run, self._not_recorded):
                self._refused(err)
        for name in edited:
            self.coverage.count("edited-modules")
            self._tell(
                f"{name} changed after this run imported it: what runs, and what is recorded, is the version that was imported; to use the new one, reload it"
            )

    def _settle_writes(self, path: str) -> None:
        """What this cell wrote and now reads back is recorded first, so that it is known as its own."""
        from jupyter_mlsc.verbs.observing import observe_write

        self._note_code()
        for written in sorted(each for each in self._writing if each == path or path.startswith(each + "/") or each.startswith(path + "/")):
            if self._sweep.differs(written):
                try:
                    observe_write(self._project, Path(written), self._session.run, observed=not self._is_tainted(written))
                except MlscError as err:
                    self._fault(err)
                self._sweep.accept(written)
                self._judged.pop(written, None)

    def _note_what_stays(self, path: str, keeps: bool, was_judged: bool) -> None:
        """What is in a file that is appended to becomes a part of what is written. That moves no bytes and is not stopped, but taints the file."""
        if not keeps or not os.path.exists(path):
            self._tainted.discard(path)
        elif not was_judged and path not in self._writing and not self._is_allowed(path):
            self._tainted.add(path)

    def _is_tainted(self, path: str) -> bool:
        return any(each == path or each.startswith(path + "/") for each in self._tainted)

    def _note_elsewhere(self, path: object) -> None:
        """A file that no rule governs is written: it may be moved to where one does."""
        found = absolute(path)
        if found is not None:
            self._elsewhere.add(found)

    def _as_artifacts(self, changed: list[str]) -> list[tuple[str, bool]]:
        """Changed files as artifacts: many files that were written by one call into a folder are one tree."""
        folders = sorted(path for path in self._writing if os.path.isdir(path) and any(c.startswith(path + "/") for c in changed))
        folders = [path for path in folders if not any(path.startswith(other + "/") for other in folders)]  # datasets writes each part as a folder of its own
        alone = [path for path in changed if not any(path.startswith(folder + "/") for folder in folders)]
        return [*((folder, True) for folder in folders), *((path, False) for path in alone)]

    def _was_written(self, path: str) -> bool:
        return path in self._writing

    def _governs(self, path: str) -> bool:
        if self._paths.is_plain(path):
            return self._project.policy.governs(os.path.relpath(path, self._project.root))
        target = self._project.target(Path(path))
        return any(self._project.policy.governs(name) for name in target.names)

    def _fault(self, err: MlscError) -> None:
        """An error inside the guard: told once; it stops the read in `enforce`."""
        self.coverage.count("guard-errors")
        if self._project.policy.mode is Mode.ENFORCE:
            raise GuardError(f"the guard could not check this file, so it is not opened: {err.message}", next_step=err.next_step) from err
        self._tell(f"mlsc could not check a file, and let it through because the mode is {self._project.policy.mode}: {err}")

    def _not_recorded(self, err: MlscError) -> None:
        """A read that goes on could not be put on record. Told by us: the notebook may silence Python's warnings, or turn them into errors."""
        self.coverage.count("guard-errors")
        self._tell(f"mlsc could not record a read, and let it through because the mode is {self._project.policy.mode}: {err}")

    def _refused(self, error: MlscError) -> None:
        self._blocked.append(error)

    def _tell_refusals(self, shown: list[BaseException]) -> None:
        """Say what was refused, also what a cell or a library swallowed, unless an error that is shown says it."""
        blocked, self._blocked = self._blocked, []
        for text in dict.fromkeys(str(error) for error in blocked if error not in shown):
            self._session.tell(text)

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._session.tell(text)


def _asked_by_the_notebook(frame: FrameType | None) -> bool:
    """Whether a cell itself asks, not a library on its own account: numpy and threadpoolctl use ctypes at every import."""
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in ("ctypes", "gc", "sys", "threading"):
        frame = frame.f_back
    return frame is not None and frame.f_globals.get("__name__") == "__main__"


def _intent(mode: str | None, flags: int) -> tuple[bool, bool]:
    """Whether an open reads what is there, and whether it may write."""
    if mode is not None:
        return "r" in mode or mode.startswith("a+") or ("a" in mode and "+" in mode), any(c in mode for c in "wax+")
    access = flags & os.O_ACCMODE
    return access != os.O_WRONLY and not flags & os.O_TRUNC, access != os.O_RDONLY or bool(flags & (os.O_TRUNC | os.O_CREAT))


def _keeps(mode: str | None, flags: int) -> bool:
    """Whether what is in the file stays there beside what is written."""
    return "w" not in mode if mode is not None else not flags & os.O_TRUNC


def _chain(error: BaseException | None) -> list[BaseException]:
    """An error and all that it was raised from, and those of a group."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        if isinstance(error, BaseExceptionGroup):
            found.extend(inner for each in error.exceptions for inner in _chain(each))
        error = error.__cause__ or error.__context__
    return found
