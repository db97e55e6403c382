"""Private keys as PEM text: written as PKCS#8, plain or encrypted; read from PKCS#8 or SEC1.

Rules kept here: a passphrase that a person chose is stretched with scrypt (RFC 7914) inside PBES2 (RFC 8018), which OpenSSL reads too;
errors carry no secret and no foreign exception that could.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from jupyter_mlsc.errors import KeyUnavailableError, UsageError
from jupyter_mlsc.keys.passphrase import Secret

if TYPE_CHECKING:
    from jupyter_mlsc.keys.signer import PrivateKey

MAX_PEM_BYTES = 64 * 1024

# OWASP's row for 16 MiB: OpenSSL refuses to read PKCS#8 whose scrypt needs more than 32 MiB, so the work goes into p.
SCRYPT_N, SCRYPT_R, SCRYPT_P = 1 << 14, 8, 5

# `openssl ecparam -genkey` puts a block of parameters before the key, and other tools add text: only the key's own block is read.
_BLOCK = re.compile(rb"-----BEGIN (PRIVATE KEY|ENCRYPTED PRIVATE KEY|EC PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)


def plain_pem(key: PrivateKey) -> Secret:
    """PKCS#8 without encryption, for keys that sign unattended."""
    from cryptography.hazmat.primitives import serialization as s

    return Secret(key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()))


def wrapped_pem(key: PrivateKey, secret: Secret) -> bytes:
    """PKCS#8 encrypted with a random secret of at least 256 bits, which needs no stretching."""
    from cryptography.hazmat.primitives import serialization as s

    return key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.BestAvailableEncryption(secret.reveal()))


def encrypted_pem(key: PrivateKey, passphrase: Secret) -> bytes:
    """PKCS#8 encrypted with a person's passphrase: PBES2 with scrypt and AES-256-CBC.

    cryptography's own encryption of PKCS#8 takes PBKDF2 with 2,048 rounds and no choice: a third of a millisecond for a guess.
    """
    from cryptography.hazmat.primitives import padding
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    salt, vector = os.urandom(16), os.urandom(16)
    derivation = Scrypt(salt=salt, length=32, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P)
    encryptor = Cipher(algorithms.AES(derivation.derive(passphrase.reveal())), modes.CBC(vector)).encryptor()
    padder = padding.PKCS7(128).padder()
    padded = Secret(padder.update(key.private_bytes(s.Encoding.DER, s.PrivateFormat.PKCS8, s.NoEncryption())) + padder.finalize())
    sealed = encryptor.update(padded.reveal()) + encryptor.finalize()
    scrypt = _sequence(_object("2b06010401da47040b"), _sequence(_octets(salt), _integer(SCRYPT_N), _integer(SCRYPT_R), _integer(SCRYPT_P)))
    cipher = _sequence(_object("60864801650304012a"), _octets(vector))
    der = _sequence(_sequence(_object("2a864886f70d01050d"), _sequence(scrypt, cipher)), _octets(sealed))
    text = base64.b64encode(der)
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return b"\n".join([b"-----BEGIN ENCRYPTED PRIVATE KEY-----", *lines, b"-----END ENCRYPTED PRIVATE KEY-----", b""])


def is_encrypted(pem: Secret) -> bool:
    """True when the PEM text needs a passphrase (PKCS#8, or the older form of SEC1 files)."""
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in pem.reveal() or b"Proc-Type: 4,ENCRYPTED" in pem.reveal()


def private_key(pem: Secret, passphrase: Callable[[], Secret], what: str) -> PrivateKey:
    """Read a private key; ``passphrase`` is called only if the text is encrypted. ``what`` names the key in messages.

    Raises KeyUnavailableError for a wrong passphrase or text that is no private key, UsageError for an algorithm that is not accepted.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if _BLOCK.search(pem.reveal()) is None:
        raise KeyUnavailableError(
            f"{what} is no private key in PEM form", next_step="PKCS#8 (BEGIN [ENCRYPTED] PRIVATE KEY) and SEC1 (BEGIN EC PRIVATE KEY) are read"
        )
    encrypted = is_encrypted(pem)
    secret = passphrase() if encrypted else None
    key = None
    # What failed is raised below and not from here, so that no foreign traceback with secrets in its frames is chained to it.
    with contextlib.suppress(ValueError, TypeError, UnsupportedAlgorithm):
        key = load_pem_private_key(_block(pem).reveal(), None if secret is None else secret.reveal())
    if key is None:
        if encrypted:
            raise KeyUnavailableError(
                f"wrong passphrase for {what} (or its text is damaged)", next_step="try again with the passphrase that the key was made with"
            )
        raise KeyUnavailableError(
            f"the private key of {what} cannot be read: its text is damaged or of an unknown kind",
            next_step="restore the file, or make a new key: mlsc keys new",
        )
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in ("secp256r1", "secp384r1", "secp521r1"):
        return key
    kind = (
        f"an ECDSA key on {key.curve.name}"
        if isinstance(key, ec.EllipticCurvePrivateKey)
        else f"a key of another kind, {type(key).__name__.removesuffix('PrivateKey')}"
    )
    raise UsageError(f"{what} is not accepted: it is {kind}", next_step="use ECDSA P-256 (mlsc keys new), P-384, P-521 or Ed25519")


def _block(pem: Secret) -> Secret:
    found = _BLOCK.search(pem.reveal())
    assert found is not None  # the caller looked
    return Secret(found[0] + b"\n")


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + content


def _sequence(*parts: bytes) -> bytes:
    return _der(0x30, b"".join(parts))


def _object(identifier: str) -> bytes:
    return _der(0x06, bytes.fromhex(identifier))


def _octets(content: bytes) -> bytes:
    return _der(0x04, content)


def _integer(value: int) -> bytes:
    return _der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))
