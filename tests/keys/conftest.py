"""A key store in a folder of its own, a passphrase that is given, and a Python process that has neither terminal nor passphrase."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import jupyter_mlsc
from jupyter_mlsc.home import Home
from jupyter_mlsc.keys import KeyStore, PassphraseSource, Secret, pkcs8

REPOSITORY = Path(jupyter_mlsc.__file__).parent.parent
PASSPHRASE = "correct horse battery staple"


REAL = pkcs8.SCRYPT_N, pkcs8.SCRYPT_P


@pytest.fixture(autouse=True)
def _real_stretching(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pkcs8, "SCRYPT_N", REAL[0])
    monkeypatch.setattr(pkcs8, "SCRYPT_P", REAL[1])


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(Home(tmp_path / "home"))


@pytest.fixture
def given_passphrase() -> PassphraseSource:
    return PassphraseSource(Secret(PASSPHRASE.encode()))


@pytest.fixture
def clean_environ(tmp_path: Path) -> dict[str, str]:
    """The environment of a process that finds this code, a home of its own, no passphrase and no keychain."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLSC_", "DBUS_", "PYTHON_KEYRING"))}
    return {**kept, "PYTHONPATH": str(REPOSITORY), "MLSC_HOME": str(tmp_path / "home"), "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}


@pytest.fixture
def run_python(clean_environ: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(code: str, *, env: dict[str, str] = clean_environ, start_new_session: bool = False) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=env,
            start_new_session=start_new_session,
        )

    return run
