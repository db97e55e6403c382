"""Findings of a scan as text, HTML and JSON, the same words in each.

Rules kept: everything that comes from a file is escaped; colour never carries a meaning alone; the worst comes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_mlsc.printing import printable
from jupyter_mlsc.scan.finding import SEVERITIES, Finding, Scanned

if TYPE_CHECKING:
    from jupyter_mlsc.display import Shown


def ordered(scanned: Scanned) -> list[Finding]:
    """The findings, file by file as they were named, the worst of each first."""
    places = {each.path: number for number, each in reversed(list(enumerate(scanned.findings)))}
    return sorted(scanned.findings, key=lambda each: (places[each.path], -SEVERITIES.index(each.severity)))


def scanned_lines(scanned: Scanned) -> list[str]:
    """Two lines for each finding, then one for the whole."""
    lines = []
    for each in ordered(scanned):
        where = f" ({printable(each.where)})" if each.where else ""
        lines.append(f"{'✗' if each.severity.fails else '!'} {printable(each.path)}{where}: {each.severity}: {printable(each.message)} [{each.code}]")
        lines.append(f"    next: {printable(each.fix)}")
    lines += [f"· {printable(each.path)}: accepted: {printable(each.message)} [{each.code}]" for each in scanned.accepted]
    return [*lines, summary_line(scanned)]


def summary_line(scanned: Scanned) -> str:
    """How many findings, of which severities, in how many files."""
    looked = f"{scanned.files:,} {scanned.unit}{'s' if scanned.files != 1 else ''} scanned" if scanned.files else "scanned"
    if not scanned.findings:
        return f"{looked}: nothing found"
    counts = [(sum(each.severity is severity for each in scanned.findings), severity) for severity in reversed(SEVERITIES)]
    return f"{looked}: " + ", ".join(f"{count} {severity}" for count, severity in counts if count)


def scanned_document(scanned: Scanned) -> dict[str, Any]:
    """The document of ``mlsc scan --json``."""
    more = {"accepted": [each.document() for each in scanned.accepted]} if scanned.accepted else {}
    return {"ok": scanned.ok, "findings": [each.document() for each in ordered(scanned)], "files": scanned.files, **more}


def show_scanned(scanned: Scanned) -> Shown:
    """A scan for a notebook's output."""
    from html import escape

    from jupyter_mlsc.display import Shown

    def html() -> str:
        rows = "".join(
            f"<tr><td>{'✗' if each.severity.fails else '!'} <b>{each.severity}</b></td><td style='text-align:left'><code>{escape(printable(each.path))}</code>"
            f" {escape(printable(each.where))}</td><td style='text-align:left'>{escape(printable(each.message))} <code>{escape(each.code)}</code>"
            f"<br><i>next:</i> {escape(printable(each.fix))}</td></tr>"
            for each in ordered(scanned)
        )
        return f"<div>{'✓' if scanned.ok else '✗'} {escape(summary_line(scanned))}</div>" + (f"<table>{rows}</table>" if rows else "")

    return Shown(scanned, lambda: "\n".join(scanned_lines(scanned)), html)
