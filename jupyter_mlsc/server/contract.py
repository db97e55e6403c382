"""The routes of the REST interface as one table: method, path, who may, what is asked and what is answered. Pure data.

Rules kept: whatever is not in here is not served; the OpenAPI document and the handlers are made from it, so they cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from jupyter_mlsc.server import shapes

Action = Literal["read", "write"]

RESOURCE = "mlsc"
"""The resource name under which an authorizer of the server is asked."""

BASE = "mlsc/api"

API_VERSION = "1.0"
"""Of these routes and types: a field more is a minor version, a field less or another meaning a major one."""

EVENTS: dict[str, type[msgspec.Struct]] = {
    "https://jupyter-mlsc.github.io/events/ledger/v1": shapes.LedgerEvent,
    "https://jupyter-mlsc.github.io/events/save/v1": shapes.SaveEvent,
}
"""Events of the Jupyter server by the id of their schema, with the type of their data."""


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. ``path`` is below ``BASE``, its parameters in braces; ``operation`` names the function that answers."""

    operation: str
    method: Literal["GET", "POST", "DELETE"]
    path: str
    action: Action
    summary: str
    answer: type[msgspec.Struct]
    query: type[msgspec.Struct] = shapes.Nothing
    body: type[msgspec.Struct] | None = None
    status: int = 200


PARAMETERS = {
    "digest": (r"(?:sha256|dirhash):[0-9a-f]{64}", "A digest."),
    "index": (r"(?:0|[1-9][0-9]{0,15})", "An entry of the ledger."),
}
"""Patterns of the parameters in paths. What does not fit is no route: 404."""

ROUTES = (
    Route("status", "GET", "status", "read", "The project at a glance, and who may do what in it.", shapes.Status, shapes.PathQuery),
    Route("runs", "GET", "runs", "read", "What a notebook's last run read and wrote, judged as it is now.", shapes.NotebookRuns, shapes.NotebookQuery),
    Route("artifact", "GET", "artifacts/{digest}", "read", "All statements about some bytes, with proofs.", shapes.Artifact, shapes.ArtifactQuery),
    Route("lineage", "GET", "lineage/{digest}", "read", "What it was made from.", shapes.Graph, shapes.GraphQuery),
    Route("impact", "GET", "impact/{digest}", "read", "What was made from it.", shapes.Graph, shapes.GraphQuery),
    Route("verify", "GET", "verify", "read", "Hash afresh and judge.", shapes.Verified, shapes.VerifyQuery),
    Route("verify_by_post", "POST", "verify", "read", "Hash afresh and judge.", shapes.Verified, body=shapes.VerifyRequest),
    Route("checkpoint", "GET", "log/checkpoint", "read", "The newest checkpoint of the ledger.", shapes.Checkpoint, shapes.CheckpointQuery),
    Route("proof", "GET", "log/proof/{index}", "read", "That an entry stands in the ledger.", shapes.Inclusion, shapes.PathQuery),
    Route("files", "GET", "files", "read", "How the governed files of a folder stand.", shapes.Files, shapes.PathQuery),
    Route("sign", "POST", "signatures", "write", "Stand for artifacts.", shapes.Signatures, body=shapes.SignRequest, status=201),
    Route("review", "POST", "reviews", "write", "Approve or reject.", shapes.Decided, body=shapes.ReviewRequest, status=201),
    Route("revoke", "POST", "revocations", "write", "Revoke bytes or a key.", shapes.Decided, body=shapes.RevokeRequest, status=201),
    Route("override", "POST", "overrides", "write", "Make an exception until a time.", shapes.Decided, body=shapes.OverrideRequest, status=201),
    Route("initialize", "POST", "init", "write", "Make a project of a folder.", shapes.Initialized, body=shapes.InitRequest, status=201),
    Route("unlock", "POST", "unlock", "write", "Hand over the passphrase, for the server's life.", shapes.Lock, body=shapes.UnlockRequest),
    Route("lock", "DELETE", "unlock", "write", "Forget the passphrase.", shapes.Lock),
)
