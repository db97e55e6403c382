"""Statements in envelopes: the published vector, the round trip, and everything that somebody might do to an envelope."""

from __future__ import annotations

import base64
import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlsc import attestation
from jupyter_mlsc.attestation import Envelope, Signature, Statement, Subject, add_signature, open_envelope, pae, read_unverified, seal
from jupyter_mlsc.errors import AttestationError
from jupyter_mlsc.keys import ALGORITHMS, PublicKey
from jupyter_mlsc.keys.signer import LocalSigner, generate

VECTORS = Path(__file__).parent / "vectors" / "dsse"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def signer(algorithm: str = "ecdsa-p256") -> LocalSigner:
    return LocalSigner(generate(algorithm))


def known(*signers: LocalSigner) -> dict[str, PublicKey]:
    return {one.public.key_id: one.public for one in signers}


def statement(name: str = "data/train.csv") -> Statement:
    return Statement((Subject(name, {"sha256": "ab" * 32}),), "https://example.com/approved/v1", {"name": name, "by": "Zoë", "rows": 3})


alice, bob, mallory = signer(), signer("ed25519"), signer()


def test_the_published_vector_has_our_encoding_payload_and_signature() -> None:
    vector = json.loads((VECTORS / "hello-world.json").read_text())
    envelope = Envelope.from_json(json.dumps(vector["envelope"]).encode())
    assert envelope.payload == b"hello world"
    assert pae(envelope.payload_type, envelope.payload) == vector["pae"].encode()
    key = ec.EllipticCurvePublicNumbers(vector["x"], vector["y"], ec.SECP256R1()).public_key()
    public = PublicKey(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    raw = envelope.signatures[0].sig
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    assert public.verify(der, vector["pae"].encode())


def test_lengths_in_the_encoding_count_bytes_not_characters() -> None:
    assert pae("é", "ü".encode()) == b"DSSEv1 2 \xc3\xa9 2 \xc3\xbc"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_sealed_statement_comes_back_whole(algorithm: str) -> None:
    maker = signer(algorithm)
    envelope = Envelope.from_json(seal(statement(), [maker]).to_json())
    opened = open_envelope(envelope, known(maker, mallory))
    assert opened.verified == (maker.public.key_id,)
    assert (opened.unknown, opened.bad) == (0, ())
    assert opened.statement == statement()


def test_several_keys_seal_one_statement() -> None:
    envelope = seal(statement(), [alice, bob])
    assert open_envelope(envelope, known(alice, bob)).verified == (alice.public.key_id, bob.public.key_id)
    assert open_envelope(envelope, known(bob)).unknown == 1


def test_a_signature_can_be_added_once() -> None:
    envelope = add_signature(seal(statement(), [alice]), bob)
    assert set(open_envelope(envelope, known(alice, bob)).verified) == {alice.public.key_id, bob.public.key_id}
    assert add_signature(envelope, bob) is envelope


def test_nobody_seals_nothing() -> None:
    with pytest.raises(AttestationError, match="at least one key"):
        seal(statement(), [])


def test_one_key_does_not_seal_twice() -> None:
    with pytest.raises(AttestationError, match="once"):
        seal(statement(), [alice, alice])


def test_a_statement_of_an_envelope_that_does_not_verify_cannot_be_read_by_accident() -> None:
    opened = open_envelope(seal(statement(), [mallory]), known(alice))
    assert opened.verified == ()
    with pytest.raises(AttestationError, match="does not verify"):
        _ = opened.statement


def test_an_opened_envelope_has_no_truth_value() -> None:
    with pytest.raises(TypeError, match="verified"):
        bool(open_envelope(seal(statement(), [alice]), known(alice)))


def test_a_changed_payload_is_found() -> None:
    envelope = seal(statement(), [alice])
    changed = replace(envelope, payload=envelope.payload.replace(b"train", b"trojn"))
    opened = open_envelope(changed, known(alice))
    assert opened.verified == ()
    assert opened.bad == (alice.public.key_id,)


def test_a_changed_payload_type_is_found() -> None:
    envelope = replace(seal(statement(), [alice]), payload_type="application/vnd.in-toto+json2")
    assert open_envelope(envelope, known(alice)).bad == (alice.public.key_id,)


def test_bytes_cannot_move_between_type_and_payload() -> None:
    envelope = Envelope("ab", b"c", (Signature("", alice.sign(pae("ab", b"c"))),))
    moved = replace(envelope, payload_type="a", payload=b"bc")
    assert open_envelope(moved, known(alice)).verified == ()


def test_a_payload_of_another_type_is_no_statement_even_when_it_is_signed() -> None:
    payload = statement().to_payload()
    envelope = Envelope("text/plain", payload, (Signature("", alice.sign(pae("text/plain", payload))),))
    with pytest.raises(AttestationError, match="not an in-toto statement"):
        open_envelope(envelope, known(alice))


def test_a_signature_from_another_envelope_is_found() -> None:
    other = seal(statement("data/test.csv"), [alice])
    swapped = replace(seal(statement(), [alice]), signatures=other.signatures)
    assert open_envelope(swapped, known(alice)).bad == (alice.public.key_id,)


def test_a_key_id_that_lies_gains_nothing() -> None:
    envelope = seal(statement(), [mallory])
    lying = replace(envelope, signatures=(replace(envelope.signatures[0], keyid=alice.public.key_id),))
    opened = open_envelope(lying, known(alice))
    assert opened.verified == ()
    assert opened.bad == (alice.public.key_id,)


def test_a_key_id_that_lies_does_not_hide_who_really_signed() -> None:
    envelope = seal(statement(), [bob])
    lying = replace(envelope, signatures=(replace(envelope.signatures[0], keyid=alice.public.key_id),))
    assert open_envelope(lying, known(alice, bob)).verified == (bob.public.key_id,)


@pytest.mark.parametrize("keyid", ["", "nobody", "a\u0000b"])
def test_a_signature_without_a_useful_key_id_is_still_checked(keyid: str) -> None:
    envelope = seal(statement(), [alice])
    envelope = replace(envelope, signatures=(replace(envelope.signatures[0], keyid=keyid),))
    assert open_envelope(envelope, known(alice, bob)).verified == (alice.public.key_id,)


def test_hints_of_other_tools_name_our_key() -> None:
    forged = seal(statement(), [mallory])
    for hint in (alice.public.oms_hint, base64.b64encode(bytes.fromhex(alice.public.key_id)).decode()):
        envelope = replace(forged, signatures=(replace(forged.signatures[0], keyid=hint),))
        assert open_envelope(envelope, known(alice)).bad == (alice.public.key_id,)


def test_a_garbage_signature_beside_a_good_one_is_reported() -> None:
    envelope = seal(statement(), [alice])
    garbage = (Signature(bob.public.key_id, b"\x00" * 64), Signature("", b"garbage"))
    opened = open_envelope(replace(envelope, signatures=envelope.signatures + garbage), known(alice, bob))
    assert opened.verified == (alice.public.key_id,)
    assert opened.bad == (bob.public.key_id,)
    assert opened.unknown == 1


def test_one_key_counts_once_though_its_signature_was_doubled_and_turned() -> None:
    envelope = seal(statement(), [alice])
    r, s = decode_dss_signature(envelope.signatures[0].sig)
    turned = encode_dss_signature(r, P256_ORDER - s)
    again = alice.sign(pae(envelope.payload_type, envelope.payload))
    signatures = (*envelope.signatures, Signature("", turned), Signature("other", again), envelope.signatures[0])
    opened = open_envelope(replace(envelope, signatures=signatures), known(alice))
    assert opened.verified == (alice.public.key_id,)
    assert (opened.unknown, opened.bad) == (0, ())


def test_an_ecdsa_signature_that_is_not_der_is_refused() -> None:
    envelope = seal(statement(), [alice])
    r, s = decode_dss_signature(envelope.signatures[0].sig)
    raw = Signature("", r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    assert open_envelope(replace(envelope, signatures=(raw,)), known(alice)).verified == ()


def test_the_digest_of_an_envelope_is_that_of_its_bytes_and_survives_foreign_spelling() -> None:
    import hashlib

    envelope = seal(statement(), [alice])
    assert envelope.digest == "sha256:" + hashlib.sha256(envelope.to_json()).hexdigest()
    foreign = json.dumps({**json.loads(envelope.to_json()), "extra": 1}, indent=4).encode()
    assert Envelope.from_json(foreign).digest == envelope.digest


def test_the_url_safe_alphabet_is_read_as_dsse_asks() -> None:
    envelope = Envelope("x", b"\xfb\xff\xfe", (Signature("", b"\xff\xff\xff"),))
    urlsafe = envelope.to_json().replace(b"+", b"-").replace(b"\\/", b"_").replace(b"/", b"_")
    assert Envelope.from_json(urlsafe) == envelope


def _json(**changes: object) -> bytes:
    body = {**json.loads(seal(statement(), [alice]).to_json()), **changes}
    return json.dumps({name: value for name, value in body.items() if value is not None}).encode()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "strict JSON"),
        (b"[]", "no JSON object"),
        (b"\xff\xfe{}", "UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
        (b'\xef\xbb\xbf{"payloadType": "a"}', "strict JSON"),
        (b'{"payload": "", "payload": "YQ=="}', "stands twice"),
        (b'{"payload": NaN}', "NaN"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "nested deeper"),
        (b"[" * 200_000, "nested deeper"),
        (b'{"a": "\\ud800"}', "no Unicode"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "strict JSON"),
        (_json(payload=None), "no payload"),
        (_json(payload=3), "no payload"),
        (_json(payload="YWI"), "base64"),
        (_json(payload="YW=="), "canonical"),
        (_json(payload="YWI=\n"), "base64"),
        (_json(payload="YW I="), "base64"),
        (_json(payload="+-YW"), "base64"),
        (_json(payload="YWé="), "base64"),
        (_json(payloadType=None), "payloadType"),
        (_json(payloadType=""), "payloadType"),
        (_json(signatures=None), "signatures"),
        (_json(signatures=[]), "0 signatures"),
        (_json(signatures=["YQ=="]), "signatures"),
        (_json(signatures=[{"sig": ""}]), "empty"),
        (_json(signatures=[{"keyid": 1, "sig": "YQ=="}]), "keyid"),
        (_json(signatures=[{"sig": "YQ=="}] * 65), "65 signatures"),
        (_json(signatures=[{"sig": base64.b64encode(b"x" * 20_000).decode()}]), "larger than"),
    ],
)
def test_a_malformed_envelope_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(AttestationError, match=why):
        Envelope.from_json(data)


def test_an_envelope_cut_short_anywhere_is_refused() -> None:
    whole = seal(statement(), [alice]).to_json()
    for length in range(len(whole)):
        with pytest.raises(AttestationError):
            Envelope.from_json(whole[:length])


def _payload(**changes: object) -> bytes:
    body = {**json.loads(statement().to_payload()), **changes}
    return json.dumps({name: value for name, value in body.items() if value is not None}).encode()


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (_payload(_type="https://in-toto.io/Statement/v0.1"), "no in-toto Statement v1"),
        (_payload(_type=None), "no in-toto Statement v1"),
        (_payload(subject=None), "subject"),
        (_payload(subject=[]), "needs a subject"),
        (_payload(subject={}), "subject"),
        (_payload(subject=["x"]), "subject"),
        (_payload(subject=[{"name": "x"}]), "digest"),
        (_payload(subject=[{"name": "x", "digest": {}}]), "no digest"),
        (_payload(subject=[{"name": "x", "digest": {"sha256": 3}}]), "no digest"),
        (_payload(subject=[{"name": "x", "digest": {"sha256": "AB" * 32}}]), "64 lowercase"),
        (_payload(subject=[{"name": "x", "digest": {"sha256": "ab" * 32 + "\n"}}]), "64 lowercase"),
        (_payload(subject=[{"name": 3, "digest": {"sha256": "ab" * 32}}]), "name"),
        (_payload(predicateType=None), "predicateType"),
        (_payload(predicateType=""), "predicate type"),
        (_payload(predicate=None), "predicate"),
        (_payload(predicate=[]), "predicate"),
        (statement().to_payload().replace(b'"predicate":{', b'"predicate":{"name":"other",'), "stands twice"),
        (statement().to_payload().replace(b'"_type"', b'"predicateType":"x","_type"'), "stands twice"),
    ],
)
def test_a_malformed_statement_is_refused(payload: bytes, why: str) -> None:
    with pytest.raises(AttestationError, match=why):
        Statement.from_payload(payload)


def test_a_signed_statement_with_a_doubled_name_is_refused_though_the_signature_holds() -> None:
    payload = statement().to_payload().replace(b'"predicate":{', b'"predicate":{"name":"data/other.csv",')
    envelope = Envelope(attestation.PAYLOAD_TYPE, payload, (Signature("", alice.sign(pae(attestation.PAYLOAD_TYPE, payload))),))
    with pytest.raises(AttestationError, match="stands twice"):
        open_envelope(envelope, known(alice))


def test_unknown_fields_are_ignored_as_in_toto_asks() -> None:
    assert Statement.from_payload(_payload(later="x")) == statement()


def test_a_statement_too_large_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    payload = statement().to_payload()
    monkeypatch.setattr(attestation, "MAX_PAYLOAD_BYTES", len(payload) - 1)
    with pytest.raises(AttestationError, match="larger than"):
        Statement.from_payload(payload)
    with pytest.raises(AttestationError, match="too large"):
        statement().to_payload()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), "\ud800"])
def test_what_json_cannot_carry_is_not_signed(value: object) -> None:
    with pytest.raises(AttestationError, match="cannot be written"):
        Statement(statement().subjects, "x", {"value": value}).to_payload()


def test_a_subject_keeps_its_digests() -> None:
    digests = {"sha256": "ab" * 32}
    subject = Subject("x", digests)
    digests["sha256"] = "cd" * 32
    assert subject.digest["sha256"] == "ab" * 32
    with pytest.raises(TypeError):
        subject.digest["sha256"] = "cd" * 32  # type: ignore[index]  # that it cannot be done is what is tested
    assert pickle.loads(pickle.dumps(subject)) == subject


def test_an_unverified_statement_is_read_only_by_its_name() -> None:
    assert read_unverified(seal(statement(), [mallory])) == statement()


@given(st.binary(max_size=200))
def test_hostile_bytes_end_in_our_error(data: bytes) -> None:
    for read in (Envelope.from_json, Statement.from_payload):
        with pytest.raises(AttestationError):
            read(data)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@given(st.text(), st.dictionaries(st.text(), _JSON, max_size=4), st.integers(0, 10_000), st.integers(1, 255))
def test_any_statement_round_trips_and_any_changed_byte_is_found(name: str, predicate: dict[str, object], place: int, change: int) -> None:
    said = Statement((Subject(name, {"dirHash": "0f" * 32}),), "p", predicate)
    envelope = seal(said, [bob])
    assert open_envelope(envelope, known(bob)).statement == said
    payload = bytearray(envelope.payload)
    payload[place % len(payload)] ^= change
    assert open_envelope(replace(envelope, payload=bytes(payload)), known(bob)).verified == ()
