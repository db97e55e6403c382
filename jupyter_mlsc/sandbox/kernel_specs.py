"""Which kernel specifications start supervised, told by their metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAME = "mlsc-supervised"
"""The provisioner's entry point."""


def is_supervised(metadata: Mapping[str, Any]) -> bool:
    """Whether a specification's metadata names this package's provisioner."""
    named = metadata.get("kernel_provisioner")
    return isinstance(named, dict) and named.get("provisioner_name") == NAME
