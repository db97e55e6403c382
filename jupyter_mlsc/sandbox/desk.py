"""The desk: where a supervised tree asks its own supervisor. It tells, records what a cell wrote when the cell has ended, and vouches for nothing.

Rules kept: whoever asks is untrusted, so what is asked is used for attribution, and what is told is what may be known inside anyway; a connection that
says nothing sensible is closed; whatever is asked, and however often, the loop goes on answering opens.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from jupyter_mlsc import wire
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.errors import ArtifactError, BlockedArtifactError, KeyUnavailableError, MlscError, UsageError
from jupyter_mlsc.project import Project
from jupyter_mlsc.recording import Actor, Place, Run
from jupyter_mlsc.sandbox import caller
from jupyter_mlsc.sandbox.boot import Spec
from jupyter_mlsc.sandbox.cells import Cells
from jupyter_mlsc.sandbox.gate import Gate
from jupyter_mlsc.sandbox.listener import Listener, Notification
from jupyter_mlsc.sandbox.messages import Messages
from jupyter_mlsc.sandbox.places import Places, Region
from jupyter_mlsc.sandbox.resolve import error, name_of
from jupyter_mlsc.verdict import Verdict, printable

CarryOut = Callable[[Sequence[str]], tuple[int, str, str]]
"""Runs the command line in this process: its exit code and what it printed on stdout and stderr."""

READ_ONLY = frozenset(
    {
        ("verify",),
        ("diff",),
        ("status",),
        ("lineage",),
        ("impact",),
        ("log", "show"),
        ("log", "verify"),
        ("log", "checkpoint"),
        ("log", "prove"),
        ("policy", "check"),
        ("policy", "explain"),
    }
)
"""The commands that are carried out for somebody inside: they write nothing and sign nothing."""
_OPTIONS = re.compile(r"--(json|quiet|full|against|sarif|supervised|help|(limit|depth)(=\d+)?|format(=(text|mermaid|dot))?)\Z|-[qh]\Z")
_NEXT = {
    "sign": "sign it from a terminal or the panel, outside",
    "review": "review it from a terminal or the panel, outside",
    "replay": "replay it from a terminal outside",
}
_MOST_AT_ONCE = 32
_PATIENCE = 30.0
"""Seconds that a connection may take to say what it wants."""


class _Asker(msgspec.Struct, frozen=True):
    """Who asks, and a descriptor of the folder that it asks from."""

    actor: Actor
    folder: int


class Desk:
    """Serves the connections of one run."""

    def __init__(self, project: Project, run: Run, gate: Gate, places: Places, listener: Listener, messages: Messages, spec: Spec, carry_out: CarryOut) -> None:
        self._run, self._gate, self._places, self._listener = run, gate, places, listener
        self._project, self._messages, self._place, self._carry_out = project, messages, Place(notebook=spec.notebook), carry_out
        self._policy = () if spec.policy is None else ("--policy", spec.policy)
        self._cells = Cells()
        gate.place_of = self._cells.place_of
        # Hashing for somebody who asks holds up no open: the gate has the project's first ledger connection to itself.
        self._telling = Project(project.root, project.home, project.trust, project.tier, project.clock)
        self._one_teller, self._one_command = threading.Lock(), threading.Lock()
        self._pool = ThreadPoolExecutor(_MOST_AT_ONCE, thread_name_prefix="mlsc-desk")
        self._waiting = threading.BoundedSemaphore(2 * _MOST_AT_ONCE)

    @staticmethod
    def takes(address: bytes) -> bool:
        """Whether a ``sun_path`` is this desk's."""
        return address == wire.ADDRESS

    def serve(self, question: Notification, descriptor: int) -> None:
        """Answer a connect: one end of a new pair takes the place of the caller's socket. Raises OSError with what the caller gets."""
        flags = _socket_flags(question.pid, descriptor)
        if not self._waiting.acquire(blocking=False):
            raise error(errno.ECONNREFUSED)
        with contextlib.ExitStack() as undo:
            undo.callback(self._waiting.release)
            actor = Actor(caller.process_of(question.pid), caller.executable_of(question.pid))
            folder = os.open(b"/proc/%d/cwd" % question.pid, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            undo.callback(os.close, folder)
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            undo.enter_context(ours)
            with theirs:
                theirs.setblocking(not flags & os.O_NONBLOCK)
                self._listener.replace(question, theirs.fileno(), descriptor, close_on_exec=bool(flags & os.O_CLOEXEC))
            self._pool.submit(self._converse, ours, _Asker(actor, folder), undo.pop_all())
        self._listener.succeed(question)

    def close(self) -> None:
        """Nobody is left to ask."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _converse(self, channel: socket.socket, asker: _Asker, undo: contextlib.ExitStack) -> None:
        with undo:
            try:
                channel.settimeout(_PATIENCE)
                answer = self._safely(wire.receive_question(channel), asker)
                try:
                    wire.send(channel, answer)
                except ValueError:
                    wire.send(channel, wire.Failed("ArtifactError", "the answer holds a name that is not UTF-8", "rename the file"))
            except (ValueError, OSError):
                return  # no question, or nobody who waits for an answer any more

    def _safely(self, question: wire.Question, asker: _Asker) -> wire.Answer:
        try:
            return self._answer(question, asker)
        except BlockedArtifactError as err:
            return wire.Failed(type(err).__name__, err.message, None, err.verdict)
        except MlscError as err:
            return wire.Failed(type(err).__name__, err.message, err.next_step)
        except Exception as err:  # noqa: BLE001  # whatever fails here is told, and fails for the one who asked only
            self._messages.tell(f"an error in the supervisor left a question unanswered ({type(question).__name__}): {type(err).__name__}: {err}")
            return wire.Failed("SupervisionError", "the supervisor could not answer", "see what it wrote on its stderr")

    def _answer(self, question: wire.Question, asker: _Asker) -> wire.Answer:
        match question:
            case wire.CellBegins():
                self._gate.settle()  # what was written until now belongs to the cell before
                place = Place(self._notebook(question.notebook), question.cell_id, question.execution_count, question.code)
                self._cells.begins(asker.actor.process, place)
                self._run.at(place)
                return wire.Fine()
            case wire.CellEnds(failed, flow):
                self._gate.settle()
                if self._cells.is_alone(asker.actor.process):
                    self._run.cell_said(flow, failed=failed)
                else:
                    self._run.nothing_said()  # cells of several kernels are not one sequence of statements
                return wire.Told(self._messages.take())
            case wire.AskRules():
                project = self._project
                return wire.Rules(os.fsencode(project.root), project.project_id, project.policy.unpickle_allow)
            case wire.AskRead(path):
                verdict = self._gate.judged(_names(self._readable(path, asker)))
                return wire.Judged(()) if verdict is None else wire.Judged((verdict,), own=self._run.wrote(verdict.path, verdict.digest))
            case wire.AskWritten(path):
                return self._written(self._readable(path, asker), asker.actor)
            case wire.AskVerify(paths, full):
                return wire.Judged(tuple(self._verify([self._readable(path, asker) for path in paths], full=full)))
            case wire.AskLineage(reference, depth, limit):
                meant = self._meant(reference, asker)
                with self._one_teller:
                    return wire.Lineage(_in_json(self._telling.lineage(meant, depth=depth, limit=limit)))
            case wire.AskImpact(reference, depth, limit):
                meant = self._meant(reference, asker)
                with self._one_teller:
                    return wire.Impacts(_in_json(self._telling.impact(meant, depth=depth, limit=limit)))
            case wire.AskDiff(path, against):
                here, other = self._readable(path, asker), None if against is None else self._readable(against, asker)
                with self._one_teller:
                    return wire.Compared(self._telling.diff(here, against=other))
            case wire.AskStatus():
                with self._one_teller:
                    status = self._telling.status(self._run)
                return wire.Facts(status.rows, dict(status.document))
            case wire.AskCommand(arguments):
                return self._command([os.fsdecode(argument) for argument in arguments], asker)

    def _notebook(self, claimed: str | None) -> str | None:
        if claimed is None or not os.path.isabs(claimed):
            return claimed or self._place.notebook
        return os.path.relpath(claimed, self._project.root)

    def _meant(self, reference: bytes, asker: _Asker) -> str:
        """A path or a digest as the asker means it. Raises ArtifactError for what nothing inside may know of."""
        from jupyter_mlsc.verbs.tracing import is_digest  # a kernel's cells begin and end without it

        text = os.fsdecode(reference)
        return text if is_digest(text) else str(self._readable(reference, asker))

    def _readable(self, path: bytes, asker: _Asker) -> Path:
        """A path as the asker means it. Raises ArtifactError for what nothing inside may know of."""
        meant = os.path.normpath(os.path.join(name_of(asker.folder), path))
        if b"\0" in meant or self._places.strictest((meant, os.path.realpath(meant))) is Region.HIDDEN:
            raise ArtifactError(f"{printable(os.fsdecode(path))} could not be read: it is hidden from a supervised tree", next_step="ask on a terminal outside")
        return Path(os.fsdecode(meant))

    def _verify(self, paths: list[Path], *, full: bool = False) -> list[Verdict]:
        with self._one_teller:
            return self._telling.verify(paths, full=full, run=self._run)

    def _written(self, path: Path, actor: Actor) -> wire.Written:
        self._gate.settle()
        verdict = self._tree_written(path, actor) if path.is_dir() else self._gate.judged(_names(path))
        if verdict is None:
            (verdict,) = self._verify([path])
        if verdict.digest is None:
            raise ArtifactError(f"{path} has no digest", next_step="save it again")
        inputs = tuple(each.name for each in self._run.inputs)
        return wire.Written(verdict.path, verdict.digest, inputs, verdict, self._project.books.notes)

    def _tree_written(self, folder: Path, actor: Actor) -> Verdict | None:
        """Record a folder as one artifact. It is this run's own only where every file in it was seen being written."""
        from jupyter_mlsc.digests import measure
        from jupyter_mlsc.verbs.observing import observe_write

        target, manifest = self._project.target(folder), measure(folder).manifest or ()
        seen = all(self._run.wrote(f"{target.asked}/{line.name}", Digest("sha256", line.sha256)) for line in manifest)
        with self._gate.record:
            return observe_write(self._project, folder, self._run, observed=seen and bool(manifest), by=actor)

    def _command(self, arguments: list[str], asker: _Asker) -> wire.Done:
        require_read_only(arguments)
        for argument in arguments:
            self._readable(os.fsencode(argument), asker)
        with self._one_command:
            before = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fchdir(asker.folder)
                code, out, err = self._carry_out([*self._policy, *arguments])
            finally:
                os.fchdir(before)
                os.close(before)
        return wire.Done(code, out.encode("utf-8", "backslashreplace"), err.encode("utf-8", "backslashreplace"))


def _in_json(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def require_read_only(arguments: list[str]) -> None:
    """Raise KeyUnavailableError for a command that is not on the list, UsageError for an option that is not."""
    words = [each for each in arguments if not each.startswith("-")]
    options = [each for each in arguments[: arguments.index("--") if "--" in arguments else None] if each.startswith("-")]
    if not {tuple(words[:1]), tuple(words[:2])} & READ_ONLY:
        name = words[0] if words else ""
        raise KeyUnavailableError(
            f"mlsc {name} is not done inside a supervised tree, where nobody can vouch, change the record or say whom to trust",
            next_step=_NEXT.get(name, "run it on a terminal outside"),
        )
    unknown = [each for each in options if not _OPTIONS.match(each)]
    # A drawing is laid out by a program of the asker's search path, which nobody outside may start for it.
    unknown += [f"{option} {value}" for option, value in itertools.pairwise(arguments) if (option, value) == ("--format", "svg")]
    if unknown:
        raise UsageError(f"{unknown[0]} is not taken inside a supervised tree", next_step="run the command on a terminal outside")


def _names(path: Path) -> list[bytes]:
    return [os.fsencode(path), os.path.realpath(os.fsencode(path))]


def _socket_flags(pid: int, descriptor: int) -> int:
    """The flags of a caller's socket, as fcntl(2) has them with O_CLOEXEC. Raises OSError: EBADF, ENOTSOCK."""
    try:
        if not os.readlink(f"/proc/{pid}/fd/{descriptor}").startswith("socket:"):
            raise error(errno.ENOTSOCK)
        with open(f"/proc/{pid}/fdinfo/{descriptor}", encoding="ascii") as file:
            return next(int(line.split()[1], 8) for line in file if line.startswith("flags:"))
    except FileNotFoundError as err:
        raise error(errno.EBADF) from err
