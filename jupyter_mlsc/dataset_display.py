"""Differences of data sets as sentences, HTML and JSON, the same facts in all. Nothing decides.

Rules kept: what comes from data (names of columns, labels, values) is escaped; what is coarse, guessed or estimated says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from jupyter_mlsc.display import Shown, short
from jupyter_mlsc.predicates import rfc3339, to_predicate
from jupyter_mlsc.profiles import Bars, DatasetDiff, DatasetFacts, Differences, Spans, count
from jupyter_mlsc.scan.datasets.telling import column_sentence, headline, row_sentences
from jupyter_mlsc.verdict import printable

SHOWN_SPANS = 8
"""Runs of rows that a person is shown; all of them stand in JSON."""
SHOWN_COLUMNS = 12
SHOWN_NAMES = 10


def spans_text(spans: Spans) -> str:
    """Row numbers for a person: ``row 52``, ``rows 1 to 38, 52``."""
    said = [str(first) if first == last else f"{first} to {last}" for first, last in spans[:SHOWN_SPANS]]
    word = "row" if count(spans) == 1 else "rows"
    more = len(spans) - SHOWN_SPANS
    return f"{word} {', '.join(said)}" + (f" and {more} more range{'' if more == 1 else 's'}" if more > 0 else "")


def _label_of(diff: DatasetDiff) -> str | None:
    return diff.present.label.column if diff.present is not None and diff.present.label is not None else None


def diff_lines(diff: DatasetDiff) -> list[str]:
    """A comparison as text: one line for what it is, then what differs, with row numbers."""
    name = printable(diff.path)
    if diff.equal or diff.differences is None:
        return [f"✓ {name}: the bytes that {printable(diff.signer)} {_verb(diff)} on {_when(diff)}"]
    lines = [f"✗ {name} {_differs(diff)}: {_told(diff)}"]
    for text, spans in row_sentences(diff.differences, _label_of(diff)):
        lines.append(f"    {printable(text)}" + (f": {spans_text(spans)}" if spans else ""))
        rows = diff.differences.rows
        if rows is not None and spans is rows.changed and rows.label_only and rows.label_only != rows.changed:
            lines.append(f"        only in the label: {spans_text(rows.label_only)}")
    named = () if diff.differences.rows is None else diff.differences.rows.named
    lines += [f"        row {row}: {printable(name)}" for row, name in named[:SHOWN_NAMES]]
    if len(named) > SHOWN_NAMES:
        lines.append(f"        and {len(named) - SHOWN_NAMES} more (--json)")
    if diff.differences.why:
        lines.append(f"    rows were not compared: {printable(diff.differences.why)}")
    for change in diff.differences.columns[:SHOWN_COLUMNS]:
        where = ("row " if change.count == 1 else "rows ") + ", ".join(map(str, change.rows[:SHOWN_SPANS])) + (", …" if change.count > SHOWN_SPANS else "")
        lines.append(f"    {printable(column_sentence(change))}" + (f": {where}" if change.rows else ""))
    if len(diff.differences.columns) > SHOWN_COLUMNS:
        lines.append(f"    and {len(diff.differences.columns) - SHOWN_COLUMNS} more about columns (--json)")
    if diff.present is not None:
        lines += [f"    {line}" for line in _remarks(diff.present)]
    return lines


def diff_sentence(diff: DatasetDiff) -> str:
    """What differs in the rows, with their numbers, in a sentence for whoever has the file's name and its columns before them. Only for what differs."""
    assert diff.differences is not None  # as the caller asked
    told = [printable(text) + (f", {spans_text(spans)}" if spans else "") for text, spans in row_sentences(diff.differences, _label_of(diff))]
    if diff.differences.why:
        told.append(f"rows were not compared: {printable(diff.differences.why)}")
    return f"{_differs(diff)}: {'; '.join(told) or _told(diff)}"


def _when(diff: DatasetDiff) -> str:
    return rfc3339(diff.signed_at)[:10]


def _differs(diff: DatasetDiff) -> str:
    other = "" if diff.against == diff.path else f" as {printable(diff.against)}"
    return f"differs from what {printable(diff.signer)} {_verb(diff)}{other} on {_when(diff)} ({short(diff.signed_digest)})"


def _verb(diff: DatasetDiff) -> str:
    return "saved, which nobody has signed," if diff.by_run else "signed"


def _told(diff: DatasetDiff) -> str:
    assert diff.differences is not None  # as the caller asked
    return printable(headline(diff.differences, _label_of(diff)))


def _remarks(facts: DatasetFacts) -> Iterator[str]:
    if facts.label is not None and facts.label.guessed:
        yield f'note: `{printable(facts.label.column)}` is taken for the label because of its name; a rule can say it: label = "…"'
    if facts.malformed:
        what = "images cannot be decoded" if facts.format == "images" else "lines have too few or too many cells, and are in none of these numbers"
        yield f"note: {facts.malformed:,} {what}" + "".join(f"{' such as' if not i else ','} {printable(name)}" for i, name in enumerate(facts.unreadable[:5]))


def diff_document(diff: DatasetDiff) -> dict[str, Any]:
    """The document of ``mlsc diff --json``."""
    differences = diff.differences
    return {
        "ok": diff.equal,
        "path": diff.path,
        "digest": str(diff.digest),
        "signed": {"path": diff.against, "digest": str(diff.signed_digest), "at": rfc3339(diff.signed_at), "by": diff.signer, "run": diff.by_run},
        "summary": None if differences is None else headline(differences, _label_of(diff)),
        "label": None if diff.present is None or diff.present.label is None else to_predicate(diff.present.label),
        "rows": None if differences is None else _rows_document(differences),
        "columns": [] if differences is None else [to_predicate(each) for each in differences.columns],
        "histograms": [] if differences is None else [to_predicate(each) for each in differences.bars],
        "present": None if diff.present is None else to_predicate(diff.present),
    }


def _rows_document(differences: Differences) -> dict[str, Any]:
    rows = differences.rows
    told: dict[str, Any] = {"signed": differences.signed_rows, "present": differences.present_rows, "compared": rows is not None}
    if rows is None:
        return {**told, "why": differences.why}
    for name in ("changed", "label_only", "added", "removed", "moved"):
        spans: Spans = getattr(rows, name)
        told[name] = {"count": count(spans), "rows": [list(span) for span in spans]}
    labels = [{"was": each.was, "now": each.now, "count": each.count} for each in rows.labels]
    return {**told, "exact": rows.exact, "labels": labels, "pairs": [list(pair) for pair in rows.pairs], "named": [list(each) for each in rows.named]}


def diff_html(diff: DatasetDiff) -> str:
    """A comparison as one card of HTML without scripts or remote resources: the sentences, and small bars of then and now."""
    lines = diff_lines(diff)
    colour = "#1a7f37" if diff.equal else "#cf222e"
    items = "".join(f"<li>{escape(line.strip())}</li>" for line in lines[1:])
    bars = "" if diff.differences is None else "".join(_bars_html(each) for each in _telling(diff.differences))
    body = f'<ul style="margin:4px 0 0 0">{items}</ul>' if items else ""
    return f'<div style="border-left:4px solid {colour};padding:2px 10px;margin:4px 0"><b style="color:{colour}">{escape(lines[0])}</b>{body}{bars}</div>'


_BARS_SHOWN = 6


def _telling(differences: Differences) -> list[Bars]:
    """The distributions that differ, the label's first."""
    return [each for each in differences.bars if each.signed != each.present][:_BARS_SHOWN]


def _bars_html(bars: Bars) -> str:
    most = max((*bars.signed, *bars.present, 1))
    drawn = []
    for i, (was, now) in enumerate(zip(bars.signed, bars.present, strict=True)):
        what = bars.values[i] if bars.values else f"{bars.edges[i]:.4g} to {bars.edges[i + 1]:.4g}"
        title = escape(f"{what}: {was:,} signed, {now:,} now", quote=True)
        pair = "".join(
            f'<span style="display:inline-block;width:4px;height:{round(30 * n / most)}px;background:{c}"></span>'
            for n, c in ((was, "#8c959f"), (now, "#0969da"))
        )
        drawn.append(f'<span title="{title}" style="margin-right:2px">{pair}</span>')
        if i == 40:
            break
    return f'<div style="display:inline-block;margin:6px 14px 0 0"><code>{escape(printable(bars.column))}</code><br>{"".join(drawn)}</div>'


def show_diff(diff: DatasetDiff) -> Shown:
    """A comparison for a notebook's output."""
    return Shown(diff, lambda: "\n".join(diff_lines(diff)), lambda: diff_html(diff))
