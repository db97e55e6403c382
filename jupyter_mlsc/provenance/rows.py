"""What statements say to the index of what came from what: rows of keys, read quickly, since whoever finds an entry by them opens it with care.

Rules kept: an envelope that cannot be read gives no rows (`verify` and `log verify` report it); a manifest that is not its folder's gives none; VERSION
changes with every change of what is read here, so that an index made by an older version is made anew.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta

import msgspec

from jupyter_mlsc import decisions, predicates
from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.digests import manifest_digest
from jupyter_mlsc.ledger.graph_index import Reading, Rows
from jupyter_mlsc.ledger.index import key_of

VERSION = "1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Envelope(msgspec.Struct):
    payload: str


class _Subject(msgspec.Struct):
    digest: dict[str, str]
    name: str = ""


class _Statement(msgspec.Struct):
    subject: list[_Subject]
    predicate: msgspec.Raw


_ENVELOPE, _STATEMENT = msgspec.json.Decoder(_Envelope), msgspec.json.Decoder(_Statement)
_PROVENANCE = msgspec.json.Decoder(predicates.ProvenanceBody)
_ARTIFACT = msgspec.json.Decoder(predicates.ArtifactBody)
_SVR = msgspec.json.Decoder(decisions.VerificationBody)


def key_of_run(run: str) -> bytes:
    """The key of a run, which is no digest's and no name's."""
    return key_of(f"run {run}")


def key_of_notebook(path: str) -> bytes:
    """The key of a notebook or script as that which ran, by its path in the project."""
    return key_of(f"notebook {path}")


def add(rows: Rows, number: int, predicate_type: str, envelope: bytes) -> None:
    """Add the rows of one entry."""
    try:
        # Not padded, or in the other alphabet: DSSE lets a writer choose.
        payload = base64.b64decode(_ENVELOPE.decode(envelope).payload.translate(_STANDARD))
        statement = _STATEMENT.decode(payload)
        digest = Digest.from_in_toto(statement.subject[0].digest) if statement.subject else None
        if digest is not None:
            _READERS[predicate_type](rows, number, digest, statement)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        return


_STANDARD = str.maketrans("-_", "+/")


def _provenance(rows: Rows, number: int, digest: Digest, statement: _Statement) -> None:
    body = _PROVENANCE.decode(statement.predicate)
    if body.finished_on.tzinfo is None:
        return
    facts, made = body.facts, body.artifact
    notebook = b"" if facts.notebook is None else key_of_notebook(facts.notebook)
    environment = b"" if facts.environment is None else key_of(facts.environment)
    at = (body.finished_on - _EPOCH) // timedelta(microseconds=1)
    rows.of["graph_made"].append((number, key_of(str(digest)), key_of(made.name), key_of_run(facts.run), notebook, environment, at))
    for position, (name, used, _) in enumerate(body.inputs):
        if used is not None:
            rows.of["graph_use"].append((number, position, key_of(str(used)), key_of(name)))
    _parts(rows, number, digest, made.files)


def _artifact(rows: Rows, number: int, digest: Digest, statement: _Statement) -> None:
    if digest.algorithm == "dirhash":
        _parts(rows, number, digest, _ARTIFACT.decode(statement.predicate).files)


def _decision(rows: Rows, number: int, digest: Digest, statement: _Statement) -> None:
    if _SVR.decode(statement.predicate).decision == decisions.PROMOTED:
        _override(rows, number, digest, statement)


def _override(rows: Rows, number: int, digest: Digest, statement: _Statement) -> None:
    del statement
    rows.of["graph_word"].append((number, key_of(str(digest))))


def _parts(rows: Rows, number: int, digest: Digest, files: tuple[predicates.FileLine, ...] | None) -> None:
    if files is None or digest != Digest("dirhash", manifest_digest(predicates.manifest_lines(files))):
        return
    tree = key_of(str(digest))
    rows.of["graph_part"] += [(tree, file, number) for file in dict.fromkeys(key_of(f"sha256:{line.sha256}") for line in files)]


_READERS = {
    predicates.PROVENANCE: _provenance,
    predicates.ARTIFACT: _artifact,
    decisions.SVR: _decision,
    decisions.OVERRIDE: _override,
}

READING = Reading(VERSION, frozenset(_READERS), add)
