"""Verdicts, decisions and saves as text and as HTML, the same words in both.

Rules kept: everything that comes from outside (names, notes, reasons) is escaped; colour never carries a meaning alone; nothing decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from jupyter_mlsc import decisions, predicates
from jupyter_mlsc.policy.explain import Explanation
from jupyter_mlsc.results import Decided, Saved, Signed
from jupyter_mlsc.verdict import Decision, Verdict, printable

WORDS = {Decision.ALLOW: "allowed", Decision.WARN: "warning", Decision.BLOCK: "blocked"}
MARKS = {Decision.ALLOW: "✓", Decision.WARN: "!", Decision.BLOCK: "✗"}
_COLOURS = {Decision.ALLOW: "#1a7f37", Decision.WARN: "#9a6700", Decision.BLOCK: "#cf222e"}

TIERS = {
    "guarded": "guarded: stops hostile artifacts and honest mistakes, not notebook code that sets out to undo it",
    "supervised": "supervised: another process decides every file open and keeps the record",
}
"""What each tier promises, in one line."""

SHOWN_DIGITS = 12
"""Hex digits of a digest that a person is shown; the whole digest stands in JSON and in the title of the HTML."""


def short(digest: object) -> str:
    """A digest for a person's eyes."""
    text = str(digest)
    algorithm, _, value = text.partition(":")
    return f"{algorithm}:{value[:SHOWN_DIGITS]}…" if len(value) > SHOWN_DIGITS else text


def verdict_lines(verdict: Verdict) -> list[str]:
    """One line for what it is, then two for each reason."""
    who = ", ".join(dict.fromkeys(f"{s.identity or s.key[:SHOWN_DIGITS]} ({s.at[:10]})" for s in verdict.signers))
    facts = [verdict.kind or "", short(verdict.digest) if verdict.digest else "", f"signed by {who}" if who else ""]
    lines = [f"{MARKS[verdict.decision]} {printable(verdict.path)}: {WORDS[verdict.decision]}" + "".join(f" · {f}" for f in facts if f)]
    lines += [f"    {line}" for line in decision_lines(verdict)]
    for item in verdict.reasons:
        lines.append(f"    why:  {printable(item.message)} [{item.code}]")
        lines.append(f"    next: {printable(item.next)}")
    return lines


def decision_lines(verdict: Verdict) -> list[str]:
    """What persons decided for an artifact; what they decided against it is among the reasons, with the same words."""
    lines = []
    for seen in verdict.decisions:
        if seen.decision in (decisions.APPROVED, decisions.PROMOTED):
            origin = f" from {printable(seen.about)}" if seen.about else ""
            lines.append(f"{seen.decision}{origin} by {printable(seen.by)} ({seen.at[:10]})" + (f": {printable(seen.why)}" if seen.why else ""))
    return lines


def verdict_text(verdict: Verdict) -> str:
    """A verdict as plain text."""
    return "\n".join(verdict_lines(verdict))


def verdict_html(verdict: Verdict) -> str:
    """A verdict as one card of HTML without scripts or remote resources."""
    colour = _COLOURS[verdict.decision]
    who = ", ".join(dict.fromkeys(escape(f"{s.identity or s.key[:SHOWN_DIGITS]}, {s.at[:10]}") for s in verdict.signers))
    head = (
        f'<b style="color:{colour}">{MARKS[verdict.decision]} {WORDS[verdict.decision]}</b> <code>{escape(printable(verdict.path))}</code>'
        + (f" · {escape(verdict.kind)}" if verdict.kind else "")
        + (f' · <span title="{escape(str(verdict.digest))}"><code>{escape(short(verdict.digest))}</code></span>' if verdict.digest else "")
        + (f" · signed by {who}" if who else "")
    )
    rows = "".join(
        f"<li>{escape(printable(r.message))} <code>{escape(r.code)}</code><br><i>next:</i> {escape(printable(r.next))}</li>" for r in verdict.reasons
    )
    rows = "".join(f"<li>{escape(line)}</li>" for line in decision_lines(verdict)) + rows
    body = f'<ul style="margin:4px 0 0 0">{rows}</ul>' if rows else ""
    return f'<div style="border-left:4px solid {colour};padding:2px 10px;margin:4px 0">{head}{body}</div>'


@dataclass(frozen=True)
class Shown:
    """A value that displays itself as text, as HTML and, where there is one, as a drawing in a notebook; ``value`` is what it shows.

    ``view`` gives the same words as plain data, from which a widget builds what a person can search and unfold.
    """

    value: Any
    text: Callable[[], str]
    html: Callable[[], str]
    svg: str | None = None
    view: Callable[[], dict[str, Any]] | None = None

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.html()

    def _repr_svg_(self) -> str | None:
        return self.svg


def show_verdict(verdict: Verdict) -> Shown:
    """A verdict for a notebook's output."""
    return Shown(verdict, lambda: verdict_text(verdict), lambda: verdict_html(verdict))


def show_verdicts(verdicts: Sequence[Verdict]) -> Shown:
    """Several verdicts for a notebook's output."""
    return Shown(list(verdicts), lambda: "\n".join(map(verdict_text, verdicts)), lambda: "".join(map(verdict_html, verdicts)))


def show_facts(title: str, rows: Iterable[tuple[str, str]], value: object = None) -> Shown:
    """Labelled facts (`mlsc status`) for a notebook's output."""
    kept = list(rows)

    def html() -> str:
        cells = "".join(f"<tr><td><b>{escape(k)}</b></td><td style='text-align:left'>{escape(printable(v))}</td></tr>" for k, v in kept)
        return f"<table><caption>{escape(title)}</caption>{cells}</table>"

    def view() -> dict[str, Any]:
        return {"title": title, "facts": [[name, printable(told)] for name, told in kept]}

    return Shown(value if value is not None else kept, lambda: facts_text(kept), html, view=view)


def facts_text(rows: Iterable[tuple[str, str]]) -> str:
    """Labelled facts as aligned text."""
    kept = list(rows)
    width = max((len(k) for k, _ in kept), default=0)
    return "\n".join(f"{k + ':':<{width + 1}} {printable(v)}" for k, v in kept)


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """One entry of ``artifacts`` in ``verify --json``."""
    return {
        "path": verdict.path,
        "digest": None if verdict.digest is None else str(verdict.digest),
        "kind": verdict.kind,
        "verdict": str(verdict.decision),
        "tier": verdict.tier,
        "signers": [{"identity": s.identity, "key": s.key, "at": s.at} for s in verdict.signers],
        "reasons": [{"code": r.code, "message": r.message, "next": r.next} for r in verdict.reasons],
        "decisions": [{"decision": d.decision, "by": d.by, "at": d.at, "why": d.why, "until": d.until, "about": d.about} for d in verdict.decisions],
    }


def decided_lines(decided: Decided) -> list[str]:
    """A decision that was signed, and how things stand with it."""
    what = {decisions.OVERRIDDEN: "made an exception for", decisions.PROMOTED: "promoted"}.get(decided.decision, decided.decision)
    verb = what if decided.done else "agreed to promote" if decided.recorded else "not promoted:"
    origin = f"{printable(decided.source)} to " if decided.source else ""
    facts = [
        *(short(digest) for digest in decided.digests[:1] if not decided.path.startswith("key ")),
        f"and {len(decided.digests) - 1} other versions" if len(decided.digests) > 1 else "",
        f"by {printable(decided.signer)}" if decided.recorded else "",
        f"until {predicates.rfc3339(decided.until)[:16]}Z" if decided.until is not None else "",
        f"with {decided.seen} inputs and outputs" if decided.seen else "",
        f"ledger entry {decided.index}" if decided.index is not None else "",
    ]
    lines = [f"{verb} {origin}{printable(decided.path)}" + "".join(f" · {fact}" for fact in facts if fact)]
    if decided.decision in (decisions.APPROVED, decisions.REJECTED) and decided.verdict is not None and not _is_heard(decided, decided.verdict):
        lines.append("    no rule asks for a review of it under this name; it is on record")
    if decided.verdict is not None and any(r.fails for r in decided.verdict.reasons):
        lines.append("    still missing:" if not decided.done else "    the policy says:")
        lines += [line for line in verdict_lines(decided.verdict)[1:] if line.startswith(("    why", "    next"))]
    return lines


def _is_heard(decided: Decided, verdict: Verdict) -> bool:
    return any((seen.decision, seen.by) == (decided.decision, decided.signer) for seen in verdict.decisions)


def decided_document(decided: Decided) -> dict[str, Any]:
    """A decision for ``--json``."""
    return {
        "ok": decided.done,
        "decision": decided.decision,
        "path": decided.path,
        "source": decided.source,
        "digests": [str(digest) for digest in decided.digests],
        "signer": decided.signer,
        "key": decided.key,
        "at": predicates.rfc3339(decided.at),
        "why": decided.why,
        "until": None if decided.until is None else predicates.rfc3339(decided.until),
        "index": decided.index,
        "recorded": decided.recorded,
        "verdict": None if decided.verdict is None else verdict_document(decided.verdict),
    }


def show_saved(saved: Saved) -> Shown:
    """A save for a notebook's output: what was written, from what, and whether others may use it."""

    def lines() -> list[str]:
        head = f"✓ saved {printable(saved.path)} · {saved.format} · {short(saved.digest)}"
        inputs = "from " + ", ".join(map(printable, saved.inputs)) if saved.inputs else "from no input that this run read through mlsc"
        told = verdict_lines(saved.verdict)[1:] if any(r.fails for r in saved.verdict.reasons) else []
        return [head, f"    {inputs}", *told, *(f"    note: {printable(n.message)}; {printable(n.next)}" for n in saved.notes)]

    return Shown(saved, lambda: "\n".join(lines()), lambda: f"<pre>{escape(chr(10).join(lines()))}</pre>")


def signing_advice(signed: Signed) -> list[str]:
    """What a person who signed must know besides: that it is not enough, or that it counts for nothing."""
    found = [f"    a scan found: {each.message} [{each.code}]" for each in signed.findings if each.severity.fails][:3]
    if found:
        found.append(f"    your signature lets it run all the same; see: mlsc scan {printable(signed.path)}, or take it back: mlsc revoke")
    return found + _not_enough(signed)


def _not_enough(signed: Signed) -> list[str]:
    if signed.verdict is not None and any(r.fails for r in signed.verdict.reasons):
        return ["    this is not enough for the policy:", *verdict_lines(signed.verdict)[1:]]
    if not signed.named:
        return [f"    no policy that you accepted names this key ({signed.key[:SHOWN_DIGITS]}), so this signature counts for nothing yet"]
    return []


def profile_lines(signed: Signed) -> list[str]:
    """What the profile of a data set says in short, or why it has none."""
    if signed.unprofiled:
        return [
            f"    no profile: {printable(line.strip())}" if not i else f"    {printable(line.strip())}" for i, line in enumerate(signed.unprofiled.splitlines())
        ]
    facts = signed.profile
    if facts is None:
        return []
    told = [_many(facts.rows, "row"), _many(facts.columns_in_all, "column")]
    if facts.label is not None:
        classes = ", ".join(f"{each.value}: {each.rows:,}" for each in facts.label.classes[:_CLASSES_SHOWN])
        more = ", …" if len(facts.label.classes) > _CLASSES_SHOWN else ""
        told.append(f"label `{facts.label.column}`" + (" (by its name)" if facts.label.guessed else "") + (f" {classes}{more}" if classes else ""))
    if facts.duplicates:
        told.append(f"{'about ' if facts.estimated else ''}{_many(facts.duplicates, 'duplicate row')}")
    if facts.malformed:
        told.append(_many(facts.malformed, "malformed line" if facts.format != "images" else "unreadable image"))
    return [f"    profile: {printable(' · '.join(told))}"]


_CLASSES_SHOWN = 5


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def show_signed(signed: Sequence[Signed]) -> Shown:
    """Signatures for a notebook's output."""

    def lines() -> list[str]:
        told: list[str] = []
        for s in signed:
            told.append(f"✓ signed {printable(s.path)} as a {s.kind} · {short(s.digest)} · by {printable(s.signer)}")
            told += profile_lines(s)
            told += signing_advice(s)
        return told

    return Shown(list(signed), lambda: "\n".join(lines()), lambda: f"<pre>{escape(chr(10).join(lines()))}</pre>")


def explanation_lines(explanation: Explanation) -> list[str]:
    """Why a verdict is what it is: for each layer the rules that decided, and what became of every statement."""
    lines = verdict_lines(explanation.verdict)
    for layer in explanation.layers:
        lines.append(f"{layer.name} layer, {printable(layer.file)}" + ("" if layer.accepted else ", which you have not accepted"))
        if not layer.rules:
            lines.append("  no rule matches")
        for rule in layer.rules:
            place = f"line {rule.line}" if rule.line is not None else f"rule {rule.index + 1}"
            lines.append(f"  {place}: {printable(', '.join(rule.match))} · mode {rule.mode} · asks: {'; '.join(rule.asks) or 'nothing'}")
            for claim in rule.claims:
                who = ", ".join(map(printable, claim.signers)) or "nobody whom the policy names"
                lines.append(f"    {'✓' if claim.counted else '✗'} {printable(claim.source)}, by {who}: {printable(claim.why)}")
            if not rule.claims:
                lines.append("    no statement was found")
    return lines
