"""The passphrase of the vouching key, handed over once for the server's life.

Rules kept: it is in this process's memory and nowhere else: in no log, no answer, no event, no file, no environment of a kernel; a passphrase that
does not open the key is refused and not kept.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn

from jupyter_mlsc.errors import KeyUnavailableError
from jupyter_mlsc.keys import PassphraseSource
from jupyter_mlsc.keys.passphrase import Secret

if TYPE_CHECKING:
    from jupyter_mlsc.keys import KeyEntry, KeyStore

LOCKED = "hand its passphrase to the server: unlock it in the panel (POST unlock)"


def _nobody(prompt: str) -> NoReturn:
    del prompt
    raise KeyUnavailableError("the vouching key is locked", next_step=LOCKED)


class Vault:
    """Holds a passphrase, or knows that the environment of the server gave one."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._given = PassphraseSource.from_environ(environ, _nobody)
        self._held: Secret | None = None
        self._lock = threading.Lock()

    @property
    def source(self) -> PassphraseSource:
        """Where signing takes the passphrase from. It asks nobody: a locked key raises KeyUnavailableError."""
        held = self._held
        return self._given if held is None else PassphraseSource(held, None, _nobody)

    def is_open(self, entry: KeyEntry | None) -> bool:
        """Whether this key can sign now; without one, whether a passphrase for a new one is held."""
        return self._held is not None or self._given.is_given or (entry is not None and entry.uri.startswith("keyring:"))

    def unlock(self, passphrase: str, keys: KeyStore, entry: KeyEntry | None) -> None:
        """Keep a passphrase that opens the key, or, where there is none yet, the one for the key that will be made. Raises KeyUnavailableError."""
        secret = Secret(passphrase.encode("utf-8", "surrogatepass"))
        with self._lock:  # one guess at a time
            if entry is not None:
                keys.signer(entry, PassphraseSource(secret, None, _nobody))
            self._held = secret

    def lock(self) -> None:
        """Forget it."""
        self._held = None
