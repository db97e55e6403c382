"""Keys: public keys and their ids, signers behind a key URI, this user's key store, and where a passphrase comes from.

Importing this package loads neither ``cryptography`` nor ``keyring``: they are imported when a key is first used.
"""

from __future__ import annotations

from jupyter_mlsc.keys.passphrase import PassphraseSource, Secret, ask_on_terminal
from jupyter_mlsc.keys.public import ALGORITHMS, KeyAlgorithm, PublicKey
from jupyter_mlsc.keys.signer import Signer
from jupyter_mlsc.keys.store import ROLES, KeyEntry, KeyStore, Role

__all__ = ["ALGORITHMS", "ROLES", "KeyAlgorithm", "KeyEntry", "KeyStore", "PassphraseSource", "PublicKey", "Role", "Secret", "Signer", "ask_on_terminal"]
