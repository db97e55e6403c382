"""A replay for a person and for a program: what came out the same, what did not and by how much. Everything from outside is escaped; nothing decides."""

from __future__ import annotations

from typing import Any

from jupyter_mlsc import predicates
from jupyter_mlsc.coverage import MEANINGS
from jupyter_mlsc.display import SHOWN_DIGITS, short
from jupyter_mlsc.replays import DIFFERS, EQUAL, MISSING, WITHIN, DifferenceBody, ReplayedOutput
from jupyter_mlsc.results import Replayed
from jupyter_mlsc.verdict import printable

_SHOWN = 8
_ORDERS = {"recorded": "the cells in the order in which they had run", "document": "the cells as they stand in the notebook"}


def replay_lines(replayed: Replayed) -> list[str]:
    """What a person reads."""
    body = replayed.body
    said = {EQUAL: "the same", WITHIN: f"the same within {body.tolerance}", DIFFERS: "not the same", MISSING: "not the same"}[body.result]
    by = f", signed by {printable(replayed.signer)}" if replayed.signer else ", signed by a key that the policy does not name"
    lines = [
        f"{'✓' if replayed.is_same else '✗'} {printable(body.notebook.name)}: {said}",
        f"    run {body.of[:SHOWN_DIGITS]} again, {body.facts.tier}: {_ORDERS[body.order]}, on the recorded inputs",
        *(f"    {_output(each, replayed)}" for each in body.outputs),
    ]
    if body.failed is not None or replayed.error is not None:
        lines.append(f"    failed: {printable(body.failed or 'the kernel')}, which had not when it was recorded: {_last_line(replayed.error)}")
    lines += [f"    read besides: {printable(name)}" for name in body.besides]
    lines += [f"    not seen: {count} {MEANINGS.get(code, printable(code))}" for code, count in sorted(body.coverage.items())]
    if replayed.other_versions:
        more = len(replayed.other_versions) - _SHOWN
        lines.append(f"    other versions: {printable(', '.join(replayed.other_versions[:_SHOWN]))}" + (f" and {more} more" if more > 0 else ""))
    lines.append(f"    stated{by}" + (f" · ledger entry {replayed.index}" if replayed.index is not None else ""))
    if replayed.kept is not None:
        lines.append(f"    kept in {printable(replayed.kept)}")
    return lines


def _output(output: ReplayedOutput, replayed: Replayed) -> str:
    name = printable(output.name)
    if output.result == EQUAL:
        return f"{name}: the same bytes · {short(output.digest)}"
    if output.result == MISSING:
        return f"{name}: was not written · it was {short(output.digest)}"
    came = f"{short(output.digest)} → {short(output.replayed)}"
    if output.difference is None:
        return f"{name}: other bytes · {came} · by how much cannot be told: {printable(replayed.why_not.get(output.name, ''))}"
    if output.result == WITHIN:
        return f"{name}: the same within {replayed.body.tolerance} · {came} · {_by(output.difference)}"
    if output.difference.values == 0:
        return f"{name}: the same values in other bytes · {came} · accepted with --tolerance 0"
    return f"{name}: differs · {came} · {_by(output.difference)}"


def _by(difference: DifferenceBody) -> str:
    if difference.values == 0:
        return "no value differs" if difference.largest is None else f"the largest difference is {difference.largest:.3g}{_at(difference)}"
    count = f"{difference.values} value{'s differ' if difference.values > 1 else ' differs'}"
    return count + (f", the largest by {difference.largest:.3g}" if difference.largest is not None else "") + _at(difference)


def _at(difference: DifferenceBody) -> str:
    return f" at {printable(difference.where)}" if difference.where else ""


def _last_line(error: str | None) -> str:
    return printable((error or "").strip().rpartition("\n")[2])


def replay_document(replayed: Replayed) -> dict[str, Any]:
    """``mlsc replay --json``: the statement's body, how it was stated, and what only this machine knows."""
    return {
        "ok": replayed.is_same,
        "result": replayed.body.result,
        **predicates.to_predicate(replayed.body),
        "signer": replayed.signer,
        "index": replayed.index,
        "not_comparable": dict(replayed.why_not),
        "other_versions": list(replayed.other_versions),
        "error": replayed.error,
        "kept": replayed.kept,
    }
