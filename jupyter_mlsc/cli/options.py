"""What all commands share: the global options before or after the command's name, the project, and output that keeps its contract."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jupyter_mlsc.cli import output

if TYPE_CHECKING:
    from jupyter_mlsc.export.graphs import Drawing
    from jupyter_mlsc.keys import PassphraseSource
    from jupyter_mlsc.project import Project
    from jupyter_mlsc.results import Decided


GRAPH_FORMATS = ("text", "mermaid", "dot", "svg")


@dataclass(frozen=True)
class Options:
    """The global options: a policy that is trusted by being named, JSON on stdout, no progress."""

    policy: Path | None
    json: bool
    quiet: bool

    def project(self, *paths: str | os.PathLike[str]) -> Project:
        """The project that these paths lie in; where they lie in none, and where there are no paths, that of the working directory.

        Raises UsageError where there is none, and where there are several: one policy would be asked about what another one governs.
        """
        from jupyter_mlsc.project import Project
        from jupyter_mlsc.project_root import enclosing_project

        roots = {root: path for path in paths if (root := enclosing_project(Path(path))) is not None}
        if len(roots) > 1:
            from jupyter_mlsc.errors import UsageError

            told = ", ".join(f"{path} in {root}" for root, path in roots.items())
            raise UsageError(f"these paths lie in different projects: {told}", next_step="name the paths of one project at a time")
        return Project.find(next(iter(roots), Path()), os.environ, policy_file=self.policy)

    def project_of(self, reference: str) -> Project:
        """The project that an artifact belongs to, which is named by its path or its digest. Raises UsageError, and PolicyError where nobody is trusted."""
        from jupyter_mlsc.verbs.tracing import is_digest

        project = self.project("." if is_digest(reference) else Path(reference).parent)
        project.require_trusted()
        return project

    def say(self, text: str) -> None:
        """A result for a person: on stdout, not at all under ``--json``."""
        if not self.json:
            output.result(text + "\n")

    def print(self, text: str) -> None:
        """A document that is a text of its own (a PEM, a checkpoint): on stdout as it is, not at all under ``--json``."""
        if not self.json:
            output.result(text)

    def advise(self, text: str) -> None:
        """Advice and progress: on stderr, not at all under ``--quiet``."""
        if not self.quiet:
            output.message(text)

    def notes(self, project: Project, *, besides: str | None = None) -> None:
        """What a person must know whatever was asked: that the policy's file differs, that another user keeps the ledger. On stderr, always."""
        for note in project.notes:
            if note.code != besides:
                output.message(f"note: {note.message}; {note.next}")

    def document(self, value: Any) -> None:
        """The one JSON document of ``--json``."""
        if self.json:
            output.document(value)

    @property
    def progress(self) -> Callable[[int, int], None] | None:
        """A progress bar on stderr for work over a second, where stderr is a terminal."""
        if self.quiet or not sys.stderr.isatty():
            return None
        from jupyter_mlsc.cli.progress import Bar

        return Bar()


def passphrases() -> PassphraseSource:
    """Where the vouching key's passphrase comes from: the environment, a file that it names, or a prompt on a terminal."""
    from jupyter_mlsc.keys import PassphraseSource, ask_on_terminal

    return PassphraseSource.from_environ(os.environ, ask_on_terminal)


def tell_decision(options: Options, project: Project, decided: Decided) -> int:
    """Show a decision that was made; exit code 1 where it could not take effect yet."""
    from jupyter_mlsc.display import decided_document, decided_lines

    options.say("\n".join(decided_lines(decided)))
    options.notes(project)
    options.document(decided_document(decided))
    return 0 if decided.done else 1


def tell_graph(options: Options, format_name: str, lines: Callable[[], list[str]], drawing: Callable[[], Drawing], title: str, place: str | None) -> None:
    """Print a graph in one of `GRAPH_FORMATS`, or write it to a file. Raises ArtifactError; for ``svg`` MissingLibraryError and DrawingError."""
    if options.json and place is None:
        return
    if format_name == "text":
        text = "\n".join(lines())
    elif format_name == "svg":
        from jupyter_mlsc.graphviz import svg

        text = svg(drawing(), title)
    else:
        text = drawing().text(format_name)
    if place is None:
        options.say(text)
    else:
        write_file(place, f"{text}\n".encode())
        options.say(f"wrote {place}")


def write_file(place: str, content: bytes) -> None:
    """Write a file that the person named with ``-o``. Raises ArtifactError."""
    from jupyter_mlsc.transfer import wrap_os_error

    try:
        Path(place).write_bytes(content)
    except OSError as err:
        raise wrap_os_error(err, place, "written") from err


def globals_too(function: Callable[..., Any]) -> Callable[..., Any]:
    """Accept the global options after the command's name too, and hand them to the command as one ``Options``."""

    @click.option("--policy", "policy_", metavar="FILE", help="Trust this policy instead of the project's own.")
    @click.option("--json", "json_", is_flag=True, help="Print one JSON document on stdout, and nothing else.")
    @click.option("--quiet", "-q", "quiet_", is_flag=True, help="Print no progress and no advice.")
    @functools.wraps(function)
    def wrapped(policy_: str | None, json_: bool, quiet_: bool, **rest: Any) -> Any:
        ctx = click.get_current_context()
        given = ctx.find_root().obj or {}
        named = policy_ or given.get("policy")
        options = Options(Path(named) if named else None, json_ or bool(given.get("json")), quiet_ or bool(given.get("quiet")))
        return ctx.invoke(function, options, **rest)

    return wrapped
