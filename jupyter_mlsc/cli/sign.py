"""``mlsc sign``: a person stands for these bytes."""

from __future__ import annotations

from pathlib import Path

import click

from jupyter_mlsc.cli.options import Options, globals_too, passphrases


@click.command("sign")
@click.argument("paths", nargs=-1, required=True, type=click.Path())
@click.option(
    "--kind", type=click.Choice(["dataset", "model", "notebook", "environment", "config"]), help="What the artifact is; by default what the rule says."
)
@click.option("--note", default="", metavar="TEXT", help="A sentence for reviewers; it becomes part of the statement.")
@click.option("--key", "key", metavar="NAME", help="Which vouching key to sign with, where the policy names several.")
@globals_too
def command(options: Options, paths: tuple[str, ...], kind: str | None, note: str, key: str | None) -> int:
    """Sign PATHS: say with your key that these bytes, under these names, are what they should be.

    A folder is signed as one tree, every file of it. The statement goes to the ledger and to .mlsc/claims, which travels with git.
    Signing mlsc.toml signs a change of the policy.
    """
    from jupyter_mlsc.display import profile_lines, short, signing_advice
    from jupyter_mlsc.predicates import to_predicate
    from jupyter_mlsc.trust import POLICY_FILE
    from jupyter_mlsc.verdict import printable

    project = options.project(*paths)
    signed = project.sign([Path(p) for p in paths], kind=kind, note=note, channel="terminal", passphrases=passphrases(), key=key, progress=options.progress)
    for each in signed:
        options.say(
            f"signed {printable(each.path)} as a {each.kind} · {short(each.digest)} · by {each.signer}"
            + (f" · ledger entry {each.index}" if each.index is not None else "")
        )
        for line in profile_lines(each):
            options.say(line)
        advice = signing_advice(each)
        if advice:
            options.advise("\n".join(advice))
    # A change of the policy that was signed just now is no longer one that waits for acceptance.
    options.notes(project, besides="policy-changed" if signed[0].path == POLICY_FILE else None)
    options.document(
        {
            "ok": True,
            "signed": [
                {
                    "path": s.path,
                    "digest": str(s.digest),
                    "kind": s.kind,
                    "signer": s.signer,
                    "key": s.key,
                    "index": s.index,
                    "profile": None if s.profile is None else to_predicate(s.profile),
                    "unprofiled": s.unprofiled or None,
                }
                for s in signed
            ],
        }
    )
    return 0
