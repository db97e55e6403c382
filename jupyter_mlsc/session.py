"""One process's use of a project: the Python API, and what the magics stand on.

The project is found once, from the working directory at the start; its policy is read then and not again. Warnings are told on stderr
unless the session was given another way. Everything here puts calls to :class:`~jupyter_mlsc.project.Project` in order, nothing decides.
"""

from __future__ import annotations

import atexit
import builtins
import hashlib
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from jupyter_mlsc.artifacts import MOST_ARTIFACTS
from jupyter_mlsc.errors import DrawingError, MissingLibraryError, MlscError
from jupyter_mlsc.recording import Place, Run
from jupyter_mlsc.verdict import Decision, Verdict, summary

if TYPE_CHECKING:
    from jupyter_mlsc.export.graphs import Drawing
    from jupyter_mlsc.imported_code import ImportedCode
    from jupyter_mlsc.keys import PassphraseSource
    from jupyter_mlsc.keys.passphrase import Ask
    from jupyter_mlsc.lineage import Impact, LineageNode
    from jupyter_mlsc.profiles import DatasetDiff
    from jupyter_mlsc.project import Project
    from jupyter_mlsc.results import Loaded, Saved, Signed, Status
    from jupyter_mlsc.scan.finding import Scanned
    from jupyter_mlsc.verdict import Reason

PathLike = str | os.PathLike[str]
LINEAGE_DEPTH = 8
SECONDS_AT_END = {"notebook": 3.0}
"""How long the end of a run waits for profiles of what it saved, by channel: who ends a kernel has little patience."""
SECONDS_OF_A_SCRIPT = 30.0
MOST_DRAWN = 200
"""Artifacts that are drawn in a cell's output; a picture of more is slow to lay out and cannot be read."""


def _tell_on_stderr(text: str) -> None:
    print(text, file=sys.stderr)


class Verbs(Protocol):
    """What a session asks of its project; inside a supervised tree, of the supervisor."""

    @property
    def notes(self) -> tuple[Reason, ...]:
        """What every face must say."""

    @property
    def project_id(self) -> str:
        """The random id that statements bind."""

    def load(self, path: Path, run: Run, *, format_name: str | None = None) -> Loaded:
        """As `Project.load`."""

    def open(self, path: Path, run: Run) -> tuple[BinaryIO, Verdict]:
        """As `Project.open`."""

    def save(self, value: object, path: Path, run: Run, *, format_name: str | None = None, variable: str | None = None) -> Saved:
        """As `Project.save`."""

    def sign(self, paths: Sequence[Path], *, kind: str | None, note: str, channel: str, passphrases: PassphraseSource, key: str | None = None) -> list[Signed]:
        """As `Project.sign`."""

    def verify(self, paths: Sequence[Path], *, full: bool = False, run: Run | None = None) -> list[Verdict]:
        """As `Project.verify`."""

    def diff(self, path: Path, *, against: Path | None = None) -> DatasetDiff:
        """As `Project.diff`."""

    def lineage(self, reference: str, *, depth: int, limit: int = MOST_ARTIFACTS) -> LineageNode:
        """As `Project.lineage`."""

    def impact(self, reference: str, *, depth: int, limit: int = MOST_ARTIFACTS) -> Impact:
        """As `Project.impact`."""

    def status(self, run: Run | None = None) -> Status:
        """As `Project.status`."""

    def end_run(self, run: Run) -> None:
        """As `Project.end_run`."""


class Watcher(Protocol):
    """A guard over this process, as the session needs to know it."""

    def quiet(self) -> AbstractContextManager[None]:
        """A block in which this thread is not watched."""

    def settled(self, path: Path) -> None:
        """What lies at this path was recorded by the session itself."""

    def saving(self) -> None:
        """The session is about to record an output."""


@dataclass
class Session:
    """A run and the project that it belongs to. ``channel`` goes into the statements that a person makes through this session."""

    start: Path
    environ: Mapping[str, str]
    passphrases: PassphraseSource
    channel: str = "terminal"
    tell: Callable[[str], None] = _tell_on_stderr
    watcher: Watcher | None = None
    _told: set[str] = field(default_factory=set)
    _project: Project | None = None
    _verbs: Verbs | None = None
    _run: Run | None = None
    _place: Place | None = None
    _code: ImportedCode | None = None
    _waits_at_exit: bool = False

    @property
    def project(self) -> Project:
        """The project, found at first use. Raises UsageError where there is none."""
        if self._project is None:
            from jupyter_mlsc.project import Project

            self._project = Project.find(self.start, self.environ)
        return self._project

    @property
    def verbs(self) -> Verbs:
        """Who carries out what is asked here: the project, or the supervisor of this process. Raises UsageError where there is no project."""
        if self._verbs is None:
            if self.is_supervised:
                from jupyter_mlsc.inside import InsideProject

                self._verbs = InsideProject()
            else:
                self._verbs = self.project
        return self._verbs

    @property
    def is_supervised(self) -> bool:
        """Whether another process decides what is opened here, and keeps the record."""
        if "MLSC_SUPERVISED" not in self.environ:
            return False
        from jupyter_mlsc.inside import is_supervised

        return is_supervised(self.environ)

    @property
    def run(self) -> Run:
        """This process's run."""
        if self._run is None:
            self._run = Run(self.verbs.project_id)
            if self._place is not None:
                self._run.at(self._place)
        return self._run

    def place(self, place: Place) -> None:
        """The run has come to another cell."""
        self._place = place
        if self._run is not None:
            self._run.at(place)

    def cell_failed(self) -> None:
        """The cell that runs ends with an error."""
        if self._run is not None or self.watcher is not None:
            self.run.cell_failed()

    def load(self, path: PathLike, *, format_name: str | None = None) -> Loaded:
        """Load a verified artifact; a verdict ``warn`` is told. Raises BlockedArtifactError."""
        with self.unwatched():
            loaded = self.verbs.load(Path(path), self.run, format_name=format_name)
        self._warn(loaded.verdict)
        return loaded

    def open(self, path: PathLike) -> BinaryIO:
        """A binary file object over exactly the bytes that were judged. Raises BlockedArtifactError."""
        with self.unwatched():
            stream, verdict = self.verbs.open(Path(path), self.run)
        self._warn(verdict)
        return stream

    def save(self, value: object, path: PathLike, *, format_name: str | None = None, variable: str | None = None) -> Saved:
        """Save a value whole, with its provenance; ``variable`` is the notebook's name for it. The profile of a data set is made while the run goes on."""
        self.settle()
        with self.unwatched():
            self._note_code()
            saved = self.verbs.save(value, Path(path), self.run, format_name=format_name, variable=variable)
            if self.watcher is not None:
                self.watcher.settled(Path(os.path.realpath(path)))
        if not self._waits_at_exit and self._project is not None and not self._project.is_settled:
            # Now, and not when the session began: what ends the process that profiles was registered meanwhile, and the last one is called first.
            atexit.register(self.settle, SECONDS_AT_END.get(self.channel, SECONDS_OF_A_SCRIPT))
            self._waits_at_exit = True
        return saved

    def settle(self, seconds: float = 0.0) -> None:
        """Put on record what was made behind the run's back, profiles of what it saved, after waiting so long. What fails is told."""
        if self._project is None or self._run is None or self._project.is_settled:
            return
        with self.unwatched():
            try:
                notes = self._project.settle(self._run, seconds)
            except MlscError as err:
                notes = [f"a profile was not recorded: {err}"]
        for note in notes:
            self.tell(f"mlsc: {note}")

    def sign(self, paths: Sequence[PathLike], *, kind: str | None = None, note: str = "", key: str | None = None) -> list[Signed]:
        """Stand for artifacts with a vouching key, through this session's channel."""
        with self.unwatched():
            return self.verbs.sign([Path(p) for p in paths], kind=kind, note=note, channel=self.channel, passphrases=self.passphrases, key=key)

    def verify_all(self, paths: Sequence[PathLike], *, full: bool = False) -> list[Verdict]:
        """Hash afresh and judge."""
        with self.unwatched():
            return self.verbs.verify([Path(p) for p in paths], full=full, run=self._run)

    def scan(self, paths: Sequence[PathLike]) -> Scanned:
        """Look for what is dangerous in files and folders; a project is not needed for that, and inside a supervised tree nothing is recorded."""
        from jupyter_mlsc.project_root import enclosing_project

        with self.unwatched():
            named = [Path(p) for p in paths]
            if self.is_supervised or enclosing_project(self.start) is None:
                from jupyter_mlsc.verbs.scanning import scan

                return scan(named)
            return self.project.scan(named)

    def diff(self, path: PathLike, *, against: PathLike | None = None) -> DatasetDiff:
        """How a data set differs from the last signed profile of it, or of another one."""
        self.settle(SECONDS_OF_A_SCRIPT)
        with self.unwatched():
            return self.verbs.diff(Path(path), against=None if against is None else Path(against))

    def lineage(self, reference: PathLike, *, depth: int = LINEAGE_DEPTH, limit: int = MOST_ARTIFACTS) -> LineageNode:
        """What an artifact (a path or a digest) was made from."""
        with self.unwatched():
            return self.verbs.lineage(os.fspath(reference), depth=depth, limit=limit)

    def impact(self, reference: PathLike, *, depth: int = LINEAGE_DEPTH, limit: int = MOST_ARTIFACTS) -> Impact:
        """What was made from an artifact (a path or a digest), and from that."""
        with self.unwatched():
            return self.verbs.impact(os.fspath(reference), depth=depth, limit=limit)

    def drawn(self, drawing: Drawing, title: str) -> str | None:
        """A drawing as SVG; None where nothing is installed that lays it out, or it is too much for a cell's output."""
        if len(drawing.boxes) > MOST_DRAWN:
            return None
        from jupyter_mlsc.graphviz import svg

        with self.unwatched():
            try:
                return svg(drawing, title)
            except (MissingLibraryError, DrawingError):
                return None  # the lists say the same

    def status(self) -> Status:
        """The project, its policy and ledger, and this run."""
        with self.unwatched():
            return self.verbs.status(self._run)

    def end(self) -> None:
        """The run is over: its last statement says what was not observed. What cannot be written is told; there is nobody left to raise to."""
        if self._run is None:
            return
        self.settle(SECONDS_AT_END.get(self.channel, SECONDS_OF_A_SCRIPT))
        with self.unwatched():
            try:
                self.verbs.end_run(self._run)
            except MlscError as err:
                self.tell(f"mlsc: the end of this run was not recorded: {err}")

    def tell_notes(self) -> None:
        """Tell, once each, what every face must say of the project."""
        for note in self.verbs.notes:
            if note.code not in self._told:
                self._told.add(note.code)
                self.tell(f"mlsc: {note.message}\n  next: {note.next}")

    def _note_code(self) -> None:
        """The project's own code that runs here is an input of what is saved. A supervisor sees that itself."""
        if self.watcher is not None:
            self.watcher.saving()
        elif not self.is_supervised:
            from jupyter_mlsc.imported_code import ImportedCode

            if self._code is None:
                self._code = ImportedCode(self.project.root)
            found = self._code.look()[0]
            if found:
                from jupyter_mlsc.verbs.observing import observe_code

                for err in observe_code(self.project, found, self.run, lambda err: self.tell(f"mlsc: code was not recorded: {err}")):
                    self.tell(str(err))

    def unwatched(self) -> AbstractContextManager[None]:
        """A block of our own work, of which the guard takes no notice in this thread."""
        return nullcontext() if self.watcher is None else self.watcher.quiet()

    def _warn(self, verdict: Verdict) -> None:
        if verdict.decision is Decision.WARN:
            self.tell(summary(verdict))
        self.tell_notes()


_current: Session | None = None


def begin(environ: MutableMapping[str, str], start: Path, *, channel: str, take_passphrase: bool = False, ask: Ask | None = None) -> Session:
    """Begin this process's session. ``take_passphrase`` removes the passphrase's variables from the environment; a session that
    follows another one then keeps the passphrase that the first one took. ``ask`` is who may be asked instead of the terminal.
    """
    global _current  # noqa: PLW0603  # one process is one run: that is what a session is
    from jupyter_mlsc.keys import PassphraseSource, ask_on_terminal

    read = PassphraseSource.take_from_environ if take_passphrase else PassphraseSource.from_environ
    passphrases = read(environ, ask or ask_on_terminal)
    if take_passphrase and not passphrases.is_given and _current is not None and _current.passphrases.is_given:
        passphrases = _current.passphrases
    kept = {name: value for name, value in environ.items() if name.startswith("MLSC_") and "PASSPHRASE" not in name}
    _current = Session(start, kept, passphrases, channel)
    return _current


def current() -> Session:
    """This process's session; a script that begins none gets one for its working directory."""
    if _current is not None:
        return _current
    session = begin(os.environ, Path.cwd(), channel="terminal")
    session.place(_script_place(session))
    return session


def _script_place(session: Session) -> Place:
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if session.is_supervised or not main or not os.path.isfile(main):
        return Place()
    root = session.project.root
    with builtins.open(main, "rb") as file:
        code = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    return Place(notebook=Path(os.path.relpath(main, root)).as_posix(), code=code)


def load(path: PathLike, *, format_name: str | None = None) -> Any:
    """Load an artifact that the policy lets through.

    The bytes that were judged are the bytes that are loaded. ``format_name`` names the format where the suffix does not. Raises
    BlockedArtifactError (also a PermissionError, with its ``verdict``), ArtifactError, FormatError, MissingLibraryError.
    """
    return current().load(path, format_name=format_name).value


def save(value: object, path: PathLike, *, format_name: str | None = None) -> Saved:
    """Save a value: whole or not at all, hashed, signed with the run key, recorded with its inputs.

    Raises FormatError for a value that the format cannot hold, ArtifactError where the file system refuses.
    """
    return current().save(value, path, format_name=format_name)


def sign(*paths: PathLike, kind: str | None = None, note: str = "", key: str | None = None) -> list[Signed]:
    """Stand for artifacts with your vouching key, named by ``key`` where the policy names several. Raises KeyUnavailableError while it is locked."""
    return current().sign(paths, kind=kind, note=note, key=key)


def verify(path: PathLike, *, full: bool = False) -> Verdict:
    """Hash one artifact afresh and judge it, without loading."""
    from jupyter_mlsc.errors import UsageError

    verdicts = current().verify_all([path], full=full)
    if len(verdicts) != 1:
        raise UsageError(f"{os.fspath(path)} is a folder of {len(verdicts)} artifacts", next_step="name one artifact, or use the command: mlsc verify")
    return verdicts[0]


def scan(*paths: PathLike) -> Scanned:
    """Look for what is dangerous in files and folders, without loading them: ``scan(path).findings``, and ``ok`` when none is `high` or worse."""
    return current().scan(paths)


def diff(path: PathLike, *, against: PathLike | None = None) -> DatasetDiff:
    """How a data set differs from the last signed profile of it (or of ``against``): ``equal``, and ``differences`` in rows, columns and labels."""
    return current().diff(path, against=against)


def lineage(reference: PathLike, *, depth: int = LINEAGE_DEPTH, limit: int = MOST_ARTIFACTS) -> LineageNode:
    """What an artifact (a path or a digest) was made from, ``depth`` levels back; at most ``limit`` artifacts are listed."""
    return current().lineage(reference, depth=depth, limit=limit)


def impact(reference: PathLike, *, depth: int = LINEAGE_DEPTH, limit: int = MOST_ARTIFACTS) -> Impact:
    """What was made from an artifact (a path or a digest), and from that, ``depth`` levels on; at most ``limit`` artifacts are listed."""
    return current().impact(reference, depth=depth, limit=limit)


def open(path: PathLike) -> BinaryIO:
    """A binary file object over exactly the bytes that were judged. Raises BlockedArtifactError."""
    return current().open(path)
