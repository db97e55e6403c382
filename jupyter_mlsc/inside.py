"""Inside a supervised tree: the project's verbs, without its ledger and keys. Files are opened as everybody here opens them; the rest is asked.

Rules kept: nothing is asked of anybody but a process that this one descends from; bytes that can run code pass the allowlist unless the supervisor's
verdict on exactly these bytes says that a person stands for them; nothing here signs.
"""

from __future__ import annotations

import functools
import os
import shutil
import socket
import struct
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn, TypeVar

import msgspec

from jupyter_mlsc import errors, wire
from jupyter_mlsc.artifacts import MOST_ARTIFACTS
from jupyter_mlsc.errors import ArtifactError, BlockedArtifactError, FormatError, KeyUnavailableError, MlscError, SupervisionError

if TYPE_CHECKING:
    from jupyter_mlsc.formats import Format
    from jupyter_mlsc.lineage import Impact, LineageNode
    from jupyter_mlsc.profiles import DatasetDiff
    from jupyter_mlsc.recording import Run
    from jupyter_mlsc.results import Loaded, Saved, Signed, Status
    from jupyter_mlsc.verdict import Reason, Verdict

_CREDENTIALS = struct.Struct("3i")
_Value = TypeVar("_Value")
_Wanted = TypeVar("_Wanted", bound=wire.Answer)
REFUSED = "nothing inside a supervised tree can vouch: this kernel or command runs supervised, and has no keys"


def is_supervised(environ: Mapping[str, str]) -> bool:
    """Whether this process can ask a supervisor of its own. The variable alone says nothing: whoever set it might answer, too."""
    return environ.get(wire.VARIABLE) == "1" and _reaches_supervisor(os.getpid())


@functools.cache
def _reaches_supervisor(pid: int) -> bool:
    del pid  # a fork asks anew
    try:
        _connect().close()
    except SupervisionError:
        return False
    return True


def _connect() -> socket.socket:
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        channel.connect(wire.ADDRESS)
        answers, _, _ = _CREDENTIALS.unpack(channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    except OSError as err:
        channel.close()
        raise SupervisionError(f"the supervisor cannot be reached: {err.strerror}", next_step="run this outside, or start it again supervised") from err
    if not _descends_from(answers):
        channel.close()
        raise SupervisionError("whoever answers at the supervisor's address did not start this process, and is not asked", next_step="run: mlsc status")
    return channel


def _descends_from(ancestor: int) -> bool:
    pid = os.getpid()
    while pid > 1:
        with open(f"/proc/{pid}/stat", "rb") as file:
            pid = int(file.read().rpartition(b")")[2].split()[1])
        if pid == ancestor:
            return True
    return False


def ask(question: wire.Question, wanted: type[_Wanted]) -> _Wanted:
    """Ask the supervisor. Raises what it answers with, and SupervisionError where it cannot be asked."""
    with _connect() as channel:
        try:
            wire.send(channel, question)
            answer = wire.receive_answer(channel)
        except (OSError, ValueError) as err:
            raise SupervisionError(f"the supervisor did not answer: {err}", next_step="see what it wrote on its stderr") from err
    if isinstance(answer, wire.Failed):
        _raise(answer)
    if not isinstance(answer, wanted):
        raise SupervisionError(f"the supervisor answered {type(answer).__name__}", next_step="use the same version inside and outside")
    return answer


def _decoded(told: msgspec.Raw, kind: type[_Value]) -> _Value:
    try:
        return msgspec.json.decode(told, type=kind)
    except msgspec.MsgspecError as err:
        raise SupervisionError(f"the supervisor's answer is no {kind.__name__}: {err}", next_step="use the same version inside and outside") from err


def _raise(failed: wire.Failed) -> NoReturn:
    if failed.verdict is not None:
        raise BlockedArtifactError(failed.verdict)
    kind = getattr(errors, failed.kind, MlscError)
    known = isinstance(kind, type) and issubclass(kind, MlscError) and kind.__init__ is MlscError.__init__
    raise (kind if known else MlscError)(failed.message, next_step=failed.next)


def command(arguments: Sequence[str]) -> wire.Done:
    """Have the supervisor carry out a command of ``mlsc`` that only reads. Raises KeyUnavailableError for any other."""
    return ask(wire.AskCommand(tuple(os.fsencode(each) for each in arguments)), wire.Done)


@dataclass
class InsideProject:
    """What `session` asks of a project, asked of the supervisor."""

    notes: tuple[Reason, ...] = ()
    """The supervisor tells these where a person reads them."""

    @cached_property
    def _rules(self) -> wire.Rules:
        return ask(wire.AskRules(), wire.Rules)

    @property
    def root(self) -> Path:
        """The project's folder."""
        return Path(os.fsdecode(self._rules.root))

    @property
    def project_id(self) -> str:
        """The random id that statements bind."""
        return self._rules.project

    def load(self, path: Path, run: Run, *, format_name: str | None = None) -> Loaded:
        """Load an artifact: the supervisor judges and records it when it is opened. Raises BlockedArtifactError, ArtifactError, FormatError."""
        del run
        return self._load_folder(path, format_name) if path.is_dir() else self._load_file(path, format_name)

    def open(self, path: Path, run: Run) -> tuple[BinaryIO, Verdict]:
        """A binary stream over exactly the bytes that were judged. Raises BlockedArtifactError, ArtifactError."""
        del run
        try:
            stream = path.open("rb")
        except OSError as err:
            self._refused(path, err)
        return stream, self._verdict(path)

    def save(self, value: object, path: Path, run: Run, *, format_name: str | None = None, variable: str | None = None) -> Saved:
        """Save a value whole or not at all; the supervisor records it. Raises FormatError, ArtifactError, LedgerError."""
        from jupyter_mlsc import formats
        from jupyter_mlsc.format_choice import by_name
        from jupyter_mlsc.results import Saved
        from jupyter_mlsc.transfer import staged

        del run, variable  # the supervisor goes by what it saw, not by what the notebook says of its variables
        target = Path(os.path.realpath(path))
        chosen = by_name(format_name) if format_name is not None else formats.for_saving(os.path.relpath(target, self.root), value)
        with staged(target, folder=chosen.folder) as replacement:
            _write(chosen, value, replacement.staged, target)
            replacement.put()
            told = ask(wire.AskWritten(os.fsencode(target)), wire.Written)
        return Saved(told.path, told.digest, chosen.name, told.inputs, told.verdict, told.notes)

    def sign(self, paths: Sequence[Path], **_: object) -> list[Signed]:
        """Nobody inside can vouch: raises KeyUnavailableError."""
        named = " ".join(os.fspath(path) for path in paths)
        raise KeyUnavailableError(REFUSED, next_step=f"sign it from a terminal or the panel: mlsc sign {named}")

    def verify(self, paths: Sequence[Path], *, full: bool = False, run: Run | None = None) -> list[Verdict]:
        """Have it hashed afresh and judged. Raises ArtifactError for what cannot be read."""
        del run
        return list(ask(wire.AskVerify(tuple(os.fsencode(path) for path in paths), full), wire.Judged).verdicts)

    def diff(self, path: Path, *, against: Path | None = None) -> DatasetDiff:
        """How a data set differs from what was signed last."""
        return ask(wire.AskDiff(os.fsencode(path), None if against is None else os.fsencode(against)), wire.Compared).diff

    def lineage(self, reference: str, *, depth: int, limit: int = MOST_ARTIFACTS) -> LineageNode:
        """What an artifact was made from."""
        from jupyter_mlsc.lineage import LineageNode

        return _decoded(ask(wire.AskLineage(os.fsencode(reference), depth, limit), wire.Lineage).node, LineageNode)

    def impact(self, reference: str, *, depth: int, limit: int = MOST_ARTIFACTS) -> Impact:
        """What was made from an artifact."""
        from jupyter_mlsc.lineage import Impact

        return _decoded(ask(wire.AskImpact(os.fsencode(reference), depth, limit), wire.Impacts).impact, Impact)

    def status(self, run: Run | None = None) -> Status:
        """The project, and the supervised run."""
        from jupyter_mlsc.results import Status

        del run
        facts = ask(wire.AskStatus(), wire.Facts)
        return Status(facts.rows, facts.document)

    def end_run(self, run: Run) -> None:
        """The supervisor ends the run, when the tree has ended."""

    def _load_file(self, path: Path, format_name: str | None) -> Loaded:
        from jupyter_mlsc import formats
        from jupyter_mlsc.digests import measure_bytes
        from jupyter_mlsc.format_choice import format_to_load
        from jupyter_mlsc.results import Loaded
        from jupyter_mlsc.transfer import OpenedFile

        try:
            opened = OpenedFile(path)
        except ArtifactError as err:
            self._refused(path, err.__cause__ or err)
        with opened, opened.stream() as stream:
            name = os.path.relpath(os.path.abspath(path), self.root)
            chosen = format_to_load(formats.identify(name, stream), name, format_name)
            verdict = self._verdict(path)
            if not chosen.runs_code:
                return Loaded(chosen.load(formats.Source(name, file=stream), lifted=False, allow=frozenset()), verdict)
            data = opened.private_copy()
        lifted = verdict.person_signed and measure_bytes(data, sha256=True).digest == verdict.digest
        return Loaded(chosen.load(formats.Source(name, data=data), lifted=lifted, allow=self._rules.unpickle_allow), verdict)

    def _load_folder(self, path: Path, format_name: str | None) -> Loaded:
        from jupyter_mlsc import formats
        from jupyter_mlsc.digests import measure
        from jupyter_mlsc.format_choice import format_to_load
        from jupyter_mlsc.results import Loaded

        name = os.path.relpath(os.path.abspath(path), self.root)
        chosen = format_to_load(formats.identify(name, path), name, format_name)
        verdicts = self.verify([path])
        for verdict in verdicts:
            if not verdict.allowed:
                raise BlockedArtifactError(verdict)
        verdict = verdicts[0]
        try:
            return Loaded(chosen.load(formats.Source(name, folder=path), lifted=False, allow=self._rules.unpickle_allow), verdict)
        except FormatError:
            if len(verdicts) != 1 or not verdict.person_signed:
                raise
        # It may need code of its own, for which a person stands: that is run from a copy of exactly what was judged.
        with tempfile.TemporaryDirectory(prefix="mlsc-") as scratch:
            copy = Path(scratch) / path.name
            try:
                shutil.copytree(path, copy)
            except (OSError, shutil.Error) as err:
                raise ArtifactError(f"{path} could not be copied: {err}", next_step="see: mlsc verify") from err
            if measure(copy).digest != verdict.digest:
                raise ArtifactError(f"{path} changed while it was loaded", next_step="load it again") from None
            return Loaded(chosen.load(formats.Source(name, folder=copy), lifted=True, allow=frozenset()), verdict)

    def _verdict(self, path: Path) -> Verdict:
        """Under which verdict a path was opened just now; where no rule governs it, there was none."""
        judged = ask(wire.AskRead(os.fsencode(path)), wire.Judged).verdicts
        return judged[0] if judged else self.verify([path])[0]

    def _refused(self, path: Path, err: BaseException) -> NoReturn:
        """Say why a path could not be opened: the verdict, where there is one. Raises BlockedArtifactError, ArtifactError."""
        from jupyter_mlsc.transfer import wrap_os_error

        if isinstance(err, PermissionError):
            judged = ask(wire.AskRead(os.fsencode(path)), wire.Judged).verdicts
            if judged and not judged[0].allowed:
                raise BlockedArtifactError(judged[0])
        if isinstance(err, OSError):
            raise wrap_os_error(err, path, "read") from err
        raise err


def _write(chosen: Format, value: object, place: Path, shown: Path) -> None:
    from jupyter_mlsc.transfer import wrap_os_error

    try:
        if chosen.folder:
            chosen.save(value, place)
            return
        with place.open("wb") as stream:
            chosen.save(value, stream)
            stream.flush()
            # By this descriptor: to open it again would be to read a file that nobody vouched for.
            os.fsync(stream.fileno())
    except OSError as err:
        raise wrap_os_error(err, shown, "written") from err
