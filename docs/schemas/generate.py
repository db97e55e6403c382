"""Write the JSON Schemas of our own predicates, and the OpenAPI document of the server, from their types: ``python docs/schemas/generate.py``.

A test holds that they are current.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from jupyter_mlsc import decisions, environment_claims, predicates, profiles, replays, scans
from jupyter_mlsc.server.openapi import document

SCHEMAS = {
    "artifact-v1.json": predicates.ArtifactBody,
    "baseline-v1.json": scans.BaselineBody,
    "environment-v1.json": environment_claims.EnvironmentBody,
    "override-v1.json": decisions.OverrideBody,
    "policy-v1.json": predicates.PolicyBody,
    "profile-v1.json": profiles.ProfileBody,
    "replay-v1.json": replays.ReplayBody,
    "revocation-v1.json": decisions.RevocationBody,
    "run-v1.json": predicates.RunBody,
}


def schema(name: str) -> str:
    """The text of one schema file."""
    built = msgspec.json.schema(SCHEMAS[name])
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": name.removesuffix(".json").replace("-v", "/v"), **built}
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


OPENAPI = "openapi.json"


def openapi() -> str:
    """The text of the OpenAPI document, from which the front end's types are made."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    (Path(__file__).parent / OPENAPI).write_text(openapi(), encoding="utf-8")
    for file in SCHEMAS:
        (Path(__file__).parent / file).write_text(schema(file), encoding="utf-8")
