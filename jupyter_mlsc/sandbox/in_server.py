"""What a Jupyter server loads of the supervisor: where it has kernels that start supervised, one is started before the first of them is asked for."""

from __future__ import annotations

import os
import sys
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.multikernelmanager import MultiKernelManager

from jupyter_mlsc.sandbox.kernel_specs import is_supervised

_SECONDS_ALONE = 1.0
"""How long the server has the processors for its own start."""


def _load_jupyter_server_extension(serverapp: Any) -> None:
    """What the server calls. A gateway's kernels are another server's, and a server that is supervised itself starts no supervisor."""
    specs, kernels = serverapp.kernel_spec_manager, serverapp.kernel_manager
    if sys.platform != "linux" or serverapp.gateway_config.gateway_enabled:
        return
    if not isinstance(specs, KernelSpecManager) or not isinstance(kernels, MultiKernelManager):
        return
    if any(is_supervised(each["spec"].get("metadata", {})) for each in specs.get_all_specs().values()):
        from jupyter_mlsc.sandbox.boot import SAYS_SUPERVISED, without_secrets  # what is imported makes every server start later
        from jupyter_mlsc.sandbox.standby import STANDBY

        if SAYS_SUPERVISED not in os.environ:
            STANDBY.prepare(without_secrets(os.environ), after=_SECONDS_ALONE)
