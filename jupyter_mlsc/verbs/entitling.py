"""What this user may decide about a path: for faces that offer actions. Reads only; every decision asks the policy again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc.errors import DecisionRefusedError, KeyUnavailableError, PolicyUntrustedError
from jupyter_mlsc.policy.entitling import ACTIONS, refusal
from jupyter_mlsc.results import Entitled
from jupyter_mlsc.vouching import key_to_sign_with, person_deciding

if TYPE_CHECKING:
    from jupyter_mlsc.project_state import ProjectState


def entitlements(project: ProjectState, path: Path, channel: str) -> dict[str, Entitled]:
    """For each action whether this user may, through a channel; of a folder, whether under any of its rules. Raises ArtifactError for no path."""
    try:
        entry = key_to_sign_with(project, None)
        person = person_deciding(project, entry, "a decision")
    except (KeyUnavailableError, DecisionRefusedError, PolicyUntrustedError) as err:
        return dict.fromkeys(ACTIONS, Entitled(False, f"{err.message}; {err.next_step}" if err.next_step else err.message))
    target = project.target(path)
    layers = [layer for layer in project.policy.layers if layer.accepted]
    answers = {}
    for action in ACTIONS:
        why = ""
        for layer in layers:
            if path.is_dir():
                rules = [rule for rule in layer.rules if rule.governs]
            else:
                rules = [rule for rule in (project.policy.rule_for(name, layer) for name in target.names) if rule is not None and rule.governs]
            refused = refusal(action, layer, rules, person, channel)
            why = why or ("" if refused is None else refused.why)
        answers[action] = Entitled(not why, why)
    return answers
