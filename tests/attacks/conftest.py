"""Asserts in the attacker's toolbox tell what they compared; keys are stretched less, since no test here guesses a passphrase."""

from __future__ import annotations

import pytest

from jupyter_mlsc.keys import pkcs8

pytest.register_assert_rewrite("tests.attacks.forgery")


@pytest.fixture(autouse=True)
def _quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two thirds of the time of these tests would otherwise be scrypt."""
    monkeypatch.setattr(pkcs8, "SCRYPT_N", 1 << 10)
    monkeypatch.setattr(pkcs8, "SCRYPT_P", 1)
