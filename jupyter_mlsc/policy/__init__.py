"""Policy reads statements and gives a verdict: who may vouch for what, what is required where, and what happens if it is not there.

``document`` reads `mlsc.toml` into ``rules``; ``acceptance`` says which version of it rules; ``counting`` and ``decide`` judge the
``evidence`` that others gathered; ``reasons`` words it, ``explain`` shows the grounds, ``differences`` what a new version changes.
"""

from __future__ import annotations

from jupyter_mlsc.policy.acceptance import Accepted, AcceptedPolicies, PolicyChange, Resolution, ToAccept, resolve
from jupyter_mlsc.policy.decide import Policy
from jupyter_mlsc.policy.differences import differences
from jupyter_mlsc.policy.document import parse_policy
from jupyter_mlsc.policy.evidence import Claim, Evidence, InputClaim
from jupyter_mlsc.policy.explain import Explanation, explain
from jupyter_mlsc.policy.rules import PolicyLayer, Rule
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
    "differences",
    "explain",
    "initial_policy",
    "parse_policy",
    "resolve",
]
