"""``mlsc verify``: hash afresh and judge, as a person, a CI job or a code scanning page wants to read it."""

from __future__ import annotations

from pathlib import Path

import click

from jupyter_mlsc.cli.options import Options, globals_too
from jupyter_mlsc.cli.output import result
from jupyter_mlsc.verdict import Mode


@click.command("verify")
@click.argument("paths", nargs=-1, type=click.Path())
@click.option("--full", is_flag=True, help="Compute every digest that a statement carries, on one core each.")
@click.option("--sarif", is_flag=True, help="Print a SARIF 2.1.0 log on stdout, and nothing else.")
@globals_too
def command(options: Options, paths: tuple[str, ...], full: bool, sarif: bool) -> int:
    """Hash PATHS afresh and judge them by the policy; without PATHS, all that the policy governs.

    A folder that was signed as a tree is judged as a tree, any other by the governed files in it. A notebook is judged by what its last run
    read and wrote, and its cells are compared with the code that ran. Exit code 1 when a verdict is
    `block`, and in `enforce` when no run of a notebook is known.
    """
    from jupyter_mlsc.display import verdict_document, verdict_text

    project = options.project(*paths)
    project.require_trusted()
    verdicts, stories = project.verify_with_stories([Path(p) for p in paths], full=full, progress=options.progress)
    options.notes(project)
    # Of a notebook that no run is known of, nothing can be vouched for.
    ok = all(v.allowed for v in verdicts) and (project.policy.mode is not Mode.ENFORCE or all(story.run for story in stories))
    if sarif:
        from importlib.metadata import version

        from jupyter_mlsc.export.sarif import sarif_log

        result(sarif_log(verdicts, version("jupyter_mlsc")) + "\n")
        return 0 if ok else 1
    for verdict in verdicts:
        options.say(verdict_text(verdict))
    more = {}
    if stories:
        from jupyter_mlsc.story_text import story_document, story_lines

        for story in stories:
            options.say("\n".join(story_lines(story)))
        more = {"notebooks": [story_document(story) for story in stories]}
    if not verdicts and not stories:
        options.advise("nothing here is governed by the policy")
    options.document({"ok": ok, "mode": str(project.policy.mode), "artifacts": [verdict_document(v) for v in verdicts], **more})
    return 0 if ok else 1
