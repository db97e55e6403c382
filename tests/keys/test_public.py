"""Public keys: one key has one form and one id, what is no accepted key is named, and a signature is checked for what it is."""

from __future__ import annotations

import base64
import hashlib
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from jupyter_mlsc.errors import UsageError
from jupyter_mlsc.keys import ALGORITHMS, PublicKey
from jupyter_mlsc.keys.signer import LocalSigner, generate, public_of

SPKI = PublicFormat.SubjectPublicKeyInfo
KEY = generate("ecdsa-p256")
PUBLIC = public_of(KEY)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_id_and_pem_are_what_openssl_prints(algorithm: str, tmp_path: Path) -> None:
    public = public_of(generate(algorithm))
    pem = tmp_path / "key.pem"
    pem.write_text(public.pem())
    der = subprocess.run(["openssl", "pkey", "-pubin", "-in", pem, "-outform", "DER"], capture_output=True, check=True).stdout
    text = subprocess.run(["openssl", "pkey", "-pubin", "-in", pem], capture_output=True, check=True, text=True).stdout
    assert public.key_id == hashlib.sha256(der).hexdigest()
    assert public.pem() == text
    assert public.oms_hint == hashlib.sha256(text.encode()).hexdigest()
    assert public.algorithm == algorithm


def test_both_spellings_give_one_key() -> None:
    assert PublicKey.parse(PUBLIC.base64_der) == PublicKey.parse(PUBLIC.pem()) == PublicKey.parse(f"\n {PUBLIC.pem()}\n") == PUBLIC


def test_a_key_names_itself_by_three_hints_and_no_others() -> None:
    conformance = base64.b64encode(hashlib.sha256(PUBLIC.der).digest()).decode()
    assert all(PUBLIC.is_named(hint) for hint in (PUBLIC.key_id, PUBLIC.oms_hint, conformance))
    assert not any(PUBLIC.is_named(hint) for hint in ("", PUBLIC.key_id[:16], PUBLIC.key_id.upper()))


def _der(key: object) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, SPKI)  # type: ignore[attr-defined,no-any-return]  # every private key has it


def _compressed() -> bytes:
    point = KEY.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point


@pytest.mark.parametrize(
    ("der", "what"),
    [
        (_der(rsa.generate_private_key(65537, 2048)), "RSA"),
        (_der(ec.generate_private_key(ec.SECP256K1())), "secp256k1"),
        (_der(ec.generate_private_key(ec.SECP224R1())), "P-224"),
        (_der(ec.generate_private_key(ec.BrainpoolP256R1())), "another curve"),
        (_der(ed448.Ed448PrivateKey.generate()), "Ed448"),
        (_der(x25519.X25519PrivateKey.generate()), "X25519"),
        (_der(dsa.generate_private_key(1024)), "DSA"),
        (_compressed(), "uncompressed"),
        (PUBLIC.der + b"\x00", "not"),
        (PUBLIC.der[:-1], "not"),
        (b"", "no SubjectPublicKeyInfo"),
        (b"x" * 91, "no SubjectPublicKeyInfo"),
    ],
)
def test_a_key_that_is_not_accepted_is_named(der: bytes, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        PublicKey.parse(base64.b64encode(der).decode())


PRIVATE_TEXT = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no SubjectPublicKeyInfo"),
        ("ssh-ed25519 AAAAC3Nza", "neither PEM nor base64"),
        (PUBLIC.pem() + PUBLIC.pem(), "not one public key"),
        (PUBLIC.pem().replace("PUBLIC KEY", "CERTIFICATE"), "not one public key"),
        (PRIVATE_TEXT, "private key"),
    ],
)
def test_text_that_is_no_public_key_is_refused(text: str, what: str) -> None:
    with pytest.raises(UsageError, match=what) as caught:
        PublicKey.parse(text)
    assert PRIVATE_TEXT.splitlines()[1] not in str(caught.value)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_holds_for_its_key_and_its_bytes_only(algorithm: str) -> None:
    signer, other = LocalSigner(generate(algorithm)), public_of(generate(algorithm))
    signature = signer.sign(b"data")
    assert signer.public.verify(signature, b"data")
    assert not signer.public.verify(signature, b"data ")
    assert not other.verify(signature, b"data")
    for broken in (b"", b"x", signature[:-1], signature + b"\x00", signature[:-1] + bytes([signature[-1] ^ 1])):
        assert not signer.public.verify(broken, b"data")


def test_r_and_s_side_by_side_are_no_signature_here() -> None:
    r, s = decode_dss_signature(LocalSigner(KEY).sign(b"data"))
    assert not PUBLIC.verify(r.to_bytes(32, "big") + s.to_bytes(32, "big"), b"data")


def test_a_p384_signature_with_another_hash_is_refused() -> None:
    from cryptography.hazmat.primitives.hashes import SHA256

    key = generate("ecdsa-p384")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert not public_of(key).verify(key.sign(b"data", ec.ECDSA(SHA256())), b"data")


def test_a_point_off_its_curve_verifies_nothing() -> None:
    off = PublicKey(PUBLIC.der[:-1] + bytes([PUBLIC.der[-1] ^ 1]))
    with pytest.raises(UsageError, match="no valid point"):
        off.verify(LocalSigner(KEY).sign(b"data"), b"data")


def test_a_key_that_was_used_can_still_be_sent_to_another_process() -> None:
    PUBLIC.verify(b"", b"")
    assert pickle.loads(pickle.dumps(PUBLIC)) == PUBLIC


def test_importing_and_parsing_load_no_cryptography_and_no_keyring(run_python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    code = (
        f"import sys, jupyter_mlsc.attestation as a; a.PublicKey.parse({PUBLIC.base64_der!r}).oms_hint; print({{'cryptography', 'keyring'}} & {{*sys.modules}})"
    )
    assert run_python(code).stdout == "set()\n"
