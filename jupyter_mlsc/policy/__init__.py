"""Policy reads statements and gives a verdict: who may vouch for what, what is required where, and what happens if it is not there.

``document`` reads `mlsc.toml` into ``rules``; ``acceptance`` says which version of it rules, ``ruling`` which rule rules a name; ``counting`` and
``decide`` judge the ``evidence`` that others gathered; ``reasons`` words it, ``explain`` shows the grounds, ``differences`` what a new version changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlsc.policy.acceptance import Accepted, AcceptedPolicies, PolicyChange, Resolution, ToAccept, resolve
from jupyter_mlsc.policy.document import parse_policy
from jupyter_mlsc.policy.rules import PolicyLayer, Rule
from jupyter_mlsc.policy.ruling import Policy

if TYPE_CHECKING:
    from jupyter_mlsc.policy.evidence import Claim, Evidence, InputClaim
    from jupyter_mlsc.policy.explain import Explanation
    from jupyter_mlsc.policy.template import initial_policy

__all__ = [
    "Accepted",
    "AcceptedPolicies",
    "Claim",
    "Evidence",
    "Explanation",
    "InputClaim",
    "Policy",
    "PolicyChange",
    "PolicyLayer",
    "Resolution",
    "Rule",
    "ToAccept",
    "initial_policy",
    "parse_policy",
    "resolve",
]

_LATER = {
    "Claim": "evidence",
    "Evidence": "evidence",
    "Explanation": "explain",
    "InputClaim": "evidence",
    "initial_policy": "template",
}
"""What is imported when it is first used, and from where: who only finds a project or starts a kernel in it waits for all that is imported."""


def __getattr__(name: str) -> object:
    home = _LATER.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
