"""Statements sealed in envelopes: in-toto Statement v1 in DSSE v1.0. Pure: no files, no clock.

Rules kept here: what was not verified is not read by accident; the key id in an envelope is a hint and decides nothing; a key counts
once however often it signed, since anybody can derive a second ECDSA signature from a first; a signature that names a known key but
does not verify is reported; JSON is strict (no duplicate names, no NaN, bounded size and depth), so no two readers read two things.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, NoReturn

from jupyter_mlsc.errors import AttestationError
from jupyter_mlsc.keys import PublicKey, Signer

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"

MAX_PAYLOAD_BYTES = 64 * 1024 * 1024
"""Room for the manifest of a tree of about 400,000 files."""
MAX_ENVELOPE_BYTES = MAX_PAYLOAD_BYTES // 3 * 4 + 1024 * 1024
MAX_DEPTH = 64
MAX_SIGNATURES = 64
MAX_SIGNATURE_BYTES = 16 * 1024

_HEX64 = re.compile(r"[0-9a-f]{64}\Z")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Subject:
    """What a statement is about: a name, and digests by in-toto's names of algorithms (``sha256``, ``dirHash``, ...), in hex."""

    name: str
    digest: Mapping[str, str]

    def __post_init__(self) -> None:
        if not self.digest or not all(isinstance(key, str) and isinstance(value, str) and key and value for key, value in self.digest.items()):
            raise AttestationError(f"the subject {self.name!r} of a statement has no digest")
        for algorithm in ("sha256", "dirHash"):
            if algorithm in self.digest and not _HEX64.match(self.digest[algorithm]):
                raise AttestationError(f"the subject {self.name!r} of a statement has a {algorithm} that is not 64 lowercase hex digits")
        object.__setattr__(self, "digest", MappingProxyType(dict(self.digest)))

    def __reduce__(self) -> tuple[type[Subject], tuple[str, dict[str, str]]]:
        return Subject, (self.name, dict(self.digest))


@dataclass(frozen=True)
class Statement:
    """An in-toto Statement v1: what is said (``predicate``, of ``predicate_type``) of one or more subjects."""

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: Mapping[str, Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "subjects", tuple(self.subjects))
        if not self.subjects:
            raise AttestationError("a statement needs a subject")
        if not self.predicate_type:
            raise AttestationError("a statement needs a predicate type")

    def to_payload(self) -> bytes:
        """The JSON that is signed. Raises AttestationError for values that JSON cannot carry, or when it grows too large."""
        body = {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": subject.name, "digest": dict(subject.digest)} for subject in self.subjects],
            "predicateType": self.predicate_type,
            "predicate": dict(self.predicate),
        }
        payload = _encode(body, "a statement")
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise AttestationError(
                f"a statement of {len(payload)} bytes is too large (at most {MAX_PAYLOAD_BYTES})", next_step="sign parts of the tree one by one"
            )
        return payload

    @classmethod
    def from_payload(cls, payload: bytes) -> Statement:
        """Read a payload strictly; unknown fields are ignored, as in-toto asks. Raises AttestationError that says what is wrong."""
        body = parse_json(payload, "a statement", MAX_PAYLOAD_BYTES)
        if body.get("_type") != STATEMENT_TYPE:
            raise AttestationError(f"a payload is no in-toto Statement v1: its _type is {body.get('_type')!r}")
        subjects, predicate_type, predicate = body.get("subject"), body.get("predicateType"), body.get("predicate")
        if not isinstance(subjects, list) or not all(isinstance(subject, dict) for subject in subjects):
            raise AttestationError("a statement's subject is no list of objects")
        if not isinstance(predicate_type, str) or not isinstance(predicate, dict):
            raise AttestationError("a statement's predicateType or predicate is missing or mistyped")
        return cls(tuple(_subject(subject) for subject in subjects), predicate_type, predicate)


def _subject(body: dict[str, Any]) -> Subject:
    name, digest = body.get("name", ""), body.get("digest")
    if not isinstance(name, str) or not isinstance(digest, dict):
        raise AttestationError("a subject of a statement has no digest, or its name is no text")
    return Subject(name, digest)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature of an envelope. ``keyid`` is what the envelope says, unproven; it may be empty."""

    keyid: str
    sig: bytes


@dataclass(frozen=True)
class Envelope:
    """A DSSE envelope: a payload, its type and signatures over both. Nothing about it is verified."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    @classmethod
    def from_json(cls, data: bytes) -> Envelope:
        """Read a DSSE JSON envelope strictly (base64 standard or URL-safe, padded). Raises AttestationError that says what is wrong."""
        return cls.from_object(parse_json(data, "an envelope", MAX_ENVELOPE_BYTES))

    @classmethod
    def from_object(cls, body: Mapping[str, Any]) -> Envelope:
        """As `from_json`, from an object that `parse_json` gave (the envelope inside a bundle)."""
        payload_type, signatures = body.get("payloadType"), body.get("signatures")
        if not isinstance(payload_type, str) or not payload_type:
            raise AttestationError("an envelope has no payloadType")
        if not isinstance(signatures, list) or not all(isinstance(signature, dict) for signature in signatures):
            raise AttestationError("an envelope's signatures are no list of objects")
        if not 1 <= len(signatures) <= MAX_SIGNATURES:
            raise AttestationError(f"an envelope has {len(signatures)} signatures; 1 to {MAX_SIGNATURES} are read")
        payload = _decode(body.get("payload"), "payload", MAX_PAYLOAD_BYTES)
        return cls(payload_type, payload, tuple(_signature(signature) for signature in signatures))

    def to_json(self) -> bytes:
        """The one form in which envelopes are written and digested here: compact UTF-8 JSON, standard base64, unknown fields dropped."""
        return _encode(self.to_object(), "an envelope")

    def to_object(self) -> dict[str, Any]:
        """The envelope as a JSON object, for a bundle that holds it."""
        return {
            "payload": base64.b64encode(self.payload).decode("ascii"),
            "payloadType": self.payload_type,
            "signatures": [{"keyid": signature.keyid, "sig": base64.b64encode(signature.sig).decode("ascii")} for signature in self.signatures],
        }

    @cached_property
    def digest(self) -> str:
        """``sha256:<hex>`` of `to_json`: the envelope's name in the ledger, which stores exactly those bytes."""
        return "sha256:" + hashlib.sha256(self.to_json()).hexdigest()


def _signature(body: dict[str, Any]) -> Signature:
    keyid = body.get("keyid", "")
    if not isinstance(keyid, str):
        raise AttestationError("a signature's keyid is no text")
    sig = _decode(body.get("sig"), "sig", MAX_SIGNATURE_BYTES)
    if not sig:
        raise AttestationError("a signature of an envelope is empty")
    return Signature(keyid, sig)


@dataclass(frozen=True, slots=True)
class Opened:
    """What came of checking an envelope's signatures. It has no truth value: ask ``verified``.

    ``verified`` are the ids of the keys whose signatures hold, each once; ``bad`` the ids of known keys that a signature names but did
    not make; ``unknown`` counts signatures that no known key made and that name none.
    """

    verified: tuple[str, ...]
    unknown: int
    bad: tuple[str, ...]
    _statement: Statement | None = None

    def __bool__(self) -> NoReturn:
        raise TypeError("an opened envelope has no truth value: use opened.verified")

    @property
    def statement(self) -> Statement:
        """The statement that the verified keys signed. Raises AttestationError when no signature verified."""
        if self._statement is None:
            reason = f"the signature that names the key {self.bad[0][:16]} is not that key's" if self.bad else "no key that is known here signed it"
            raise AttestationError(f"an envelope does not verify: {reason}", next_step="ask for the statement anew, from a signer whom the policy names")
        return self._statement


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: the bytes that are signed."""
    encoded = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(encoded), encoded, len(payload), payload)


def seal(statement: Statement, signers: Sequence[Signer]) -> Envelope:
    """Sign a statement with one key or more. Raises AttestationError without a signer, or for one key twice."""
    if not signers:
        raise AttestationError("a statement is sealed by at least one key")
    if len({signer.public.key_id for signer in signers}) != len(signers):
        raise AttestationError("a statement is signed by each key once")
    envelope = Envelope(PAYLOAD_TYPE, statement.to_payload(), ())
    for signer in signers:
        envelope = add_signature(envelope, signer)
    return envelope


def add_signature(envelope: Envelope, signer: Signer) -> Envelope:
    """The envelope with one signature more; the same envelope when this key's signature is on it already.

    The caller must have looked at what the envelope says. Raises AttestationError when it is full.
    """
    signed, public = pae(envelope.payload_type, envelope.payload), signer.public
    if any(public.verify(signature.sig, signed) for signature in envelope.signatures):
        return envelope
    if len(envelope.signatures) >= MAX_SIGNATURES:
        raise AttestationError(f"an envelope holds at most {MAX_SIGNATURES} signatures")
    return replace(envelope, signatures=(*envelope.signatures, Signature(public.key_id, signer.sign(signed))))


def open_envelope(envelope: Envelope, keys: Mapping[str, PublicKey]) -> Opened:
    """Check every signature against the known keys (by id), and read the statement if one verifies.

    Raises AttestationError when a verified payload is no statement, or of another payload type.
    """
    signed = pae(envelope.payload_type, envelope.payload)
    verified: dict[str, None] = {}
    bad: dict[str, None] = {}
    unknown = 0
    for signature in envelope.signatures:
        named = [key for key in keys.values() if signature.keyid and key.is_named(signature.keyid)]
        others = [key for key in keys.values() if key not in named]
        maker = next((key for key in (*named, *others) if key.verify(signature.sig, signed)), None)
        if maker is not None:
            verified[maker.key_id] = None
        elif named:
            bad[named[0].key_id] = None
        else:
            unknown += 1
    return Opened(tuple(verified), unknown, tuple(bad), read_unverified(envelope) if verified else None)


def read_unverified(envelope: Envelope) -> Statement:
    """What an envelope says, whoever wrote it: for showing and for finding candidates, never for a decision.

    Raises AttestationError when it holds no in-toto statement.
    """
    if envelope.payload_type != PAYLOAD_TYPE:
        raise AttestationError(f"an envelope holds {envelope.payload_type!r}, not an in-toto statement")
    return Statement.from_payload(envelope.payload)


def parse_json(data: bytes, what: str, limit: int) -> dict[str, Any]:
    """One JSON object, strictly: UTF-8, no duplicate names, no NaN or Infinity, bounded in size (bytes) and depth.

    Raises AttestationError that begins with ``what``.
    """
    if len(data) > limit:
        raise AttestationError(f"{what} is larger than {limit} bytes")
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except UnicodeDecodeError as err:
        raise AttestationError(f"{what} is not UTF-8") from err
    except RecursionError as err:
        raise AttestationError(f"{what} is nested deeper than {MAX_DEPTH} levels") from err
    except ValueError as err:
        raise AttestationError(f"{what} is not strict JSON: {err}") from err
    if not isinstance(value, dict):
        raise AttestationError(f"{what} is no JSON object")
    # Only an escape can make a text that is no Unicode, and what nests deeply has many brackets: nearly every statement has neither.
    if b"\\u" in data or data.count(b"{") + data.count(b"[") > MAX_DEPTH:
        _check_values(value, what)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(name for name in names if names.count(name) > 1)!r} stands twice in one object")
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON value")


def _check_values(value: Any, what: str) -> None:
    pending: list[tuple[Any, int]] = [(value, 1)]
    while pending:
        item, depth = pending.pop()
        if isinstance(item, str):
            # "\ud800" is JSON but no text: it could be neither printed nor written as UTF-8.
            if not item.isascii() and _LONE_SURROGATE.search(item):
                raise AttestationError(f"{what} has a text that is no Unicode")
        elif isinstance(item, (dict, list)):
            if depth > MAX_DEPTH:
                raise AttestationError(f"{what} is nested deeper than {MAX_DEPTH} levels")
            pending.extend((inner, depth + 1) for inner in (item.values() if isinstance(item, dict) else item))
            if isinstance(item, dict):
                pending.extend((name, depth + 1) for name in item)


def _encode(value: dict[str, Any], what: str) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as err:
        raise AttestationError(f"{what} cannot be written as JSON: {err}") from err


def _decode(text: Any, field: str, limit: int) -> bytes:
    if not isinstance(text, str):
        raise AttestationError(f"an envelope has no {field}, or it is no text")
    if len(text) > (limit + 2) // 3 * 4:
        raise AttestationError(f"an envelope's {field} is larger than {limit} bytes")
    # DSSE lets a writer use either alphabet; a mixture, missing padding or stray bits are some other writer's fault.
    standard = text if "+" in text or "/" in text else text.replace("-", "+").replace("_", "/")
    try:
        decoded = base64.b64decode(standard, validate=True)
    except (binascii.Error, ValueError) as err:
        raise AttestationError(f"an envelope's {field} is not base64: {err}") from err
    if base64.b64encode(decoded).decode("ascii") != standard:
        raise AttestationError(f"an envelope's {field} is not base64 in its one canonical form")
    return decoded
