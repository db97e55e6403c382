"""``mlsc override``: an exception for one version of an artifact, for a while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from jupyter_mlsc.cli.options import Options, globals_too, passphrases, tell_decision


@click.command("override")
@click.argument("path", type=click.Path())
@click.option("--why", required=True, metavar="TEXT", help="Why it may be used although it fails.")
@click.option("--until", required=True, metavar="DATE", help="When it ends: a date (its end, in UTC) or a date and time with its zone.")
@click.option("--key", "key", metavar="NAME", help="Which vouching key to sign with, where the policy names several.")
@globals_too
def command(options: Options, path: str, why: str, until: str, key: str | None) -> int:
    """Let PATH be used until DATE, exactly as it is now, although it fails what its rule asks.

    The policy says who may, in [override]; nobody may where it says nothing. What is revoked or tampered with is no matter of exceptions. Exit
    code 1 when you may not: then nothing is signed.
    """
    project = options.project(path)
    ends = _moment(until)
    return tell_decision(options, project, project.override(Path(path), why=why, until=ends, channel="terminal", passphrases=passphrases(), key=key))


def _moment(text: str) -> datetime:
    from jupyter_mlsc.errors import UsageError

    step = "write 2026-12-31 for the end of that day, or 2026-12-31T12:00Z"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as err:
        raise UsageError(f"{text!r} is no date", next_step=step) from err
    if len(text) <= len("2026-12-31"):
        return moment.replace(tzinfo=UTC) + timedelta(days=1)
    if moment.tzinfo is None:
        raise UsageError(f"{text} does not say in which time zone", next_step=step)
    return moment.astimezone(UTC)
