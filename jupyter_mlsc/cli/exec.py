"""``mlsc exec``: run any command tree under supervision."""

from __future__ import annotations

import contextlib
import os

import click

from jupyter_mlsc.cli.options import Options, globals_too


@click.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED, metavar="[--] CMD...")
@globals_too
def command(options: Options, arguments: tuple[str, ...]) -> int:
    """Run CMD so that another process decides every file that it opens.

    A governed file that nobody vouched for cannot be read, in any library or language; what is written is hashed, signed and recorded. Exits with the
    command's own status, 125 when supervision failed.
    """
    from jupyter_mlsc.inside import is_supervised
    from jupyter_mlsc.sandbox.boot import Spec, command_line, without_secrets
    from jupyter_mlsc.sandbox.jupyter_homes import prepare_for

    if is_supervised(os.environ):
        # The supervisor around this process serves the command, too.
        return _become(arguments[0], list(arguments), dict(os.environ))
    with contextlib.suppress(OSError):  # then the command says what it lacks
        prepare_for(arguments, os.environ)
    started = command_line(Spec(arguments, os.getcwd(), None if options.policy is None else str(options.policy.absolute())))
    return _become(started[0], started, without_secrets(os.environ))


def _become(program: str, argv: list[str], environ: dict[str, str]) -> int:
    """In this process's place: the command's status is the supervisor's, and a signal needs nobody in between. Returns only by raising UsageError."""
    try:
        os.execvpe(program, argv, environ)  # noqa: S606  # the command that a person named, or this interpreter, isolated
    except OSError as err:
        from jupyter_mlsc.errors import UsageError

        raise UsageError(f"{program} could not be executed: {err.strerror}", next_step="check the command's name and PATH") from err
