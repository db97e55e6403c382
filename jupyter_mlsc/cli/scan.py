"""``mlsc scan``: what is dangerous in models, data, notebooks and the small files beside them, in a project or anywhere else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jupyter_mlsc.cli.options import Options, globals_too, passphrases
from jupyter_mlsc.cli.output import result

if TYPE_CHECKING:
    from jupyter_mlsc.scan.finding import Scanned


@click.command("scan")
@click.argument("paths", nargs=-1, type=click.Path())
@click.option("--environment", is_flag=True, help="Look at a Python environment, too: this one, or that of --prefix.")
@click.option("--prefix", metavar="FOLDER", help="The environment to look at, by its folder (the one that holds lib/pythonX.Y).")
@click.option("--advisories", metavar="DATABASE", help="Known vulnerabilities: a folder or zip of OSV records; or osv or pypi, which asks that service.")
@click.option("--bytecode", is_flag=True, help="Hold the environment's bytecode against its source, too: everything is compiled again.")
@click.option("--personal", is_flag=True, help="Look for personal data in notebooks, too.")
@click.option("--redact", metavar="COPY", help="Write a copy of the one notebook that is named, in which its secrets are replaced.")
@click.option("--accept", "codes", multiple=True, metavar="CODE", help="Accept this finding for exactly these bytes, with your vouching key.")
@click.option("--why", default="", metavar="TEXT", help="Why what is accepted is harmless.")
@click.option("--key", "key", metavar="NAME", help="Which vouching key to accept with, where the policy names several.")
@click.option("--sarif", is_flag=True, help="Print a SARIF 2.1.0 log on stdout, and nothing else.")
@globals_too
def command(
    options: Options,
    paths: tuple[str, ...],
    environment: bool,
    prefix: str | None,
    advisories: str | None,
    bytecode: bool,
    personal: bool,
    redact: str | None,
    codes: tuple[str, ...],
    why: str,
    key: str | None,
    sarif: bool,
) -> int:
    """Look into PATHS, files and all files of folders, for what runs code or reaches out when it is loaded.

    Nothing is loaded, and what a file is comes from its bytes. Works anywhere; in a project the names that its policy allows to be unpickled are no
    findings, and results are recorded. Exit code 1 when a finding is high or critical.
    """
    from jupyter_mlsc.findings_shown import scanned_document, scanned_lines
    from jupyter_mlsc.scan.finding import Scanned

    if not paths and not environment:
        raise click.UsageError("Missing argument 'PATHS...', or --environment.")
    if not environment and (prefix or advisories or bytecode):
        raise click.UsageError("--prefix, --advisories and --bytecode are about an environment: add --environment.")
    if redact is not None:
        return _redacted(options, paths, redact)
    if codes:
        _accept(options, [Path(p) for p in paths], codes, why, key, told=not sarif)
    scanned = _files(options, [Path(p) for p in paths], frozenset(("personal",)) if personal else frozenset()) if paths else Scanned((), 0)
    if environment:
        about = _environment(options, Path(prefix) if prefix else None, advisories, bytecode=bytecode)
        scanned = Scanned((*scanned.findings, *about.findings), scanned.files, "file", scanned.accepted) if paths else about
    if sarif:
        from importlib.metadata import version

        from jupyter_mlsc.export.sarif import findings_log

        result(findings_log(scanned.findings, version("jupyter_mlsc"), accepted=scanned.accepted) + "\n")
        return 0 if scanned.ok else 1
    for line in scanned_lines(scanned):
        options.say(line)
    options.document(scanned_document(scanned))
    return 0 if scanned.ok else 1


def _redacted(options: Options, paths: tuple[str, ...], copy: str) -> int:
    from jupyter_mlsc.verbs.redacting import redact

    if len(paths) != 1:
        raise click.UsageError("--redact is about one notebook: name one.")
    taken = redact(Path(paths[0]), Path(copy))
    for where, what in taken:
        options.say(f"{where}: {what}: replaced")
    options.say(f"{copy}: a copy of {paths[0]} without {len(taken)} secret{'s' if len(taken) != 1 else ''}")
    if taken:
        options.advise(f"next: {paths[0]} still has them: put the copy in its place, and change the secrets where they are used")
    options.document({"ok": True, "copy": copy, "redacted": [{"where": where, "what": what} for where, what in taken]})
    return 0


def _accept(options: Options, paths: list[Path], codes: tuple[str, ...], why: str, key: str | None, *, told: bool) -> None:
    project = options.project(*paths)
    for path in paths:
        decided = project.accept(path, codes, why=why, channel="terminal", passphrases=passphrases(), key=key)
        if told:
            options.say(f"accepted for {decided.path} by {decided.signer}: {decided.why}")


def _environment(options: Options, prefix: Path | None, advisories: str | None, *, bytecode: bool) -> Scanned:
    from jupyter_mlsc.project_root import enclosing_project

    if not _is_supervised() and (options.policy is not None or enclosing_project(Path(os.curdir)) is not None):
        project = options.project()
        options.notes(project)
        return project.inspect(os.environ, prefix=prefix, database=advisories, bytecode=bytecode, progress=options.progress)
    from jupyter_mlsc.verbs.inspecting import inspect

    return inspect(None, prefix=prefix, database=advisories, environ=os.environ, bytecode=bytecode, progress=options.progress)


def _files(options: Options, paths: list[Path], also: frozenset[str]) -> Scanned:
    if options.policy is not None or (not _is_supervised() and any(_is_in_project(path) for path in (*paths, Path(os.curdir)))):
        project = options.project(*paths)
        options.notes(project)
        return project.scan(paths, also=also, progress=options.progress)
    from jupyter_mlsc.verbs.scanning import scan

    return scan(paths, also=also, progress=options.progress)


def _is_in_project(path: Path) -> bool:
    """Whether there is a policy at or above a path; looked for without what a project is made of, so that a scan elsewhere starts quickly."""
    start = os.path.abspath(path)
    while True:
        if os.path.isfile(os.path.join(start, "mlsc.toml")):
            return True
        above = os.path.dirname(start)
        if above == start:
            return False
        start = above


def _is_supervised() -> bool:
    if "MLSC_SUPERVISED" not in os.environ:
        return False
    from jupyter_mlsc.inside import is_supervised

    return is_supervised(os.environ)
