"""The command line as click has it: a table of commands, each imported when it is called, and one place for errors."""

from __future__ import annotations

import contextlib
import io
import os
from typing import TYPE_CHECKING, Any

import click

from jupyter_mlsc.cli import INTERRUPTED, output

if TYPE_CHECKING:
    from jupyter_mlsc.errors import MlscError

_COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init", "Make a policy, a ledger, keys and a first identity."),
    "sign": ("sign", "Sign data sets and models: stand for these bytes."),
    "verify": ("verify", "Hash afresh and judge by the policy."),
    "scan": ("scan", "Look for what is dangerous in models and other files."),
    "diff": ("diff", "Say how a data set differs from what was signed last."),
    "review": ("review", "Approve or reject a notebook or an artifact."),
    "promote": ("promote", "Put an artifact into a stage, if it satisfies what is asked there."),
    "revoke": ("revoke", "Say that bytes or a key are not to be trusted any more."),
    "override": ("override", "Make an exception for one version of an artifact, for a while."),
    "status": ("status", "Show the project, its policy, ledger and keys."),
    "lineage": ("lineage", "Show what an artifact was made from."),
    "impact": ("impact", "Show what was made from an artifact."),
    "run": ("run", "Run a notebook supervised, from its first cell to its last."),
    "replay": ("replay", "Run a notebook's last run again, and see whether it makes the same."),
    "kernels": ("kernels", "Install and list supervised kernels."),
    "exec": ("exec", "Run any command supervised: another process decides its file opens."),
    "export": ("export", "Write what is known for other people's tools."),
    "log": ("log", "Show, verify and prove the ledger."),
    "keys": ("keys", "List, make, import, export and rotate keys."),
    "policy": ("policy", "Check, explain and trust the policy."),
}

_HERE = frozenset({None, "exec", "run", "kernels", "scan"})
"""Commands that need neither ledger nor keys themselves, so that they do the same inside a supervised tree."""


class _LazyGroup(click.Group):
    """Looks commands up in the table, so that ``--help`` imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        row = _COMMANDS.get(name)
        if row is None:
            return None
        import importlib

        command: click.Command = importlib.import_module(f"jupyter_mlsc.cli.{row[0]}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, row[1]) for name, row in _COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as err:
            import difflib

            near = difflib.get_close_matches(args[0], _COMMANDS, 1)
            if near:
                raise click.UsageError(f"No such command {args[0]!r}. Did you mean {near[0]!r}?", ctx) from err
            raise


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--policy", "policy", metavar="FILE", help="Trust this policy instead of the project's own.")
@click.option("--json", "json", is_flag=True, help="Print one JSON document on stdout, and nothing else.")
@click.option("--quiet", "-q", is_flag=True, help="Print no progress and no advice.")
@click.version_option(package_name="jupyter_mlsc", prog_name="mlsc")
def _root(**given: Any) -> None:
    """A safe place to touch data and models: hash, check, sign, record.

    Start with `mlsc init`, then `mlsc sign data/train.csv` and `mlsc verify data`. Exit codes: 0 fine, 1 blocked or a check failed,
    2 wrong usage or bad policy, 3 it could not be done.
    """
    click.get_current_context().obj = given


def run_inside(given: list[str]) -> int:
    """The command line in a process that may have a supervisor: what reads the record is carried out there, and printed here as it is."""
    from jupyter_mlsc import inside

    command = next((each for each in given if not each.startswith("-")), None)
    options = given[: given.index("--")] if "--" in given else given
    if command in _HERE or not {"-h", "--help", "--version"}.isdisjoint(options) or not inside.is_supervised(os.environ):
        return run(given)
    try:
        done = inside.command(given)
    except _foreseeable() as err:
        return _tell(err.exit_code, f"mlsc: {err}", type(err).__name__, err.message, _next_of(err), as_json="--json" in options)
    if done.err:
        output.message(done.err.decode().removesuffix("\n"))
    if done.out:
        output.result(done.out.decode())
    return done.code


def run(given: list[str]) -> int:
    """Run the command line. Returns the exit code; errors are told on stderr, and on stdout as JSON where ``--json`` asks for it."""
    options = given[: given.index("--")] if "--" in given else given
    as_json = "--json" in options
    try:
        returned = _root.main(given, prog_name="mlsc", standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as err:
        shown = io.StringIO()
        err.show(shown)
        return _tell(err.exit_code, shown.getvalue().rstrip(), "UsageError", err.format_message(), _help_for(err), as_json=as_json)
    except (click.Abort, KeyboardInterrupt):
        return _tell(INTERRUPTED, "interrupted: nothing more was done", "Interrupted", "interrupted: nothing more was done", None, as_json=as_json)
    except _foreseeable() as err:
        return _tell(err.exit_code, f"mlsc: {err}", type(err).__name__, err.message, _next_of(err), as_json=as_json)
    return returned if isinstance(returned, int) else 0


def _foreseeable() -> type[MlscError]:
    """Looked up only when something was raised: `mlsc --help` imports nothing but click."""
    from jupyter_mlsc.errors import MlscError

    return MlscError


def _tell(code: int, shown: str, kind: str, message: str, next_step: str | None, *, as_json: bool) -> int:
    """Say what went wrong, on stderr for a person and, where ``--json`` asked for it, on stdout for a program."""
    output.message(shown)
    if as_json:
        with contextlib.suppress(_foreseeable()):  # stdout itself may be what failed; stderr has said so
            output.document({"ok": False, "error": {"type": kind, "message": message, "next": next_step}})
    return code


def _next_of(err: MlscError) -> str | None:
    from jupyter_mlsc.errors import BlockedArtifactError

    if isinstance(err, BlockedArtifactError):
        return next((reason.next for reason in err.verdict.reasons if reason.fails), None)
    return err.next_step


def _help_for(err: click.ClickException) -> str | None:
    context = err.ctx if isinstance(err, click.UsageError) else None
    return None if context is None else f"see: {context.command_path} --help"
