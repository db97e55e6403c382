"""Verdicts as a SARIF 2.1.0 log (OASIS), for code scanning pages and editors. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from jupyter_mlsc.verdict import Decision, Verdict

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_WHOLE = {"startLine": 1}
"""A verdict is about a whole file; code scanning pages show nothing without a region."""

SUPPRESSED = "overridden"
_LEVELS = {Decision.BLOCK: "error", Decision.WARN: "warning", Decision.ALLOW: "note"}


def sarif_log(verdicts: Sequence[Verdict], version: str) -> str:
    """One result for each failing reason of each verdict, by the tool of this ``version``; what an exception covers is a suppressed one.

    Other notes are left out, since nobody has to act on them.
    """
    failing = [(verdict, reason) for verdict in verdicts for reason in verdict.reasons if reason.fails or reason.code == SUPPRESSED]
    codes = sorted({reason.code for _, reason in failing})
    rules = [{"id": code, "name": _camel(code), "shortDescription": {"text": code.replace("-", " ").capitalize()}} for code in codes]
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
    run: dict[str, Any] = {
        "tool": {"driver": {"name": "jupyter_mlsc", "version": version, "rules": rules}},
        "originalUriBaseIds": {"PROJECT": {"description": {"text": "the folder of mlsc.toml"}}},
        "results": results,
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _location(path: str) -> dict[str, str]:
    if PurePosixPath(path).is_absolute():
        return {"uri": "file://" + quote(path)}
    return {"uri": quote(path), "uriBaseId": "PROJECT"}


def _camel(code: str) -> str:
    return "".join(word.capitalize() for word in code.split("-"))
