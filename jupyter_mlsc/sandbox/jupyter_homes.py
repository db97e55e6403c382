"""What IPython and Jupyter make at their first start in a home: start-up and configuration files lie in it, so that nothing supervised may make it.

Rules kept: only what is not there is made; nothing that is there is changed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

_JUPYTER = ("jupyter", "ipython", "ipykernel")


def prepare_for(argv: Sequence[str], environ: Mapping[str, str]) -> None:
    """Make what a command needs that starts Jupyter or IPython, by its name or as ``-m MODULE``. Raises OSError."""
    module = argv[argv.index("-m") + 1] if "-m" in argv[:-1] else ""
    if not any(name.lower().startswith(_JUPYTER) for name in (os.path.basename(argv[0]), module)):
        return
    prepare_profile(environ)
    config = Path(environ.get("JUPYTER_CONFIG_DIR") or _home(environ) / ".jupyter")
    if not config.exists():
        config.mkdir(mode=0o700, parents=True)
        # Jupyter's own mark: there is nothing from before Jupyter to be taken over.
        (config / "migrated").write_text(datetime.now(UTC).isoformat(), encoding="ascii")


def prepare_profile(environ: Mapping[str, str]) -> None:
    """Make IPython's default profile where there is none. Kernels of other languages stand on it, too. Raises OSError."""
    profile = Path(environ.get("IPYTHONDIR") or _home(environ) / ".ipython").expanduser() / "profile_default"
    if (profile / "pid").is_dir() and (profile / "startup" / "README").exists():
        return
    from IPython.core.profiledir import ProfileDir

    profile.mkdir(parents=True, exist_ok=True)
    ProfileDir(location=str(profile))


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or os.path.expanduser("~"))
