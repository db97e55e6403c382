"""The package's face: what `import jupyter_mlsc as mlsc` gives stays the same whatever else was imported."""

from __future__ import annotations

import subprocess
import sys


def test_a_public_function_is_not_replaced_by_a_room_of_the_same_name() -> None:
    code = (
        "import jupyter_mlsc as mlsc, jupyter_mlsc.scan.allowlist, jupyter_mlsc.lineage, jupyter_mlsc.session\n"
        "wrong = [name for name in mlsc.__all__ if name != '__version__' and not callable(getattr(mlsc, name))]\n"
        "assert not wrong, wrong\n"
        "from jupyter_mlsc import lineage, scan\n"
        "assert lineage is jupyter_mlsc.session.lineage and scan is jupyter_mlsc.session.scan\n"
        "from jupyter_mlsc.lineage import Origin\n"
        "mlsc.load = 1\n"
        "assert mlsc.load == 1\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
