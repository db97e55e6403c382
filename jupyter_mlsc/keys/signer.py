"""The one interface behind which a private key signs, and the signer whose key is in this process's memory.

A signer that reaches a KMS or an HSM is another class with the same two members.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Protocol

from jupyter_mlsc.errors import UsageError
from jupyter_mlsc.keys.public import PublicKey, curve_hash

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    PrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey


class Signer(Protocol):
    """Signs with one key: DER signatures for ECDSA, 64 bytes for Ed25519."""

    @property
    def public(self) -> PublicKey:
        """The public half of the key."""

    def sign(self, data: bytes) -> bytes:
        """The signature over ``data``. Raises KeyUnavailableError when the key cannot be reached."""


class LocalSigner:
    """A signer whose unlocked private key is held in memory. It shows and pickles nothing of it."""

    __slots__ = ("_key", "_public")

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self._public = public_of(key)

    @property
    def public(self) -> PublicKey:
        """The public half of the key."""
        return self._public

    def sign(self, data: bytes) -> bytes:
        """The signature over ``data``."""
        from cryptography.hazmat.primitives.asymmetric import ec

        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return self._key.sign(data, ec.ECDSA(curve_hash(self._public.algorithm)))
        return self._key.sign(data)

    def __repr__(self) -> str:
        return f"LocalSigner({self._public.algorithm}, {self._public.key_id[:16]})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not copied or pickled")


def public_of(key: PrivateKey) -> PublicKey:
    """The public half of a private key. Raises UsageError for a curve that is not accepted."""
    from cryptography.hazmat.primitives import serialization

    return PublicKey(key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))


def generate(algorithm: str) -> PrivateKey:
    """A new private key. Raises UsageError for an algorithm in which no keys are made here."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if algorithm == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    curves: dict[str, ec.EllipticCurve] = {"ecdsa-p256": ec.SECP256R1(), "ecdsa-p384": ec.SECP384R1(), "ecdsa-p521": ec.SECP521R1()}
    if algorithm not in curves:
        raise UsageError(f"no keys are made with the algorithm {algorithm!r}", next_step=f"choose one of: {', '.join((*curves, 'ed25519'))}")
    return ec.generate_private_key(curves[algorithm])
