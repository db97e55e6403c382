"""One run: what it read and wrote so far, where it is, and the statements that it makes about that.

Rules kept: a run's statements are records and provenance, signed with the run key; they never vouch. One read is recorded once for each
(name, digest) of a run. An output's inputs are the reads whose values may have reached it, where the cells' code tells; else all reads so far.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from jupyter_mlsc import predicates
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.following import Following

if TYPE_CHECKING:
    from jupyter_mlsc.attestation import Statement
    from jupyter_mlsc.dataflow import CellSummary
    from jupyter_mlsc.environment import Environment, GitState
    from jupyter_mlsc.verdict import Verdict

GUARDED, SUPERVISED = "guarded", "supervised"
"""How a run was observed: from its own process, or by another one that it cannot touch."""


class Place(msgspec.Struct, frozen=True):
    """Where in a notebook something happens; all None outside a notebook. ``code`` is ``sha256:<hex>`` of the cell's source."""

    notebook: str | None = None
    cell_id: str | None = None
    execution_count: int | None = None
    code: str | None = None
    flow: CellSummary | str | None = None
    """What the cell's code does to names, or its source, from which that is found when it is first needed."""

    @property
    def cell(self) -> str | None:
        """The cell's id, or its execution count where the front end gives no id."""
        return self.cell_id or (str(self.execution_count) if self.execution_count is not None else None)


class Actor(msgspec.Struct, frozen=True):
    """The process of a supervised run that read or wrote something, as the supervisor saw it: its id and the program that it ran.

    ``place`` is where the kernel that it belongs to says to be, where a run has several kernels.
    """

    process: int
    executable: str
    place: Place | None = None


class Read(msgspec.Struct, frozen=True):
    """One artifact that the run read, as it was judged at that moment."""

    name: str
    digest: Digest
    decision: str
    verified: bool
    cell: str | None
    """The cell's id, or its execution count where the front end gives no id."""
    code: bool = False
    """It is code of the project of which no rule asks anything."""

    @property
    def is_good(self) -> bool:
        """True where nothing that a rule asks of it is unmet: it is verified, or code that nobody asks about."""
        return self.verified or self.code


@dataclass
class Run:
    """The memory of one execution of a notebook or script. Safe for several threads."""

    project: str
    tier: str = GUARDED
    id: str = field(default_factory=lambda: os.urandom(16).hex())
    place: Place = field(default_factory=Place)
    started: bool = False
    program: str | None = None
    """The program of a supervised run, whose environment is the run's; None where that is this process's own."""
    coverage: dict[str, int] = field(default_factory=dict)
    """What the guard did not see, by code and count; empty where no guard is on."""
    installs: tuple[predicates.InstallBody, ...] = ()
    """What its cells installed, or tried to."""
    _following: Following = field(default_factory=Following)
    _reads: dict[tuple[str, Digest], Read] = field(default_factory=dict)
    _recorded: set[tuple[str, str, Digest, str]] = field(default_factory=set)
    _outputs: dict[tuple[str, Digest], bool] = field(default_factory=dict)
    _work_tree: tuple[Place, GitState] | None = None
    _environment_from: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def environment(self) -> Environment:
        """The distributions that the run has: those that its program runs with, or, of one that is no Python, those of the process that observes it."""
        from jupyter_mlsc.environment import installed, installed_for

        own = None if self.program is None else installed_for(self.program)
        if self.program is not None and own is None:
            self._environment_from = "supervisor"
        return own or installed()

    def at(self, place: Place) -> None:
        """The run has come to another cell."""
        with self._lock:
            self.place = place
            if place.execution_count is not None and place.code is not None:
                self._following.begin(predicates.CellBody(place.code, place.cell_id, place.execution_count), place.flow)

    def work_tree(self, ask: Callable[[], GitState]) -> GitState:
        """The state of the git work tree, asked at the first output of a cell, or of a run without cells: asking costs more than recording an output."""
        known = self._work_tree
        if known is None or known[0] is not self.place:
            known = self._work_tree = (self.place, ask())
        return known[1]

    def cell_failed(self) -> None:
        """The cell that runs ends with an error."""
        with self._lock:
            self._following.failed()

    def cell_said(self, flow: dict[str, Any] | None, *, failed: bool) -> None:
        """A kernel of a supervised run says what the code of the cell that ends does to names, and whether it failed: its own word, and kept as that."""
        with self._lock:
            self._following.claim(flow, failed=failed)

    def nothing_said(self) -> None:
        """What kernels said of their cells is not used: there are several."""
        with self._lock:
            self._following.drop_claims()

    @property
    def cells(self) -> tuple[predicates.CellBody, ...]:
        """The cells that ran, in order of execution, with what each read and wrote."""
        with self._lock:
            return tuple(self._following.cells())

    def facts(self, by: Actor | None = None, **more: object) -> predicates.RunFacts:
        """Where the run is now and which process acts, for a statement; ``more`` are further fields of RunFacts."""
        place = self._place_of(by)
        base: Mapping[str, object] = {
            "run": self.id,
            "project": self.project,
            "tier": self.tier,
            "notebook": place.notebook,
            "cell_id": place.cell_id,
            "execution_count": place.execution_count,
            "code": place.code,
        }
        if "environment" in more:
            more["environment_from"] = self._environment_from
        if by is not None:
            more |= {"process": by.process, "executable": by.executable}
        if self.tier == SUPERVISED and place.cell is not None:
            more["cell_from"] = "kernel"
        return predicates.RunFacts(**{**base, **more})  # type: ignore[arg-type]  # field names and types are RunFacts' own

    def first(self, operation: Literal["read", "write"], name: str, digest: Digest, decision: str) -> bool:
        """True the first time that this run does this to these bytes under this name with this outcome."""
        key = (operation, name, digest, decision)
        with self._lock:
            if key in self._recorded:
                return False
            self._recorded.add(key)
            return True

    def forget(self, operation: Literal["read", "write"], name: str, digest: Digest, decision: str) -> None:
        """Take `first` back: the record could not be written."""
        with self._lock:
            self._recorded.discard((operation, name, digest, decision))

    def _place_of(self, by: Actor | None) -> Place:
        return self.place if by is None or by.place is None else by.place

    def note_read(self, verdict: Verdict, by: Actor | None = None) -> None:
        """Remember an input. What the run wrote itself counts as verified only where all that it was made from was."""
        if verdict.digest is None:
            return
        with self._lock:
            own = self._outputs.get((verdict.path, verdict.digest))
            verified = verdict.verified if own is None or not any(r.code == "own-output" for r in verdict.reasons) else own
            self._reads[verdict.path, verdict.digest] = Read(verdict.path, verdict.digest, verdict.decision, verified, self._place_of(by).cell)
            self._following.read(verdict.path, verdict.digest)

    def note_code(self, name: str, digest: Digest, *, is_governed: bool = False, by: Actor | None = None) -> None:
        """Remember code of the project that ran: a module that was imported, or a script. What a rule governs was judged, and is an input already."""
        with self._lock:
            if not is_governed:
                self._reads.setdefault((name, digest), Read(name, digest, "allow", False, self._place_of(by).cell, code=True))
            self._following.read(name, digest, is_module=True)

    def note_write(self, name: str, digest: Digest, *, verified: bool, variable: str | None = None) -> None:
        """Remember an output; ``verified`` is whether all its inputs were, ``variable`` what was saved."""
        with self._lock:
            self._outputs[name, digest] = verified
            self._following.wrote(name, variable)

    def inputs_of(self, name: str, variable: str | None = None) -> tuple[tuple[Read, ...], bool]:
        """The reads whose values may have reached an output of the cell that runs, and whether that is precise; else all reads so far.

        What the cells' code does is the kernel's own word, so in a supervised run, whose inputs another process saw, it takes none of them away.
        """
        with self._lock:
            found = None if self.tier == SUPERVISED else self._following.inputs_of(name, variable)
            if found is None:
                return tuple(self._reads.values()), False
            return tuple(read for key, read in self._reads.items() if key in found), True

    def wrote(self, name: str, digest: Digest | None) -> bool:
        """True when this run wrote exactly these bytes under this name."""
        return digest is not None and (name, digest) in self._outputs

    def wrote_name(self, name: str) -> bool:
        """True when this run wrote any bytes under this name."""
        with self._lock:
            return any(n == name for n, _ in self._outputs)

    @property
    def inputs(self) -> tuple[Read, ...]:
        """All reads so far, in order."""
        with self._lock:
            return tuple(self._reads.values())


def phase_statement(run: Run, at: datetime, phase: Literal["start", "end"]) -> Statement:
    """A run begins, with its distributions, or ends, with what was not observed of it."""
    from jupyter_mlsc.attestation import Statement, Subject

    environment = run.environment
    packages = environment.packages if phase == "start" else ()
    cells = run.cells if phase == "end" else ()
    body = predicates.RunBody(run.facts(environment=environment.digest), phase, at, packages, dict(run.coverage), cells, run.installs if phase == "end" else ())
    subject = Subject("environment", Digest.parse(environment.digest).in_toto())
    return Statement((subject,), predicates.RUN, predicates.to_predicate(body))
