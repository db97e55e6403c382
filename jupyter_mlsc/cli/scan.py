"""``mlsc scan``: what is dangerous in models, data, notebooks and the small files beside them, in a project or anywhere else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jupyter_mlsc.cli.options import Options, globals_too
from jupyter_mlsc.cli.output import result

if TYPE_CHECKING:
    from jupyter_mlsc.results import Scanned


@click.command("scan")
@click.argument("paths", nargs=-1, type=click.Path())
@click.option("--environment", is_flag=True, help="Look at the Python environment that this runs in, too.")
@click.option("--sarif", is_flag=True, help="Print a SARIF 2.1.0 log on stdout, and nothing else.")
@globals_too
def command(options: Options, paths: tuple[str, ...], environment: bool, sarif: bool) -> int:
    """Look into PATHS, files and all files of folders, for what runs code or reaches out when it is loaded.

    Nothing is loaded, and what a file is comes from its bytes. Works anywhere; in a project the names that its policy allows to be unpickled are no
    findings, and results are recorded. Exit code 1 when a finding is high or critical.
    """
    from jupyter_mlsc.findings_shown import scanned_document, scanned_lines
    from jupyter_mlsc.results import Scanned

    if not paths and not environment:
        raise click.UsageError("Missing argument 'PATHS...', or --environment.")
    scanned = _files(options, [Path(p) for p in paths]) if paths else Scanned((), 0)
    if environment:
        from jupyter_mlsc.verbs.scanning import scan_environment

        about = scan_environment()
        scanned = Scanned((*scanned.findings, *about.findings), scanned.files)
    if sarif:
        from importlib.metadata import version

        from jupyter_mlsc.export.sarif import findings_log

        result(findings_log(scanned.findings, version("jupyter_mlsc")) + "\n")
        return 0 if scanned.ok else 1
    for line in scanned_lines(scanned):
        options.say(line)
    options.document(scanned_document(scanned))
    return 0 if scanned.ok else 1


def _files(options: Options, paths: list[Path]) -> Scanned:
    from jupyter_mlsc.project_state import enclosing_project

    if options.policy is not None or (not _is_supervised() and any(enclosing_project(path) is not None for path in (*paths, Path(os.curdir)))):
        project = options.project(*paths)
        options.notes(project)
        return project.scan(paths, progress=options.progress)
    from jupyter_mlsc.verbs.scanning import scan

    return scan(paths, progress=options.progress)


def _is_supervised() -> bool:
    if "MLSC_SUPERVISED" not in os.environ:
        return False
    from jupyter_mlsc.inside import is_supervised

    return is_supervised(os.environ)
