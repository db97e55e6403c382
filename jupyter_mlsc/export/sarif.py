"""Verdicts and findings as a SARIF 2.1.0 log (OASIS), for code scanning pages and editors. Pure."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from jupyter_mlsc.scan.codes import CODES
from jupyter_mlsc.scan.finding import Finding, Severity
from jupyter_mlsc.verdict import Decision, Verdict, reason_template

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_WHOLE = {"startLine": 1}
"""A verdict is about a whole file; code scanning pages show nothing without a region."""

SUPPRESSED = "overridden"
_FACT = re.compile(r"\{[^{}]*\}")
_SEVERITY_LEVELS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}
_SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.0", "low": "2.0"}
"""What code scanning pages sort by, on the scale of CVSS."""
_LINE = re.compile(r"\bline (\d{1,9})\b")
_LEVELS = {Decision.BLOCK: "error", Decision.WARN: "warning", Decision.ALLOW: "note"}


def sarif_log(verdicts: Sequence[Verdict], version: str) -> str:
    """One result for each failing reason of each verdict, by the tool of this ``version``; what an exception covers is a suppressed one.

    Other notes are left out, since nobody has to act on them.
    """
    failing = [(verdict, reason) for verdict in verdicts for reason in verdict.reasons if reason.fails or reason.code == SUPPRESSED]
    codes = sorted({reason.code for _, reason in failing})
    rules = [_rule(code, *reason_template(code)) for code in codes]
    results = [
        {
            "ruleId": reason.code,
            "ruleIndex": codes.index(reason.code),
            "level": _LEVELS[verdict.decision],
            "message": {"text": f"{reason.message}. Next: {reason.next}"},
            "locations": [{"physicalLocation": {"artifactLocation": _location(verdict.path), "region": _WHOLE}}],
            "partialFingerprints": {"digest/v1": str(verdict.digest)} if verdict.digest else {},
            **({"suppressions": [{"kind": "external", "status": "accepted", "justification": reason.message}]} if reason.code == SUPPRESSED else {}),
        }
        for verdict, reason in failing
    ]
    return _log(version, rules, results, {"PROJECT": "the folder of mlsc.toml"})


def findings_log(findings: Sequence[Finding], version: str, accepted: Sequence[Finding] = ()) -> str:
    """One result for each finding of a scan; a place in a file that is a line becomes the region; what persons accepted is a suppressed one."""
    codes = sorted({each.code for each in (*findings, *accepted)})
    rules = [
        {
            **_rule(code, CODES[code].message, CODES[code].fix),
            "properties": {"security-severity": _SCORES[CODES[code].severity], "tags": ["security"]},
        }
        for code in codes
    ]
    results = []
    for each in (*findings, *accepted):
        line = _LINE.search(each.where)
        place: dict[str, Any] = {"physicalLocation": {"artifactLocation": _location(each.path, "SCANNED"), "region": _WHOLE}}
        if line is not None and int(line[1]) > 0:
            place["physicalLocation"]["region"] = {"startLine": int(line[1])}
        if each.where:
            place["logicalLocations"] = [{"fullyQualifiedName": each.where}]
        message = {"text": f"{each.message}{f' ({each.where})' if each.where else ''}. Next: {each.fix}"}
        level = _SEVERITY_LEVELS[each.severity]
        told = {"ruleId": each.code, "ruleIndex": codes.index(each.code), "level": level, "message": message, "locations": [place]}
        results.append({**told, "suppressions": [{"kind": "external", "status": "accepted"}]} if each in accepted else told)
    return _log(version, rules, results, {"SCANNED": "the folder that the scan was run in"})


def _log(version: str, rules: list[dict[str, Any]], results: list[dict[str, Any]], bases: dict[str, str]) -> str:
    run: dict[str, Any] = {
        "tool": {"driver": {"name": "jupyter_mlsc", "version": version, "rules": rules}},
        "originalUriBaseIds": {name: {"description": {"text": text}} for name, text in bases.items()},
        "results": results,
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _location(path: str, base: str = "PROJECT") -> dict[str, str]:
    uri = quote(os.fsencode(path))  # a name need not be UTF-8
    return {"uri": f"file://{uri}"} if PurePosixPath(path).is_absolute() else {"uri": uri, "uriBaseId": base}


def _rule(code: str, message: str, remedy: str) -> dict[str, Any]:
    """What every result of a code has in common; pages show it once, so what differs from result to result is left open."""
    short, words = code.replace("-", " ").capitalize(), code.split("-")
    rule: dict[str, Any] = {"id": code, "shortDescription": {"text": short}, "fullDescription": {"text": _opened(message)}, "help": {"text": _opened(remedy)}}
    # A name that only repeats the id is an error to validators.
    return {**rule, "name": "".join(word.capitalize() for word in words)} if len(words) > 1 else rule


def _opened(template: str) -> str:
    text = _FACT.sub("…", template)
    return f"{text[:1].upper()}{text[1:]}."
