"""Public keys: what a policy names and what a signature is checked with.

Rules kept here: a key is its DER SubjectPublicKeyInfo in the one canonical form (named curve, uncompressed point), so one key has one id
and cannot be counted twice; only ECDSA on P-256, P-384 and P-521, each with its own hash, and Ed25519 are accepted. ``cryptography`` is
loaded by the first verification.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

from jupyter_mlsc.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

KeyAlgorithm = Literal["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519"]
ALGORITHMS: tuple[KeyAlgorithm, ...] = get_args(KeyAlgorithm)

# RFC 5480 and RFC 8410: everything in a SubjectPublicKeyInfo before the point itself, and the whole length in bytes.
_SHAPES: tuple[tuple[KeyAlgorithm, bytes, int], ...] = (
    ("ecdsa-p256", bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"), 91),
    ("ecdsa-p384", bytes.fromhex("3076301006072a8648ce3d020106052b8104002203620004"), 120),
    ("ecdsa-p521", bytes.fromhex("30819b301006072a8648ce3d020106052b8104002303818600" + "04"), 158),
    ("ed25519", bytes.fromhex("302a300506032b6570032100"), 44),
)

# Object identifiers (DER) of keys that people try, so that the refusal can name what it saw.
_REFUSED: tuple[tuple[bytes, str], ...] = (
    (bytes.fromhex("06092a864886f70d010101"), "an RSA key"),
    (bytes.fromhex("06092a864886f70d01010a"), "an RSA-PSS key"),
    (bytes.fromhex("06052b8104000a"), "an ECDSA key on secp256k1"),
    (bytes.fromhex("06052b81040021"), "an ECDSA key on P-224"),
    (bytes.fromhex("06032b6571"), "an Ed448 key"),
    (bytes.fromhex("06032b656e"), "an X25519 key, which cannot sign"),
    (bytes.fromhex("06072a8648ce380401"), "a DSA key"),
    (bytes.fromhex("06072a8648ce3d0201"), "an ECDSA key on another curve, or not in the uncompressed named-curve form"),
)

_ACCEPTED = "make one with: mlsc keys new (ECDSA P-256), or use ECDSA P-384, P-521 or Ed25519"
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s*([A-Za-z0-9+/=\s]*?)\s*-----END \1-----\Z")


@dataclass(frozen=True)
class PublicKey:
    """A public key as its DER SubjectPublicKeyInfo. Raises UsageError when made from anything else."""

    der: bytes

    def __post_init__(self) -> None:
        if not any(self.der.startswith(prefix) and len(self.der) == length for _, prefix, length in _SHAPES):
            found = next((words for identifier, words in _REFUSED if identifier in self.der[:40]), "no SubjectPublicKeyInfo that is known here")
            raise UsageError(f"this public key is not accepted: it is {found}", next_step=_ACCEPTED)

    def __reduce__(self) -> tuple[type[PublicKey], tuple[bytes]]:
        return PublicKey, (self.der,)

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """Read base64 DER (as in mlsc.toml) or one PEM block. Raises UsageError that says what the text is instead."""
        text = text.strip()
        if text.startswith("-----"):
            block = _PEM.match(text)
            if "PRIVATE KEY" in text:
                raise UsageError("this is a private key, where a public key is asked for", next_step="print the public key with: mlsc keys export")
            if block is None or block[1] != "PUBLIC KEY":
                raise UsageError("this PEM text is not one public key", next_step="it must hold one block: -----BEGIN PUBLIC KEY-----")
            text = block[2]
        try:
            der = base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError) as err:
            raise UsageError("this public key is neither PEM nor base64", next_step="print it with: mlsc keys export") from err
        return cls(der)

    @cached_property
    def key_id(self) -> str:
        """Lowercase hex SHA-256 of the DER: the key's fingerprint."""
        return hashlib.sha256(self.der).hexdigest()

    @cached_property
    def algorithm(self) -> KeyAlgorithm:
        """What the key signs with."""
        return next(name for name, prefix, length in _SHAPES if self.der.startswith(prefix) and len(self.der) == length)

    @cached_property
    def base64_der(self) -> str:
        """The form that mlsc.toml holds."""
        return base64.b64encode(self.der).decode("ascii")

    @cached_property
    def oms_hint(self) -> str:
        """The hint of an OMS bundle: lowercase hex SHA-256 of the PEM text, not of the DER."""
        return hashlib.sha256(self.pem().encode("ascii")).hexdigest()

    def pem(self) -> str:
        """The key as PEM text: 64 columns, one trailing newline (RFC 7468), as OpenSSL writes it."""
        lines = [self.base64_der[start : start + 64] for start in range(0, len(self.base64_der), 64)]
        return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])

    def is_named(self, hint: str) -> bool:
        """True when a signature's hint means this key: our id, the OMS hint, or the form of the sigstore conformance suite (base64 of the id)."""
        return hint in (self.key_id, self.oms_hint, base64.b64encode(bytes.fromhex(self.key_id)).decode("ascii"))

    def verify(self, signature: bytes, data: bytes) -> bool:
        """True when ``signature`` (DER for ECDSA, 64 bytes for Ed25519) is this key's over ``data``.

        Raises UsageError when the key is no point on its curve, for then nothing can be said.
        """
        from cryptography.exceptions import InvalidSignature

        try:
            self._verify(signature, data)
        except InvalidSignature:
            return False
        return True

    @cached_property
    def _verify(self) -> Callable[[bytes, bytes], None]:
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        try:
            key = load_der_public_key(self.der)
        except ValueError as err:
            raise UsageError(f"the public key {self.key_id[:16]} is no valid point on its curve", next_step=_ACCEPTED) from err
        if isinstance(key, ed25519.Ed25519PublicKey):
            return key.verify
        assert isinstance(key, ec.EllipticCurvePublicKey)  # no other shape passes __post_init__
        elliptic, scheme = key, ec.ECDSA(curve_hash(self.algorithm))
        return lambda signature, data: elliptic.verify(signature, data, scheme)


def curve_hash(algorithm: KeyAlgorithm) -> HashAlgorithm:
    """The hash that is bound to a curve (OMS v1.0): SHA-256 for P-256, SHA-384 for P-384, SHA-512 for P-521."""
    from cryptography.hazmat.primitives import hashes

    bound: dict[str, HashAlgorithm] = {"ecdsa-p256": hashes.SHA256(), "ecdsa-p384": hashes.SHA384(), "ecdsa-p521": hashes.SHA512()}
    return bound[algorithm]
