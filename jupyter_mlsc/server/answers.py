"""Which function answers which operation of the contract, loaded when the first request comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from jupyter_mlsc.server import deciding, glances, records
from jupyter_mlsc.server.desk import Desk

Answerer = Callable[[Desk, Any, Mapping[str, str]], msgspec.Struct]

ANSWERERS: dict[str, Answerer] = {
    "status": glances.status,
    "runs": glances.runs,
    "files": glances.files,
    "artifact": records.artifact,
    "lineage": records.lineage,
    "impact": records.impact,
    "verify": records.verify,
    "verify_by_post": records.verify,
    "checkpoint": records.checkpoint,
    "proof": records.proof,
    "sign": deciding.sign,
    "review": deciding.review,
    "revoke": deciding.revoke,
    "override": deciding.override,
    "initialize": deciding.initialize,
    "unlock": deciding.unlock,
    "lock": deciding.lock,
}
