"""``mlsc policy``: check the file, explain a verdict, accept a version."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jupyter_mlsc.cli.options import Options, globals_too

if TYPE_CHECKING:
    from jupyter_mlsc.policy import Explanation


@click.group("policy")
def command() -> None:
    """Check, explain and trust the policy."""


@command.command("check")
@globals_too
def check(options: Options) -> int:
    """Parse the policy strictly and say what it asks. Exit code 2 names the line of a mistake."""
    from jupyter_mlsc.policy.differences import differences
    from jupyter_mlsc.project_root import find_root
    from jupyter_mlsc.trust import POLICY_FILE, parse_checked, read_policy_file

    file = options.policy or find_root(Path()) / POLICY_FILE
    layer = parse_checked(read_policy_file(file), str(options.policy or POLICY_FILE), "project")
    options.say(f"✓ {options.policy or POLICY_FILE} is sound")
    asked = differences(None, layer)
    for line in asked:
        options.say(f"  {line}")
    options.document({"ok": True, "digest": layer.digest, "mode": str(layer.mode), "asks": asked})
    return 0


@command.command("explain")
@click.argument("path", type=click.Path())
@click.option("--supervised", is_flag=True, help="Say what `mlsc exec` would do when something opens PATH, whether a rule governs it or not.")
@globals_too
def explain(options: Options, path: str, supervised: bool) -> int:
    """Say which rule decides about PATH, which statements there are, which of them count, and why."""
    from jupyter_mlsc.display import explanation_lines

    if supervised:
        return _explain_supervised(options, path)
    project = options.project(path)
    explanation = project.explain(Path(path))
    options.notes(project)
    options.say("\n".join(explanation_lines(explanation)))
    options.document(_explanation_document(explanation))
    return 0 if explanation.verdict.allowed else 1


def _explain_supervised(options: Options, path: str) -> int:
    from jupyter_mlsc.sandbox.explain import explain as explain_supervised

    project = options.project()
    told = explain_supervised(project, Path(path))
    governed = project.is_governed(Path(path)) and Path(path).is_file()
    verdict = project.explain(Path(path)).verdict if governed else None
    options.notes(project)
    if verdict is not None:
        from jupyter_mlsc.display import verdict_text

        options.say(verdict_text(verdict))
    options.say("\n".join(told.lines()))
    options.document(told.document() | ({} if verdict is None else {"verdict": str(verdict.decision)}))
    refused = told.read.way == "refuse" or (verdict is not None and not verdict.allowed)
    return 1 if refused else 0


@command.command("trust")
@click.option("--yes", is_flag=True, help="Accept without being asked.")
@globals_too
def trust(options: Options, yes: bool) -> int:
    """Show what is new in this project's mlsc.toml, and accept it after a yes.

    The accepted version is kept in your own folder (MLSC_HOME); a later change of the file does not count before it is accepted too. A
    ledger that was replaced is accepted with it.
    """
    from jupyter_mlsc.bookkeeping import Bookkeeper
    from jupyter_mlsc.home import Home
    from jupyter_mlsc.keys import KeyStore
    from jupyter_mlsc.policy import AcceptedPolicies, parse_policy
    from jupyter_mlsc.policy.differences import differences
    from jupyter_mlsc.project_root import find_root
    from jupyter_mlsc.trust import POLICY_FILE, counts_here, parse_checked, read_policy_file
    from jupyter_mlsc.verdict import printable

    root = find_root(Path())
    home = Home.find(os.environ, project=root)
    text = read_policy_file(root / POLICY_FILE)
    layer = parse_checked(text, POLICY_FILE, "project")
    assert layer.project_id is not None  # the parser asks for it
    kept = AcceptedPolicies(home.accepted)
    accepted = kept.current(layer.project_id)
    books = Bookkeeper(root, home, KeyStore(home))
    replaced = [fault for fault in books.faults if fault.code == "ledger-replaced"]
    known_here = kept.project_at(root)
    moved = not counts_here(root, known_here, layer.project_id)
    if accepted is not None and accepted.digest == layer.digest and not replaced and not moved:
        options.say(f"{POLICY_FILE} is the version that you accepted on {accepted.accepted_at:%Y-%m-%d}: nothing to do")
        options.document({"ok": True, "accepted": True, "changes": []})
        return 0
    old = None if accepted is None else parse_policy(accepted.text, POLICY_FILE, "project")
    changes = differences(old, layer)
    changes += [f"ledger: {fault.message}" for fault in replaced]
    if moved:
        was = "lies inside another project" if known_here is None else f"was {known_here}"
        changes.append(f"project: this folder {was}, now it says that it is {layer.project_id}")
    options.say(f"new in {POLICY_FILE}:" if old is not None else f"{POLICY_FILE}, which you have not accepted before:")
    for line in changes:
        options.say(f"  {printable(line)}")
    if not yes and not _asked(options):
        options.advise("nothing was accepted; to accept it: mlsc policy trust --yes")
        options.document({"ok": False, "accepted": False, "changes": changes})
        return 2
    home.make()
    if replaced:
        books.accept_replacement()
    ledger = books.ledger
    counter = 1 if accepted is None else accepted.counter + (accepted.digest != layer.digest)
    kept.accept(layer.project_id, text, counter, None if ledger is None else ledger.origin, datetime.now(UTC))
    kept.settle(root, layer.project_id)
    options.say("accepted")
    options.document({"ok": True, "accepted": True, "changes": changes})
    return 0


def _asked(options: Options) -> bool:
    """A yes on a terminal; on anything else nobody is asked."""
    if options.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return click.confirm("accept this policy?", default=False, err=True)


def _explanation_document(explanation: Explanation) -> dict[str, Any]:
    from jupyter_mlsc.display import verdict_document

    return {
        "verdict": verdict_document(explanation.verdict),
        "layers": [
            {
                "name": layer.name,
                "file": layer.file,
                "digest": layer.digest,
                "accepted": layer.accepted,
                "rules": [
                    {
                        "line": rule.line,
                        "match": list(rule.match),
                        "asks": list(rule.asks),
                        "mode": str(rule.mode),
                        "statements": [
                            {
                                "source": claim.source,
                                "predicate_type": claim.predicate_type,
                                "signers": list(claim.signers),
                                "signed_at": None if claim.signed_at is None else claim.signed_at.isoformat(),
                                "counted": claim.counted,
                                "outcome": claim.outcome,
                                "why": claim.why,
                            }
                            for claim in rule.claims
                        ],
                        "reasons": [r.code for r in rule.reasons],
                    }
                    for rule in layer.rules
                ],
            }
            for layer in explanation.layers
        ],
    }
