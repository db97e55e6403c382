"""``mlsc export``: what is known, in other people's formats."""

from __future__ import annotations

from pathlib import Path

import click

from jupyter_mlsc.cli.options import Options, globals_too, write_file
from jupyter_mlsc.cli.output import result


@click.command("export")
@click.argument("path", type=click.Path())
@click.option("--format", "format_name", type=click.Choice(["oms"]), required=True, help="oms: an OpenSSF Model Signing bundle.")
@click.option("-o", "--output", metavar="OUT", help="Where to; '-' is stdout. By default FILE.sig, or model.sig in a folder.")
@globals_too
def command(options: Options, path: str, format_name: str, output: str | None) -> int:
    """Write the signature of PATH for other tools. The artifact is hashed afresh, and must be what was signed.

    Check it with: model_signing verify key PATH --signature FILE.sig --public_key KEY.pem (mlsc keys export prints the key).
    """
    project = options.project(path)
    project.require_trusted()
    target = Path(path)
    options.notes(project)
    place = output or str(project.place_for_oms(target))
    data = project.export_oms(target, progress=options.progress)
    if place == "-":
        result(data.decode())
        return 0
    write_file(place, data)
    options.say(f"wrote {place}")
    options.document({"ok": True, "path": path, "format": format_name, "output": place})
    return 0
