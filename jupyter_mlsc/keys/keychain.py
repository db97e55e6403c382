"""The operating system's keychain, reached through ``keyring``, and only through backends that keep secrets secret.

``keyring`` falls back to whatever is installed, a plain text file included. So only the backends of `ALLOWED_BACKENDS` are used,
by the module that defines them; of a chain, its first such member is used directly and never the chain.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from jupyter_mlsc.errors import KeyUnavailableError

ALLOWED_BACKENDS = frozenset(
    {
        "keyring.backends.SecretService",
        "keyring.backends.libsecret",
        "keyring.backends.kwallet",
        "keyring.backends.macOS",
        "keyring.backends.Windows",
    }
)
_CHAIN = "keyring.backends.chainer"

SERVICE = "jupyter_mlsc"


class Keychain(Protocol):
    """What is used of a keyring backend."""

    def get_password(self, service: str, username: str) -> str | None:
        """The value of an item, or None."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep a value."""


def find_keychain(allowed: frozenset[str] = ALLOWED_BACKENDS) -> Keychain | None:
    """The keychain of this session, or None when there is none that may be used. ``allowed`` names modules of backends."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:  # optional at run time
        return None
    try:
        chosen = keyring.get_keyring()
        members: Iterable[Keychain] = chosen.backends if type(chosen).__module__ == _CHAIN else (chosen,)
        return next((member for member in members if type(member).__module__ in allowed), None)
    except (KeyringError, ImportError, AttributeError, RuntimeError, OSError) as err:
        raise KeyUnavailableError(
            f"the keyring configuration of this user does not load: {err}", next_step="mend PYTHON_KEYRING_BACKEND or keyringrc.cfg: keyring diagnose"
        ) from err


def put(keychain: Keychain, account: str, value: str) -> bool:
    """Keep a value; True when it can be read back. A keychain that is locked or full gives False, and the caller falls back."""
    from keyring.errors import KeyringError

    try:
        keychain.set_password(SERVICE, account, value)
        return keychain.get_password(SERVICE, account) == value
    except (KeyringError, OSError):
        return False


def take(keychain: Keychain, service: str, account: str) -> str:
    """Read a value. Raises KeyUnavailableError when the keychain is locked or has no such item."""
    from keyring.errors import KeyringError

    try:
        value = keychain.get_password(service, account)
    except (KeyringError, OSError) as err:
        raise KeyUnavailableError(
            f"the keychain cannot be opened: {type(err).__name__}", next_step="unlock the keychain of your session, then try again"
        ) from err
    if value is None:
        raise KeyUnavailableError(
            f"the keychain holds no key {account[:16]} (service {service})",
            next_step="import the key from a backup: mlsc keys import, or make a new one: mlsc keys new",
        )
    return value
