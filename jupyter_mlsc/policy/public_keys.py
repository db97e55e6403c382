"""Telling a public key from other base64 without a cryptography library: a policy is read at every start, and reading it must be cheap.

A DER SubjectPublicKeyInfo (RFC 5280, 5480, 8410) of an accepted algorithm is a fixed prefix and a point of fixed length, so comparing
both is the whole check of its form. Whether the point lies on its curve is found when the key is first used.
"""

from __future__ import annotations

import base64
import binascii
from hashlib import sha256

from jupyter_mlsc.policy.rules import PublicKey

# Prefix up to the point; for the NIST curves with the 04 of an uncompressed point. Then the length of the whole.
_FORMS: tuple[tuple[str, bytes, int], ...] = (
    ("ecdsa-p256", bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"), 91),
    ("ecdsa-p384", bytes.fromhex("3076301006072a8648ce3d020106052b8104002203620004"), 120),
    ("ecdsa-p521", bytes.fromhex("30819b301006072a8648ce3d020106052b810400230381860004"), 158),
    ("ed25519", bytes.fromhex("302a300506032b6570032100"), 44),
)


def read_key(text: str) -> PublicKey:
    """Read base64 of a DER SubjectPublicKeyInfo. Raises ValueError with a sentence that says what it is instead."""
    if "BEGIN" in text:
        raise ValueError("this is PEM: write the base64 of the DER, one line without BEGIN and END")
    try:
        der = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as err:
        raise ValueError("this is not base64") from err
    if base64.b64encode(der).decode() != text:
        # One key, one spelling: otherwise the trailing bits of base64 would let one key stand here twice.
        raise ValueError("this is not base64 in its one canonical spelling")
    for algorithm, prefix, length in _FORMS:
        if der.startswith(prefix) and len(der) == length:
            return PublicKey(sha256(der).hexdigest(), der, algorithm)
    raise ValueError("this is no public key of ECDSA P-256, P-384, P-521 or Ed25519 (DER SubjectPublicKeyInfo, uncompressed)")
