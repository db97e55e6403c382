"""The names that an artifact had before it was promoted to the one at hand. Pure: no I/O, no clock.

Rules kept: a promotion counts in a layer that has a stage for its folder, by a person of that stage's roles, with a key that stands, for these
bytes and this project, and not ahead of the clock. What was said of the same bytes under the earlier name (how they were made, who reviewed
them) then holds under the new one; who stands for them under the new name is counted anew.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from jupyter_mlsc import decisions
from jupyter_mlsc.policy.counting import binds_name, in_future, is_about, project_of
from jupyter_mlsc.policy.evidence import Claim, Evidence
from jupyter_mlsc.policy.globs import normal
from jupyter_mlsc.policy.rules import Identity, PolicyLayer, Stage


def stage_of(layer: PolicyLayer, name: str) -> Stage | None:
    """The stage whose folder a name lies in directly."""
    return next((stage for stage in layer.stages.values() if normal(name).rpartition("/")[0] == normal(stage.into)), None)


def promotions(layer: PolicyLayer, evidence: Evidence, now: datetime, revoked: Collection[str]) -> list[tuple[Claim, Identity]]:
    """Promotions of these bytes to this name that count, with who made them."""
    stage = stage_of(layer, evidence.name)
    if stage is None:
        return []
    members = layer.members(stage.by)
    found = []
    for claim in evidence.claims:
        if claim.decision != decisions.PROMOTED or claim.project != project_of(layer, evidence) or in_future(claim, now):
            continue
        if not binds_name(claim, evidence) or not is_about(claim, evidence):
            continue
        who = next((layer.owners[key] for key in claim.keys if key in layer.owners and key not in revoked and layer.owners[key].name in members), None)
        if who is not None:
            found.append((claim, who))
    return found
