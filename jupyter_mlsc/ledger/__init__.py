"""The ledger: an append-only log of all envelopes, an RFC 6962 tree with checkpoints that its keeper signs.

Importing this package is cheap; SQLAlchemy is loaded when ``Ledger`` is first used. The two ways to check one are
``audit.audit`` (every row) and ``health.health`` (the newest end).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_mlsc.ledger.audit import AuditReport
    from jupyter_mlsc.ledger.checkpoint import Checkpoint, LogKey, Verifier
    from jupyter_mlsc.ledger.health import Fault
    from jupyter_mlsc.ledger.log import Ledger
    from jupyter_mlsc.ledger.memory import CheckpointMemory
    from jupyter_mlsc.ledger.proof import ConsistencyProof, Included, InclusionProof
    from jupyter_mlsc.ledger.record import Entry, NewEntry

__all__ = [
    "AuditReport",
    "Checkpoint",
    "CheckpointMemory",
    "ConsistencyProof",
    "Entry",
    "Fault",
    "Included",
    "InclusionProof",
    "Ledger",
    "LogKey",
    "NewEntry",
    "Verifier",
]

_HOME_OF = {
    "AuditReport": "audit",
    "Checkpoint": "checkpoint",
    "CheckpointMemory": "memory",
    "ConsistencyProof": "proof",
    "Entry": "record",
    "Fault": "health",
    "Included": "proof",
    "InclusionProof": "proof",
    "Ledger": "log",
    "LogKey": "checkpoint",
    "NewEntry": "record",
    "Verifier": "checkpoint",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its file when it is first asked for (PEP 562)."""
    from importlib import import_module

    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
