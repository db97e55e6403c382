"""The wire types of the REST interface: what each route is asked and answers, as msgspec Structs from which the OpenAPI document is made.

Rules kept: names of fields are those of the command line's JSON; paths of artifacts are relative to the project, and ``server_path`` is the same
file as the server's clients name it, null where it lies outside the server's folder; digests are ``sha256:<hex>`` or ``dirhash:<hex>``; times are
RFC 3339 in UTC. Unknown fields of a request are refused, so that a misspelt one is not ignored.
"""

from __future__ import annotations

from jupyter_mlsc.server.shapes.acts import (
    Decided,
    Initialized,
    InitRequest,
    Lock,
    OverrideRequest,
    ReviewRequest,
    RevokeRequest,
    Signatures,
    Signed,
    SignRequest,
    UnlockRequest,
    VerifyRequest,
)
from jupyter_mlsc.server.shapes.artifacts import Artifact, ColumnDifference, Difference, Inclusion, Named, Signature, Statement, Version
from jupyter_mlsc.server.shapes.base import Answer, AnswerT, Asked, Depth, KindWord, Mark, ModeWord, Operation, Path, Size, State, VerdictWord, Words
from jupyter_mlsc.server.shapes.checks import Checkpoint, Consistency, FileMark, Files, Verified
from jupyter_mlsc.server.shapes.events import LedgerEvent, SaveEvent
from jupyter_mlsc.server.shapes.graphs import Edge, Graph, Node
from jupyter_mlsc.server.shapes.notebooks import Cell, Environment, Gap, NotebookRuns, Row, RunLine
from jupyter_mlsc.server.shapes.parts import Decision, Finding, Judged, Problem, Reason, Signer
from jupyter_mlsc.server.shapes.projects import Entitlement, Entitlements, Key, LedgerState, Revoked, StandingException, Status
from jupyter_mlsc.server.shapes.queries import ArtifactQuery, CheckpointQuery, GraphQuery, NotebookQuery, Nothing, PathQuery, VerifyQuery

__all__ = [
    "Answer",
    "AnswerT",
    "Artifact",
    "ArtifactQuery",
    "Asked",
    "Cell",
    "Checkpoint",
    "CheckpointQuery",
    "ColumnDifference",
    "Consistency",
    "Decided",
    "Decision",
    "Depth",
    "Difference",
    "Edge",
    "Entitlement",
    "Entitlements",
    "Environment",
    "FileMark",
    "Files",
    "Finding",
    "Gap",
    "Graph",
    "GraphQuery",
    "Inclusion",
    "InitRequest",
    "Initialized",
    "Judged",
    "Key",
    "KindWord",
    "LedgerEvent",
    "LedgerState",
    "Lock",
    "Mark",
    "ModeWord",
    "Named",
    "Node",
    "NotebookQuery",
    "NotebookRuns",
    "Nothing",
    "Operation",
    "OverrideRequest",
    "Path",
    "PathQuery",
    "Problem",
    "Reason",
    "ReviewRequest",
    "RevokeRequest",
    "Revoked",
    "Row",
    "RunLine",
    "SaveEvent",
    "SignRequest",
    "Signature",
    "Signatures",
    "Signed",
    "Signer",
    "Size",
    "StandingException",
    "State",
    "Statement",
    "Status",
    "UnlockRequest",
    "VerdictWord",
    "Verified",
    "VerifyQuery",
    "VerifyRequest",
    "Version",
    "Words",
]
