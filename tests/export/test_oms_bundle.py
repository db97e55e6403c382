"""OMS bundles: written as the specification says, read strictly, compared file by file; vectors were written by model_signing 1.1.1."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlsc.artifacts import ManifestLine, Measurement
from jupyter_mlsc.attestation import Envelope, Signature, open_envelope, pae
from jupyter_mlsc.digests import measure
from jupyter_mlsc.errors import AttestationError, UsageError
from jupyter_mlsc.export.oms import oms_bundle, oms_manifest, oms_statement, read_oms_bundle, resources_of, write_oms_bundle
from jupyter_mlsc.keys import PublicKey
from jupyter_mlsc.keys.signer import LocalSigner, generate

VECTORS = Path(__file__).parent.parent / "vectors" / "oms"

signer, other = LocalSigner(generate("ecdsa-p256")), LocalSigner(generate("ecdsa-p256"))
KNOWN = {signer.public.key_id: signer.public}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def tree(**contents: str) -> Measurement:
    lines = tuple(ManifestLine(name.replace("__", "/"), sha256(text), len(text)) for name, text in sorted(contents.items()))
    return Measurement(sum(line.size for line in lines), dirhash="0" * 64, manifest=lines)


def file(text: str) -> Measurement:
    return Measurement(len(text), sha256=sha256(text))


def changed(change: Callable[[dict[str, Any]], None], *, signed_by: LocalSigner = signer, measured: Measurement | None = None) -> bytes:
    """A bundle whose statement was changed and then signed again: what a hostile signer may write."""
    bundle = json.loads(oms_bundle(measured or tree(a="1", b__c="2"), "model", signed_by))
    body = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    change(body)
    payload = json.dumps(body).encode()
    envelope = Envelope("application/vnd.in-toto+json", payload, (Signature("", signed_by.sign(pae("application/vnd.in-toto+json", payload))),))
    return write_oms_bundle(envelope, signed_by.public.oms_hint)


def test_a_tree_and_a_file_come_back() -> None:
    for measured, names in ((tree(b__c="2", a="1"), ["a", "b/c"]), (file("x"), ["."])):
        bundle = read_oms_bundle(oms_bundle(measured, "model", signer))
        opened = open_envelope(bundle.envelope, KNOWN)
        assert opened.verified == (signer.public.key_id,)
        manifest = oms_manifest(opened.statement)
        assert list(manifest.resources) == names
        assert manifest == bundle.unverified
        assert resources_of(opened.statement) == bundle.resources
        assert manifest.compare(measured, "model").same
        assert manifest.name == "model"


def test_a_bundle_has_the_bytes_that_the_specification_asks_for() -> None:
    bundle = json.loads(oms_bundle(tree(b="2", a="1"), "model", signer))
    assert list(bundle) == ["mediaType", "verificationMaterial", "dsseEnvelope"]
    assert bundle["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert bundle["verificationMaterial"] == {"publicKey": {"hint": hashlib.sha256(signer.public.pem().encode()).hexdigest()}, "tlogEntries": []}
    assert [signature["keyid"] for signature in bundle["dsseEnvelope"]["signatures"]] == [""]
    root = hashlib.sha256(bytes.fromhex(sha256("1")) + bytes.fromhex(sha256("2"))).hexdigest()
    assert json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"])) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model", "digest": {"sha256": root}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [".git", ".gitattributes", ".github", ".gitignore", "model.sig"],
            },
            "resources": [{"name": "a", "algorithm": "sha256", "digest": sha256("1")}, {"name": "b", "algorithm": "sha256", "digest": sha256("2")}],
        },
    }


def test_names_are_written_by_code_point_not_by_folder() -> None:
    lines = tuple(ManifestLine(name, sha256(name), 1) for name in ("a/x", "a-b/x", "é", "Z", "\U0001f600", "\uffee"))
    statement = oms_statement(Measurement(6, dirhash="0" * 64, manifest=lines), "model")
    assert [item["name"] for item in statement.predicate["resources"]] == ["Z", "a-b/x", "a/x", "é", "\uffee", "\U0001f600"]


def test_every_difference_is_named() -> None:
    manifest = read_oms_bundle(oms_bundle(tree(a="1", b="2", c="3"), "model", signer)).unverified
    found = manifest.compare(tree(a="1", b="changed", d="4"), "model")
    assert (found.changed, found.missing, found.unsigned, found.same) == (("b",), ("c",), ("d",), False)


def test_two_files_that_changed_names_are_found_though_the_root_is_the_same() -> None:
    before, after = tree(a="1", b="2"), tree(c="1", d="2")
    manifest = read_oms_bundle(oms_bundle(before, "model", signer)).unverified
    assert manifest.root == read_oms_bundle(oms_bundle(after, "model", signer)).unverified.root
    assert not manifest.compare(after, "model").same


def test_what_a_signer_ignored_is_unsigned() -> None:
    def ignore(body: dict[str, Any]) -> None:
        body["predicate"]["serialization"]["ignore_paths"].append("weights")

    manifest = read_oms_bundle(changed(ignore)).unverified
    assert manifest.compare(tree(a="1", b__c="2", weights__w="3"), "model").unsigned == ("weights/w",)


def test_a_single_file_is_known_by_a_dot_or_by_its_own_name() -> None:
    def name_it(body: dict[str, Any]) -> None:
        body["predicate"]["resources"][0]["name"] = "model.bin"

    manifest = read_oms_bundle(changed(name_it, measured=file("x"))).unverified
    assert manifest.compare(file("x"), "model.bin").same
    assert manifest.compare(file("y"), "model.bin").changed == ("model.bin",)
    assert not manifest.compare(file("x"), "other.bin").same
    assert not manifest.compare(tree(a="x"), "model").same


@pytest.mark.parametrize("listed", ["a/x first", "a-b/x first"])
def test_either_order_of_the_files_is_read(listed: str) -> None:
    lines = tuple(ManifestLine(name, sha256(name), 1) for name in ("a/x", "a-b/x"))
    measured = Measurement(2, dirhash="0" * 64, manifest=lines)

    def order(body: dict[str, Any]) -> None:
        resources = sorted(body["predicate"]["resources"], key=lambda item: item["name"] == "a/x", reverse=listed == "a/x first")
        body["predicate"]["resources"] = resources
        body["subject"][0]["digest"]["sha256"] = hashlib.sha256(b"".join(bytes.fromhex(item["digest"]) for item in resources)).hexdigest()

    assert read_oms_bundle(changed(order, measured=measured)).unverified.compare(measured, "model").same


def test_a_changed_payload_or_another_signature_is_reported_by_the_hint() -> None:
    bundle = read_oms_bundle(oms_bundle(tree(a="1"), "model", signer))
    payload = bundle.envelope.payload.replace(b'"name":"a"', b'"name":"b"')
    assert open_envelope(replace(bundle.envelope, payload=payload), KNOWN).bad == (signer.public.key_id,)
    forged = read_oms_bundle(write_oms_bundle(read_oms_bundle(oms_bundle(tree(a="1"), "model", other)).envelope, signer.public.oms_hint))
    opened = open_envelope(forged.envelope, KNOWN)
    assert (opened.verified, opened.bad) == ((), (signer.public.key_id,))


def test_an_ed25519_key_makes_no_bundle() -> None:
    with pytest.raises(UsageError, match="ed25519"):
        oms_bundle(tree(a="1"), "model", LocalSigner(generate("ed25519")))


@pytest.mark.parametrize(
    ("measured", "why"),
    [
        (Measurement(0, dirhash="0" * 64, manifest=()), "no files"),
        (Measurement(1, content_root="0" * 64), "was not computed"),
        (Measurement(1, dirhash="0" * 64, manifest=(ManifestLine(".github", "0" * 64, 1),)), ".github"),
        (Measurement(1, dirhash="0" * 64, manifest=(ManifestLine("model.sig", "0" * 64, 1),)), "model.sig"),
    ],
)
def test_what_a_bundle_cannot_cover_is_not_signed(measured: Measurement, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        oms_bundle(measured, "model", signer)


def _set(*path: str | int, to: object) -> Callable[[dict[str, Any]], None]:
    def change(body: dict[str, Any]) -> None:
        place: Any = body
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return change


RESOURCES = ("predicate", "resources")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_set("predicateType", to="https://model_signing/Digests/v0.1"), "no OMS v1.0"),
        (_set("subject", to=[{"name": "a", "digest": {"sha256": "0" * 64}}] * 2), "exactly one subject"),
        (_set("subject", 0, "digest", to={"sha256": "0" * 64}), "contradicts itself"),
        (_set("subject", 0, "digest", to={"sha512": "0" * 128}), "contradicts itself"),
        (_set(*RESOURCES, 0, "digest", to="0" * 64), "contradicts itself"),
        (_set(*RESOURCES, 0, "digest", to="0" * 63), "64 hex"),
        (_set(*RESOURCES, 0, "algorithm", to="blake2b"), "sha256"),
        (_set(*RESOURCES, 0, "name", to="../a"), "no path inside"),
        (_set(*RESOURCES, 0, "name", to="/a"), "no path inside"),
        (_set(*RESOURCES, 0, "name", to="b//c"), "no path inside"),
        (_set(*RESOURCES, 0, "name", to=""), "no path inside"),
        (_set(*RESOURCES, 0, "name", to="b/c"), "twice"),
        (_set(*RESOURCES, 0, "name", to=1), "not a name"),
        (_set(*RESOURCES, 0, to="a"), "not a name"),
        (_set(*RESOURCES, to=[]), "no files"),
        (_set(*RESOURCES, to=None), "no serialization or no resources"),
        (_set("predicate", "serialization", to=None), "no serialization"),
        (_set("predicate", "serialization", "method", to="shards"), "shards"),
        (_set("predicate", "serialization", "hash_type", to="blake2b"), "blake2b"),
        (_set("predicate", "serialization", "ignore_paths", to="x"), "ignore_paths"),
    ],
)
def test_a_statement_that_is_malformed_or_cannot_be_checked_is_refused_though_it_is_signed(change: Callable[[dict[str, Any]], None], why: str) -> None:
    with pytest.raises(AttestationError, match=why):
        read_oms_bundle(changed(change))


GOOD = json.loads(oms_bundle(tree(a="1"), "model", signer))
SIGNATURE = GOOD["dsseEnvelope"]["signatures"][0]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"mediaType": "application/json"}, "mediaType"),
        ({"mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.1"}, "mediaType"),
        ({"verificationMaterial": None}, "verificationMaterial"),
        ({"verificationMaterial": {"tlogEntries": []}}, "publicKey"),
        ({"verificationMaterial": {"publicKey": {"hint": 3}}}, "publicKey"),
        ({"verificationMaterial": {"x509CertificateChain": {"certificates": []}}}, "certificate"),
        ({"verificationMaterial": {"certificate": {}, "publicKey": {"hint": ""}}}, "certificate"),
        ({"dsseEnvelope": None}, "no DSSE envelope"),
        ({"messageSignature": {}}, "no DSSE envelope"),
        ({"dsseEnvelope": {**GOOD["dsseEnvelope"], "signatures": [SIGNATURE, {"sig": "AAAA"}]}}, "exactly one signature"),
        ({"dsseEnvelope": {**GOOD["dsseEnvelope"], "payloadType": "text/plain"}}, "not an in-toto"),
    ],
)
def test_a_bundle_that_is_malformed_or_cannot_be_checked_is_refused(changes: dict[str, object], why: str) -> None:
    with pytest.raises(AttestationError, match=why):
        read_oms_bundle(json.dumps({**GOOD, **changes}).encode())


def test_a_doubled_name_in_a_bundle_is_refused() -> None:
    text = json.dumps(GOOD)
    with pytest.raises(AttestationError, match="stands twice"):
        read_oms_bundle((text[:-1] + ', "dsseEnvelope": {}}').encode())


def test_the_envelope_of_several_signatures_makes_no_bundle() -> None:
    envelope = read_oms_bundle(json.dumps(GOOD).encode()).envelope
    with pytest.raises(AttestationError, match="exactly one signature"):
        write_oms_bundle(replace(envelope, signatures=envelope.signatures * 2), "")


@pytest.mark.parametrize(("bundle", "target"), [("tree.sig", "tree"), ("file.sig", "tree/weights.bin")])
def test_what_model_signing_wrote_verifies_here(bundle: str, target: str) -> None:
    public = PublicKey.parse((VECTORS / "public.pem").read_text())
    read = read_oms_bundle((VECTORS / bundle).read_bytes())
    assert read.hint == public.oms_hint
    opened = open_envelope(read.envelope, {public.key_id: public})
    assert opened.verified == (public.key_id,)
    path = VECTORS / target
    assert oms_manifest(opened.statement).compare(measure(path), path.name).same
