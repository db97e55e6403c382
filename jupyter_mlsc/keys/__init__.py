"""Keys: public keys and their ids, signers behind a key URI, this user's key store, and where a passphrase comes from.

Importing this package loads neither ``cryptography`` nor ``keyring``: they are imported when a key is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mlsc.keys.passphrase import PassphraseSource, Secret, ask_on_terminal
    from jupyter_mlsc.keys.public import ALGORITHMS, KeyAlgorithm, PublicKey
    from jupyter_mlsc.keys.signer import Signer
    from jupyter_mlsc.keys.store import ROLES, KeyEntry, KeyStore, Role

__all__ = ["ALGORITHMS", "ROLES", "KeyAlgorithm", "KeyEntry", "KeyStore", "PassphraseSource", "PublicKey", "Role", "Secret", "Signer", "ask_on_terminal"]

_HOMES = {
    **dict.fromkeys(("PassphraseSource", "Secret", "ask_on_terminal"), "passphrase"),
    **dict.fromkeys(("ALGORITHMS", "KeyAlgorithm", "PublicKey"), "public"),
    **dict.fromkeys(("ROLES", "KeyEntry", "KeyStore", "Role"), "store"),
    "Signer": "signer",
}


def __getattr__(name: str) -> object:
    """Each name is imported at its first use: a kernel takes a passphrase out of its environment, and needs nothing of the key store for that."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
