"""The magics: the same verbs as the command line and the Python API, in a cell. They parse, call the session, and show what it says."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError as MagicUsageError
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from jupyter_mlsc.errors import UsageError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from jupyter_mlsc.display import Shown
    from jupyter_mlsc.session import Session


MOST_LEVELS, MOST_ASKED = 100, 100_000
"""Levels and artifacts that may be asked for."""


@magics_class
class MlscMagics(Magics):
    """``%mlsc_load``, ``save``, ``sign``, ``verify``, ``scan``, ``diff``, ``status``, ``lineage`` and ``impact``, each as a magic of this project."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        super().__init__(shell)
        self._session = session
        self._variables: dict[str, Any] = shell.user_ns

    @magic_arguments()
    @argument("path", help="The artifact to load.")
    @argument("--as", dest="format", metavar="KIND", help="Load it as this format instead of the one that its name says.")
    @argument("--to", dest="name", metavar="NAME", help="Put it into this variable and show the verdict instead.")
    @line_magic
    def mlsc_load(self, line: str) -> Any:
        """Load an artifact that the policy lets through: ``df = %mlsc_load data/train.csv``."""
        from jupyter_mlsc.display import show_verdict

        given = _parse(self.mlsc_load, line)
        if given.name is not None and not given.name.isidentifier():
            raise UsageError(f"{given.name!r} is no name for a variable", next_step="use letters, digits and underscores: --to train")
        loaded = self._session.load(given.path, format_name=given.format)
        if given.name is None:
            return loaded.value
        self._variables[given.name] = loaded.value
        return show_verdict(loaded.verdict)

    @magic_arguments()
    @argument("name", help="The variable to save.")
    @argument("path", help="Where to; the suffix says the format.")
    @line_magic
    def mlsc_save(self, line: str) -> Any:
        """Save a variable with its provenance: ``%mlsc_save model models/churn.joblib``."""
        from jupyter_mlsc.display import show_saved

        given = _parse(self.mlsc_save, line)
        if given.name not in self._variables:
            raise UsageError(
                f"there is no variable {given.name!r}", next_step="write the variable's name first, then the path: %mlsc_save model models/m.joblib"
            )
        return show_saved(self._session.save(self._variables[given.name], given.path, variable=given.name))

    @magic_arguments()
    @argument("path", nargs="+", help="What to sign.")
    @argument("--kind", help="dataset, model, notebook, environment or config; by default what the rule says.")
    @argument("--note", default="", help="A sentence for reviewers.")
    @argument("--key", metavar="NAME", help="Which vouching key to sign with, where the policy names several.")
    @line_magic
    def mlsc_sign(self, line: str) -> Any:
        """Stand for an artifact with your vouching key, which is asked for where it is locked."""
        from jupyter_mlsc.display import show_signed

        given = _parse(self.mlsc_sign, line)
        return show_signed(self._session.sign(given.path, kind=given.kind, note=given.note, key=given.key))

    @magic_arguments()
    @argument("path", nargs="*", help="What to verify; without a path, all that the policy governs.")
    @argument("--full", action="store_true", help="Compute every digest that a statement carries.")
    @line_magic
    def mlsc_verify(self, line: str) -> Any:
        """Hash afresh and judge, without loading."""
        from jupyter_mlsc.display import show_verdicts

        given = _parse(self.mlsc_verify, line)
        return show_verdicts(self._session.verify_all(given.path, full=given.full))

    @magic_arguments()
    @argument("path", nargs="+", help="What to look at: files and folders.")
    @line_magic
    def mlsc_scan(self, line: str) -> Any:
        """Look for what is dangerous in models and other files, without loading them."""
        from jupyter_mlsc.findings_shown import show_scanned

        given = _parse(self.mlsc_scan, line)
        return show_scanned(self._session.scan(given.path))

    @magic_arguments()
    @argument("path", help="The data set.")
    @argument("--against", metavar="PATH", help="Compare with the signed profile of this data set instead.")
    @line_magic
    def mlsc_diff(self, line: str) -> Any:
        """How a data set differs from what was signed last: rows, labels, columns."""
        from jupyter_mlsc.dataset_display import show_diff

        given = _parse(self.mlsc_diff, line)
        return show_diff(self._session.diff(given.path, against=given.against))

    @magic_arguments()
    @line_magic
    def mlsc_status(self, line: str) -> Any:
        """The project, its policy and ledger, and what this run read and wrote."""
        from jupyter_mlsc.display import show_facts

        def ask() -> Shown:
            status = self._session.status()
            return show_facts("mlsc status", status.rows, status)

        _parse(self.mlsc_status, line)
        return self._shown(ask)

    @magic_arguments()
    @argument("path", help="An artifact's path or digest.")
    @argument("--depth", type=int, default=8, help="How many levels back.")
    @argument("--limit", type=int, default=200, help="At most so many artifacts.")
    @line_magic
    def mlsc_lineage(self, line: str) -> Any:
        """What an artifact was made from, as a list and as a drawing."""
        from jupyter_mlsc.export.graphs import lineage_drawing
        from jupyter_mlsc.trees import show_lineage

        def ask() -> Shown:
            node = self._session.lineage(given.path, depth=given.depth, limit=given.limit)
            return show_lineage(node, self._session.drawn(lineage_drawing(node), f"What {node.path} was made from"))

        given = _graph_asked(self.mlsc_lineage, line)
        return self._shown(ask)

    @magic_arguments()
    @argument("path", help="An artifact's path or digest.")
    @argument("--depth", type=int, default=8, help="How many levels on.")
    @argument("--limit", type=int, default=200, help="At most so many artifacts.")
    @line_magic
    def mlsc_impact(self, line: str) -> Any:
        """What was made from an artifact, as a list and as a drawing."""
        from jupyter_mlsc.export.graphs import impact_drawing
        from jupyter_mlsc.trees import show_impact

        def ask() -> Shown:
            impact = self._session.impact(given.path, depth=given.depth, limit=given.limit)
            return show_impact(impact, self._session.drawn(impact_drawing(impact), f"What was made from {impact.artifact.path}"))

        given = _graph_asked(self.mlsc_impact, line)
        return self._shown(ask)

    def _shown(self, ask: Callable[[], Shown]) -> Any:
        """An answer, as a widget where a person sits in front of a kernel. A run without one keeps the static form, which needs nobody to draw it."""
        answer = ask()
        if not _has_person(self.shell):
            return answer
        with self._session.unwatched():
            try:
                from jupyter_mlsc.kernel.widget import ShownWidget
            except ModuleNotFoundError:
                return answer  # installed without anywidget: the static form says the same
            return ShownWidget(answer, ask)


def _has_person(shell: InteractiveShell | None) -> bool:
    """Whether the cell that runs was sent by a front end that can ask a person something; headless runs say that they cannot."""
    kernel = getattr(shell, "kernel", None)
    return kernel is not None and bool(kernel.get_parent("shell").get("content", {}).get("allow_stdin"))


def _graph_asked(magic: Any, line: str) -> Any:
    given = _parse(magic, line)
    if not 0 <= given.depth <= MOST_LEVELS or not 1 <= given.limit <= MOST_ASKED:
        raise UsageError(f"--depth is 0 to {MOST_LEVELS}, --limit is 1 to {MOST_ASKED}", next_step=f"write: %{magic.__name__} {given.path} --depth 8")
    return given


def _parse(magic: Any, line: str) -> Any:
    """The arguments of a magic's line. Raises UsageError with the magic's usage, where IPython would only print a line on stderr."""
    usage = " ".join(magic.parser.format_usage().split())
    step = f"write: {usage[usage.index('%') :]} (a path with spaces goes in quotes)"
    try:
        return magic.parser.parse_args(_words(line))
    except ValueError as err:
        raise UsageError(f"the line {line!r} cannot be taken apart: {str(err).lower()}", next_step=step) from err
    except MagicUsageError as err:
        raise UsageError(str(err), next_step=step) from err


def _words(line: str) -> list[str]:
    """A line as a shell takes it apart: quotes hold a word together, and on POSIX a backslash takes the next character as it is."""
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    if os.name == "nt":
        lexer.escape = ""
    return list(lexer)
