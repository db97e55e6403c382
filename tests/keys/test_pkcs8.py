"""Private keys as text: OpenSSL reads ours, we read OpenSSL's, and what fails shows no secret."""

from __future__ import annotations

import subprocess
import traceback
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from jupyter_mlsc.errors import KeyUnavailableError, MlscError, UsageError
from jupyter_mlsc.keys import ALGORITHMS, Secret
from jupyter_mlsc.keys.pkcs8 import encrypted_pem, is_encrypted, plain_pem, private_key, wrapped_pem
from jupyter_mlsc.keys.signer import generate, public_of

PASSPHRASE = Secret(b"correct horse")


def never() -> Secret:
    raise AssertionError("a passphrase was asked for")


def openssl(*arguments: str | Path) -> bytes:
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=True).stdout


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_openssl_reads_what_we_encrypt(algorithm: str, tmp_path: Path) -> None:
    key = generate(algorithm)
    file = tmp_path / "key.pem"
    file.write_bytes(encrypted_pem(key, PASSPHRASE))
    assert openssl("pkey", "-in", file, "-passin", "pass:correct horse", "-pubout").decode() == public_of(key).pem()
    assert public_of(private_key(Secret(file.read_bytes()), lambda: PASSPHRASE, "it")) == public_of(key)


def test_what_is_encrypted_is_stretched_with_scrypt(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(encrypted_pem(generate("ecdsa-p256"), PASSPHRASE))
    parsed = openssl("asn1parse", "-in", file).decode()
    assert ":PBES2" in parsed
    assert ":scrypt" in parsed
    assert ":aes-256-cbc" in parsed


@pytest.mark.parametrize(
    "arguments",
    [
        ("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
        ("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes256", "-pass", "pass:correct horse"),
        ("genpkey", "-algorithm", "ed25519"),
        ("ecparam", "-name", "secp384r1", "-genkey"),
    ],
)
def test_we_read_what_openssl_writes(arguments: tuple[str, ...]) -> None:
    pem = Secret(openssl(*arguments))
    assert public_of(private_key(pem, lambda: PASSPHRASE, "it")).algorithm in ALGORITHMS


def test_a_sec1_file_encrypted_in_the_old_way_is_read(tmp_path: Path) -> None:
    plain = tmp_path / "plain.pem"
    plain.write_bytes(openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout"))
    old = Secret(openssl("ec", "-in", plain, "-aes256", "-passout", "pass:correct horse"))
    assert is_encrypted(old)
    assert public_of(private_key(old, lambda: PASSPHRASE, "it")).algorithm == "ecdsa-p256"


def test_a_plain_key_is_read_without_a_question() -> None:
    key = generate("ed25519")
    assert public_of(private_key(plain_pem(key), never, "it")) == public_of(key)


@pytest.mark.parametrize("write", [encrypted_pem, wrapped_pem])
def test_a_wrong_passphrase_is_said_and_shown_nowhere(write: object) -> None:
    pem = Secret(write(generate("ecdsa-p256"), PASSPHRASE))  # type: ignore[operator]  # one of the two writers
    with pytest.raises(KeyUnavailableError, match="wrong passphrase") as caught:
        private_key(pem, lambda: Secret(bytes.fromhex("68756e74657232")), "the key alice")  # in hex, since tracebacks show this line
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (b"", "no private key in PEM form"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no private key in PEM form"),
        (public_of(generate("ed25519")).pem().encode(), "no private key in PEM form"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "damaged"),
        (b"-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----\n", "damaged"),
        (encrypted_pem(generate("ed25519"), PASSPHRASE)[:-60] + b"\n-----END ENCRYPTED PRIVATE KEY-----\n", "damaged"),
    ],
)
def test_text_that_is_no_private_key_is_refused(pem: bytes, why: str) -> None:
    with pytest.raises(KeyUnavailableError, match=why):
        private_key(Secret(pem), lambda: PASSPHRASE, "it")


@pytest.mark.parametrize(
    ("key", "what"),
    [
        (rsa.generate_private_key(65537, 2048), "RSA"),
        (ec.generate_private_key(ec.SECP256K1()), "secp256k1"),
        (ec.generate_private_key(ec.SECP224R1()), "secp224r1"),
    ],
)
def test_a_key_of_another_algorithm_is_named(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, what: str) -> None:
    pem = Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(UsageError, match=what):
        private_key(pem, never, "it")


def test_no_keys_are_made_of_another_algorithm() -> None:
    with pytest.raises(MlscError, match="rsa2048"):
        generate("rsa2048")
