"""``mlsc impact``: what was made from an artifact."""

from __future__ import annotations

import click

from jupyter_mlsc.cli.options import GRAPH_FORMATS, Options, globals_too


@click.command("impact")
@click.argument("reference", metavar="PATH|DIGEST")
@click.option("--depth", type=click.IntRange(0, 100), default=8, show_default=True, help="How many levels on.")
@click.option("--format", "format_name", type=click.Choice(GRAPH_FORMATS), default="text", show_default=True, help="A tree, or the source of a drawing.")
@globals_too
def command(options: Options, reference: str, depth: int, format_name: str) -> int:
    """Show what was made from an artifact, and from that, by which run and cell. Only the bytes count, whatever name they were read under."""
    from jupyter_mlsc.export.graphs import impact_drawing
    from jupyter_mlsc.trees import impact_document, impact_lines

    project = options.project_of(reference)
    impact = project.impact(reference, depth=depth)
    options.notes(project)
    options.say("\n".join(impact_lines(impact)) if format_name == "text" else impact_drawing(impact).text(format_name))
    options.document(impact_document(impact))
    return 0
