"""What would happen to a path under supervision, and why: the supervisor's own tables, asked without running anything."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from jupyter_mlsc.errors import ArtifactError
from jupyter_mlsc.project import Project
from jupyter_mlsc.sandbox.boot import for_command
from jupyter_mlsc.sandbox.decide import MEANINGS, Answer, OpenQuestion, Way, decide_device, decide_open, decide_process
from jupyter_mlsc.sandbox.places import Places, Region
from jupyter_mlsc.sandbox.resolve import Resolver
from jupyter_mlsc.sandbox.survey import survey

_REGIONS = {
    Region.FREE: "a free folder: nothing governed or protected lies below, so the wall grants everything there",
    Region.SYSTEM: "a system folder: read and executed by anybody, written by nobody",
    Region.WRITABLE: "opened on the caller's behalf, for reading and writing",
    Region.ELSEWHERE: "opened on the caller's behalf, for reading only",
    Region.DEVICE: "a device",
    Region.PROCESS: "a file of /proc",
    Region.GOVERNED: "governed by a rule: read only after a verdict, written on record",
    Region.READ_ONLY: "protected: it can be read, and not changed",
    Region.HIDDEN: "protected: it cannot be opened at all",
}
_WAYS = {
    Way.CONTINUE: "the kernel opens it, within the wall",
    Way.DO: "the supervisor opens it and hands over the descriptor",
    Way.JUDGE: "its bytes are judged first, and exactly those are handed over, or nothing",
}


@dataclass(frozen=True, slots=True)
class Explained:
    """A path's names with their regions, and what a read and a write of it would be answered with."""

    names: tuple[tuple[str, Region], ...]
    read: Answer
    write: Answer

    def lines(self) -> list[str]:
        """For a person."""
        told = [f"{name}: {_REGIONS[region]}" for name, region in self.names]
        return ["under supervision:", *(f"  {line}" for line in told), f"  to read:  {_sentence(self.read)}", f"  to write: {_sentence(self.write)}"]

    def document(self) -> dict[str, object]:
        """For a program."""
        names = [{"name": name, "region": region.name.lower()} for name, region in self.names]
        return {"names": names, "read": _row(self.read), "write": _row(self.write)}


def explain(project: Project, path: Path) -> Explained:
    """Ask the tables about a path, for a command that this interpreter would run here. Raises ArtifactError where the path leads nowhere."""
    policy, environ = project.policy, for_command(os.environ)
    found = survey(project.root, policy, policy.supervise, mlsc_home=project.home.path, environ=environ, command=(), executable=sys.executable)
    try:
        resolved = Resolver(lambda pid: True, found.aliases).resolve(os.getpid(), None, os.fsencode(path))
    except OSError as err:
        raise ArtifactError(f"{path} leads nowhere: {err.strerror}", next_step="name something that exists") from err
    with_regions = tuple((os.fsdecode(name), found.places.of(name)) for name in resolved.names)
    assert resolved.status is not None  # it exists
    mode = resolved.status.st_mode
    resolved.close()
    read, write = (_answer(found.places, resolved.names, flags, mode) for flags in (os.O_RDONLY, os.O_WRONLY))
    return Explained(with_regions, read, write)


def _answer(places: Places, names: tuple[bytes, ...], flags: int, mode: int) -> Answer:
    final = places.of(names[-1])
    if final is Region.PROCESS and not stat.S_ISDIR(mode):
        return decide_process(names[-1], flags, in_tree=False)
    if final is Region.DEVICE and not stat.S_ISDIR(mode):
        return decide_device(names[-1], own_terminal=False)
    return decide_open(OpenQuestion(places.strictest(names), final, flags, mode))


def _sentence(answer: Answer) -> str:
    return f"refused: {MEANINGS[answer.why]} [{answer.why}]" if answer.way is Way.REFUSE else _WAYS[answer.way]


def _row(answer: Answer) -> dict[str, str]:
    return {"answer": str(answer.way), "why": answer.why}
