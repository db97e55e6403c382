"""What stands in a ledger: the small record that is a leaf of its tree, as RFC 8785 JSON of at most 65,535 bytes.

A record names an envelope by its SHA-256; the envelope itself is kept beside the tree. The record is the same bytes for everybody:
``{"envelope":"sha256:<hex>","kind":...,"predicateType":...,"subjects":[{"digest":...,"name":...}],"time":"2026-01-31T12:00:00.000000Z"}``.
No I/O, no clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec

from jupyter_mlsc.errors import LedgerTamperedError, UsageError
from jupyter_mlsc.merkle import leaf_hash

MAX_RECORD_SIZE = 65_535
"""C2SP tlog-tiles writes an entry's length as two bytes, so no entry is longer than this."""

_ENVELOPE = re.compile(r"sha256:[0-9a-f]{64}\Z")
_KIND = re.compile(r"[a-z][a-z0-9-]{0,63}\Z")


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What is to be appended: ``time`` has a zone; ``envelope`` is the JSON of a DSSE envelope, opaque here; subjects are (name, digest)."""

    kind: str
    time: datetime
    envelope: bytes
    predicate_type: str
    subjects: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands at ``index``: ``envelope`` is ``sha256:<hex>``, subjects are (name, digest), ``leaf_hash`` is what the tree holds."""

    index: int
    kind: str
    time: datetime
    envelope: str
    predicate_type: str
    subjects: tuple[tuple[str, str], ...]
    leaf_hash: bytes


class Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One artifact that a record is about."""

    digest: str
    name: str


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"predicate_type": "predicateType"}):
    """The fields of a leaf, as they are written."""

    envelope: str
    kind: str
    predicate_type: str
    subjects: tuple[Subject, ...]
    time: str


_DECODER = msgspec.json.Decoder(Record)


def envelope_digest(envelope: bytes) -> str:
    """The name of an envelope: ``sha256:<hex>`` over its bytes."""
    return f"sha256:{sha256(envelope).hexdigest()}"


def record_of(entry: NewEntry) -> Record:
    """The record of a new entry. Raises UsageError for a time without a zone, a malformed kind or an empty envelope."""
    if entry.time.tzinfo is None:
        raise UsageError("the time of a ledger entry has no time zone", next_step="give a datetime in UTC")
    if not _KIND.match(entry.kind):
        raise UsageError(f"not a kind of ledger entry: {entry.kind!r}", next_step="use lower-case letters, digits and '-'")
    if not entry.envelope:
        raise UsageError("the envelope of a ledger entry is empty")
    return Record(
        envelope=envelope_digest(entry.envelope),
        kind=entry.kind,
        predicate_type=entry.predicate_type,
        subjects=tuple(Subject(digest=digest, name=name) for name, digest in entry.subjects),
        time=entry.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    )


def encode_record(record: Record) -> bytes:
    """The leaf's bytes, RFC 8785. Raises UsageError for text that is not Unicode and for a record that is too long."""
    import rfc8785

    plain: dict[str, Any] = {
        "envelope": record.envelope,
        "kind": record.kind,
        "predicateType": record.predicate_type,
        "subjects": [{"digest": subject.digest, "name": subject.name} for subject in record.subjects],
        "time": record.time,
    }
    try:
        data = rfc8785.dumps(plain)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as err:
        raise UsageError(
            f"a ledger entry of kind {record.kind} holds text that is not Unicode: {err}", next_step="rename the file with a name that is UTF-8"
        ) from err
    if len(data) > MAX_RECORD_SIZE:
        raise UsageError(
            f"a ledger entry of kind {record.kind} would be {len(data):,} bytes long, the limit is {MAX_RECORD_SIZE:,};"
            f" it names {len(record.subjects):,} subjects",
            next_step="name a folder as one tree, or record fewer artifacts in one entry",
        )
    return data


def decode_record(data: bytes, index: int) -> Record:
    """Read a leaf's bytes. Raises LedgerTamperedError, naming the entry, when they are no record."""
    try:
        record = _DECODER.decode(data)
    except msgspec.MsgspecError as err:
        raise LedgerTamperedError(f"ledger entry {index} is not a record: {err}", next_step="run: mlsc log verify") from err
    if not _ENVELOPE.match(record.envelope):
        raise LedgerTamperedError(f"ledger entry {index} names no envelope", next_step="run: mlsc log verify")
    return record


def read_entry(index: int, data: bytes, stored_hash: bytes) -> Entry:
    """An entry from its row. Raises LedgerTamperedError when the record is not the one that was hashed, or is none."""
    if leaf_hash(data) != stored_hash:
        raise LedgerTamperedError(f"ledger entry {index} was edited: its record is not the one that was signed", next_step="run: mlsc log verify")
    record = decode_record(data, index)
    try:
        time = datetime.fromisoformat(record.time)
    except ValueError as err:
        raise LedgerTamperedError(f"ledger entry {index} has no time: {record.time!r}", next_step="run: mlsc log verify") from err
    subjects = tuple((subject.name, subject.digest) for subject in record.subjects)
    return Entry(index, record.kind, time, record.envelope, record.predicate_type, subjects, stored_hash)
