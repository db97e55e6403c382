"""Values of the core as the wire types that clients read: one function for each, nothing is decided or left out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jupyter_mlsc import results, verdict
from jupyter_mlsc.predicates import rfc3339
from jupyter_mlsc.server import shapes
from jupyter_mlsc.server.places import Places


def reasons(found: Iterable[verdict.Reason]) -> tuple[shapes.Reason, ...]:
    """Reasons and notes."""
    return tuple(shapes.Reason(code=each.code, message=each.message, next=each.next, fails=each.fails) for each in found)


def signers(found: Iterable[verdict.SignerSeen]) -> tuple[shapes.Signer, ...]:
    """Who stands behind it."""
    return tuple(shapes.Signer(identity=each.identity, key=each.key, at=each.at) for each in found)


def decisions(found: Iterable[verdict.DecisionSeen]) -> tuple[shapes.Decision, ...]:
    """What persons decided."""
    return tuple(shapes.Decision(decision=each.decision, by=each.by, at=each.at, why=each.why, until=each.until, about=each.about) for each in found)


def judged(found: verdict.Verdict, root: Path, places: Places) -> shapes.Judged:
    """A verdict on an artifact of the project at ``root``."""
    return shapes.Judged(
        path=found.path,
        server_path=places.named(root / found.path),
        digest=None if found.digest is None else str(found.digest),
        kind=found.kind,
        verdict=found.decision.value,
        verified=found.verified,
        governed=found.governed,
        tier=found.tier,
        signers=signers(found.signers),
        reasons=reasons(found.reasons),
        decisions=decisions(found.decisions),
    )


def signed(found: results.Signed, root: Path, places: Places) -> shapes.Signed:
    """One signature."""
    return shapes.Signed(
        path=found.path,
        server_path=places.named(root / found.path),
        digest=str(found.digest),
        kind=found.kind,
        signer=found.signer,
        key=found.key,
        index=found.index,
        named=found.named,
        judged=None if found.verdict is None else judged(found.verdict, root, places),
    )


def decided(found: results.Decided, root: Path, places: Places) -> shapes.Decided:
    """A decision."""
    return shapes.Decided(
        decision=found.decision,
        path=found.path,
        digests=tuple(map(str, found.digests)),
        signer=found.signer,
        key=found.key,
        at=rfc3339(found.at),
        why=found.why,
        index=found.index,
        until=None if found.until is None else rfc3339(found.until),
        seen=found.seen,
        judged=None if found.verdict is None else judged(found.verdict, root, places),
    )
