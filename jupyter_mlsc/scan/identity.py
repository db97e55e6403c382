"""What a scan was made with, as one digest: this version, the scanners' own version, the allowlist, the table of findings, and what policy allows."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.metadata import version

from jupyter_mlsc.scan import allowlist
from jupyter_mlsc.scan.codes import CODES
from jupyter_mlsc.scan.registry import LIST_VERSION


def scanner_digest(allow: frozenset[str], indexes: frozenset[str]) -> str:
    """``sha256:<hex>``: two scans with the same digest of the same bytes find the same."""
    said = json.dumps([_own(), sorted(allow), sorted(indexes)])
    return "sha256:" + hashlib.sha256(said.encode()).hexdigest()


@cache
def _own() -> list[object]:
    groups = (*allowlist.GROUPS, allowlist.CALLS_CHECKED)
    listed = sorted((module, name) for group in groups for module, names in group.modules.items() for name in names.split())
    codes = sorted((code, row.severity) for code, row in CODES.items())
    return [version("jupyter_mlsc"), LIST_VERSION, listed, codes]
