"""OMS v1.0 bundles (OpenSSF Model Signing): a signature over the files of an artifact that anybody's tool can check.

Format: a sigstore bundle v0.3 around a DSSE envelope with exactly one ECDSA signature; method ``files`` with ``sha256`` only. Rules kept
here: names are written in the specification's order (by code point); what is compared is the map of names to digests, never the root
alone, for names are not in the root; what cannot be checked (certificates, shards, other hashes) is refused with words.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from jupyter_mlsc.artifacts import Measurement
from jupyter_mlsc.attestation import MAX_ENVELOPE_BYTES, Envelope, Statement, Subject, parse_json, read_unverified, seal
from jupyter_mlsc.errors import AttestationError, UsageError
from jupyter_mlsc.keys import Signer
from jupyter_mlsc.predicates import OMS_SIGNATURE

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_MEDIA_TYPES = (MEDIA_TYPE, "application/vnd.dev.sigstore.bundle+json;version=0.3")

SIGNATURE_NAME = "model.sig"
GIT_PATHS = (".git", ".gitattributes", ".github", ".gitignore")
_NOT_SIGNED = frozenset((*GIT_PATHS, SIGNATURE_NAME))

SINGLE_FILE = "."
"""What model_signing 1.1.1 calls the one file of a file's bundle; the specification says its basename. This is written, both are read."""

_HEX64 = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class OmsComparison:
    """How an artifact differs from a bundle: names of files that changed, that are gone, and that the bundle does not cover."""

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    unsigned: tuple[str, ...]

    @property
    def same(self) -> bool:
        """True when the bundle covers exactly these files with these bytes."""
        return not (self.changed or self.missing or self.unsigned)


@dataclass(frozen=True)
class OmsManifest:
    """What an OMS statement says: the artifact's basename, and the SHA-256 (hex) of each file by its name relative to the artifact."""

    name: str
    root: str
    resources: Mapping[str, str]
    ignore_paths: tuple[str, ...]

    def compare(self, measured: Measurement, name: str) -> OmsComparison:
        """Compare with an artifact as it is now; ``name`` is its basename. Raises UsageError when its SHA-256 was not computed.

        Whatever was measured and is not listed is unsigned, ignored paths of the bundle included: a measurement already leaves out what
        OMS leaves out by default, and a signer who ignores more has not stood for it.
        """
        if measured.manifest is not None:
            found = {line.name: line.sha256 for line in measured.manifest}
        else:
            inner = next(iter(self.resources)) if len(self.resources) == 1 else SINGLE_FILE
            found = {inner if inner in (SINGLE_FILE, name) else name: _sha256(measured, name)}
        return OmsComparison(
            tuple(sorted(file for file, digest in found.items() if file in self.resources and self.resources[file] != digest)),
            tuple(sorted(self.resources.keys() - found.keys())),
            tuple(sorted(found.keys() - self.resources.keys())),
        )


@dataclass(frozen=True)
class OmsBundle:
    """A bundle that was read, and not verified: open ``envelope`` with known keys, then read its statement with `oms_manifest`.

    ``hint`` says which key signed, unproven; where the signature names no key, the envelope here carries the hint instead.
    """

    envelope: Envelope
    hint: str
    unverified: OmsManifest

    @property
    def resources(self) -> Mapping[str, str]:
        """SHA-256 (hex) by name, as the bundle says it: unverified like the rest."""
        return self.unverified.resources


def oms_statement(measured: Measurement, name: str) -> Statement:
    """The OMS statement about a file or a tree; ``name`` is its basename. Raises UsageError when there is nothing to sign."""
    if measured.manifest is None:
        files = {SINGLE_FILE: _sha256(measured, name)}
        ignored = list(GIT_PATHS)
    else:
        files = {line.name: line.sha256 for line in measured.manifest}
        ignored = [*GIT_PATHS, SIGNATURE_NAME]
        hidden = next((file for file in files if file.split("/", 1)[0] in _NOT_SIGNED), None)
        if hidden is not None:
            raise UsageError(f"{name} has {hidden!r}, which readers of OMS take for no part of it", next_step=f"give {hidden!r} another name")
    if not files:
        raise UsageError(f"{name} has no files that an OMS bundle could cover", next_step="sign a file, or a folder that has files")
    resources = [{"name": file, "algorithm": "sha256", "digest": files[file]} for file in sorted(files)]
    predicate = {
        "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": ignored},
        "resources": resources,
    }
    return Statement((Subject(name, {"sha256": _root(files[file] for file in sorted(files))}),), OMS_SIGNATURE, predicate)


def oms_envelope(measured: Measurement, name: str, signer: Signer) -> Envelope:
    """Sign the OMS statement of an artifact. Raises UsageError for an Ed25519 key, which no OMS reader accepts, or nothing to sign."""
    if not signer.public.algorithm.startswith("ecdsa"):
        raise UsageError(f"OMS signatures are made with ECDSA keys; this key is {signer.public.algorithm}", next_step="make one with: mlsc keys new")
    return seal(oms_statement(measured, name), [signer])


def oms_bundle(measured: Measurement, name: str, signer: Signer) -> bytes:
    """Sign an artifact and write the bundle. Raises as `oms_envelope` does."""
    return write_oms_bundle(oms_envelope(measured, name, signer), signer.public.oms_hint)


def write_oms_bundle(envelope: Envelope, hint: str) -> bytes:
    """The bundle around an OMS envelope; ``hint`` is `PublicKey.oms_hint` of its signer. Raises AttestationError unless it has one signature."""
    if len(envelope.signatures) != 1:
        raise AttestationError(f"an OMS bundle holds exactly one signature; this envelope has {len(envelope.signatures)}")
    anonymous = replace(envelope, signatures=(replace(envelope.signatures[0], keyid=""),))
    bundle = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": hint}, "tlogEntries": []},
        "dsseEnvelope": anonymous.to_object(),
    }
    return json.dumps(bundle, separators=(",", ":")).encode("ascii")


def read_oms_bundle(data: bytes) -> OmsBundle:
    """Read a bundle strictly, its manifest too. Nothing is verified by that. Raises AttestationError that says what is wrong."""
    body = parse_json(data, "an OMS bundle", MAX_ENVELOPE_BYTES)
    if body.get("mediaType") not in _MEDIA_TYPES:
        raise AttestationError(f"this is no sigstore bundle v0.3: its mediaType is {body.get('mediaType')!r}")
    material, inner = body.get("verificationMaterial"), body.get("dsseEnvelope")
    if not isinstance(material, dict):
        raise AttestationError("an OMS bundle has no verificationMaterial")
    if "x509CertificateChain" in material or "certificate" in material:
        raise AttestationError(
            "this OMS bundle is signed with a certificate, which this version cannot check; it reads bundles signed with a key",
            next_step="sign again with a key: model_signing sign key, or mlsc sign",
        )
    public_key = material.get("publicKey")
    hint = public_key.get("hint", "") if isinstance(public_key, dict) else None
    if not isinstance(hint, str):
        raise AttestationError("an OMS bundle does not say that a key signed it: publicKey is missing or mistyped")
    if not isinstance(inner, dict) or "messageSignature" in body:
        raise AttestationError("an OMS bundle holds no DSSE envelope")
    envelope = Envelope.from_object(inner)
    if len(envelope.signatures) != 1:
        # model_signing reads the first and ignores the others: two readers would read two things.
        raise AttestationError(f"an OMS bundle holds exactly one signature; this one has {len(envelope.signatures)}")
    if not envelope.signatures[0].keyid:
        envelope = replace(envelope, signatures=(replace(envelope.signatures[0], keyid=hint),))
    return OmsBundle(envelope, hint, oms_manifest(read_unverified(envelope)))


def oms_manifest(statement: Statement) -> OmsManifest:
    """Read the statement of an OMS envelope strictly; its root is computed anew, in the listed order. Raises AttestationError."""
    if statement.predicate_type != OMS_SIGNATURE:
        raise AttestationError(f"this is no OMS v1.0 statement: its predicateType is {statement.predicate_type!r}")
    if len(statement.subjects) != 1:
        raise AttestationError(f"an OMS statement has exactly one subject; this one has {len(statement.subjects)}")
    serialization, listed = statement.predicate.get("serialization"), statement.predicate.get("resources")
    if not isinstance(serialization, dict) or not isinstance(listed, list):
        raise AttestationError("an OMS statement has no serialization or no resources")
    method, hash_type = serialization.get("method"), serialization.get("hash_type")
    if method != "files" or hash_type != "sha256":
        raise AttestationError(
            f"this OMS bundle is of method {method!r} with {hash_type!r}, which this version cannot check; it reads 'files' with 'sha256'",
            next_step="sign again with: model_signing sign key (its defaults), or mlsc sign",
        )
    ignored = serialization.get("ignore_paths", [])
    if not isinstance(ignored, list) or not all(isinstance(path, str) for path in ignored):
        raise AttestationError("an OMS statement's ignore_paths are no list of texts")
    resources = _resources(listed)
    subject = statement.subjects[0]
    root = _root(resources.values())
    if subject.digest.get("sha256") != root:
        raise AttestationError("an OMS statement contradicts itself: the root of its resources is not its subject's digest")
    return OmsManifest(subject.name, root, MappingProxyType(resources), tuple(ignored))


def resources_of(statement: Statement) -> Mapping[str, str]:
    """SHA-256 (hex) by name of an OMS statement. Raises as `oms_manifest` does."""
    return oms_manifest(statement).resources


def _resources(listed: list[Any]) -> dict[str, str]:
    resources: dict[str, str] = {}
    for item in listed:
        name, digest = (item.get("name"), item.get("digest")) if isinstance(item, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(digest, str) or not _HEX64.match(digest) or item.get("algorithm") != "sha256":
            raise AttestationError(f"a resource of an OMS statement is not a name with a sha256 of 64 hex digits: {name!r}")
        if name in resources:
            raise AttestationError(f"an OMS statement lists {name!r} twice")
        if name != SINGLE_FILE and any(part in ("", ".", "..") for part in name.split("/")):
            raise AttestationError(f"an OMS statement lists {name!r}, which is no path inside the artifact")
        resources[name] = digest
    if not resources:
        raise AttestationError("an OMS statement lists no files")
    return resources


def _root(digests: Iterable[str]) -> str:
    return hashlib.sha256(b"".join(bytes.fromhex(digest) for digest in digests)).hexdigest()


def _sha256(measured: Measurement, name: str) -> str:
    if measured.sha256 is None:
        raise UsageError(f"the SHA-256 of {name} was not computed, and OMS needs it", next_step="measure it with every digest: mlsc verify --full")
    return measured.sha256
