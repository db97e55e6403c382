"""A plain `pip install` of the wheel is all that it takes: the server lists the extension as enabled, and serves it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("jupyter_mlsc", "jupyter-config", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment in which the wheel is installed, and nothing else of this project; its libraries are those of the tests' own."""
    folder = tmp_path_factory.mktemp("wheel")
    source, venv = folder / "source", folder / "venv"
    source.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, source / part)
    # The panel's bundle is built by node and has tests of its own; here only its place must be there.
    (source / "labextension/build/static").mkdir(parents=True)
    shutil.copy(ROOT / "labextension/install.json", source / "labextension/install.json")
    (source / "labextension/build/package.json").write_text('{"name": "jupyter_mlsc", "version": "0.1.0"}')
    (source / "labextension/build/static/style.js").write_text("")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)], SKIP_JUPYTER_BUILDER="1")
    run([sys.executable, "-m", "venv", str(venv)])
    site = Path(run([str(venv / "bin/python"), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip())
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (wheel,) = folder.glob("*.whl")
    run([str(venv / "bin/python"), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)])
    return venv


def run(command: list[str], **more: str) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "JUPYTER", "MLSC_"))}
    # Not from the sources' folder: what is imported must be what was installed.
    done = subprocess.run(command, cwd="/", env={**kept, **more}, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_server_lists_the_extension_as_enabled(environment: Path, tmp_path: Path) -> None:
    told = run(
        [str(environment / "bin/python"), "-m", "jupyter_server", "extension", "list"],
        HOME=str(tmp_path),
        JUPYTER_CONFIG_DIR=str(tmp_path / "config"),
        NO_COLOR="1",
    )

    lines = [line for line in told.splitlines() if "jupyter_mlsc" in line]
    assert any("enabled" in line for line in lines), told
    assert any("OK" in line for line in lines), told


def test_what_is_installed_is_the_wheel_and_has_its_events_and_its_widget(environment: Path) -> None:
    program = (
        "import jupyter_mlsc, pathlib; folder = pathlib.Path(jupyter_mlsc.__file__).parent; print(folder)\n"
        "print(sorted(each.name for each in (folder / 'server/events').glob('*.yaml')))\n"
        "print(sorted(each.name for each in (folder / 'kernel').glob('widget.*')))"
    )

    told = run([str(environment / "bin/python"), "-c", program])

    assert str(environment) in told
    assert "['ledger-v1.yaml', 'save-v1.yaml']" in told
    assert "['widget.css', 'widget.js', 'widget.py']" in told


def test_loading_the_extension_imports_nothing_heavy(environment: Path) -> None:
    """A server that nobody uses it in must not start later for it."""
    program = (
        "import sys, jupyter_server.serverapp, jupyter_server.extension.application\n"
        "before = set(sys.modules)\n"
        "import jupyter_mlsc\n"
        "point, _ = jupyter_mlsc._jupyter_server_extension_points()\n"
        "import jupyter_mlsc.sandbox.in_server\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new & {'sqlalchemy', 'cryptography', 'numpy', 'pandas', 'pyarrow', 'torch', 'watchfiles', 'keyring', 'IPython', 'msgspec'}))\n"
    )

    told = run([str(environment / "bin/python"), "-c", program])

    assert told.strip() in ("[]", "['cryptography']", "[]\n"), told
