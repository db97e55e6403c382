"""``mlsc impact``: what was made from an artifact."""

from __future__ import annotations

import click

from jupyter_mlsc.cli.options import GRAPH_FORMATS, Options, globals_too, tell_graph


@click.command("impact")
@click.argument("reference", metavar="PATH|DIGEST")
@click.option("--depth", type=click.IntRange(0, 100), default=8, show_default=True, help="How many levels on.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(GRAPH_FORMATS),
    default="text",
    show_default=True,
    help="A tree, the source of a drawing, or a drawing by Graphviz.",
)
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=1_000, show_default=True, help="At most so many artifacts.")
@click.option("-o", "--output", metavar="OUT", help="Write it to this file.")
@globals_too
def command(options: Options, reference: str, depth: int, format_name: str, limit: int, output: str | None) -> int:
    """Show what was made from an artifact, and from that, by which run and cell. Only the bytes count, whatever name they were read under."""
    from jupyter_mlsc.export.graphs import impact_drawing
    from jupyter_mlsc.graph_documents import impact_document
    from jupyter_mlsc.trees import impact_lines

    project = options.project_of(reference)
    impact = project.impact(reference, depth=depth, limit=limit)
    options.notes(project)
    tell_graph(options, format_name, lambda: impact_lines(impact), lambda: impact_drawing(impact), f"What was made from {impact.artifact.path}", output)
    options.document(impact_document(impact))
    return 0
