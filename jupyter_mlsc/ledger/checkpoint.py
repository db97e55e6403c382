"""Checkpoints: what a ledger's keeper signs. C2SP tlog-checkpoint in a C2SP signed-note (Ed25519), and tlog-proof files.

Rules kept here: a note is judged as a whole and strictly; signatures of unknown keys are ignored, a bad one of the known key refuses the
note, and a note without a good one is refused; the origin of a checkpoint is the name of the key that signs it. No I/O. An example::

    mlsc.local/6f1c...
    3
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — mlsc.local/6f1c... Az3grlgtzPICa5OS8np...
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from jupyter_mlsc.errors import LedgerError, LedgerTamperedError
from jupyter_mlsc.merkle import HASH_SIZE

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = b"\x01"
"""Signature type of C2SP signed-note."""

MAX_SIGNATURES = 64
"""Signatures read from one note; the specification asks for at least 16."""

PROOF_HEADER = "c2sp.org/tlog-proof@v1"

_KEY_ID_SIZE = 4
_SIGNATURE_SIZE = 64
_MARK = "\N{EM DASH} "
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,18})\Z", re.ASCII)
_VERIFY = "run: mlsc log verify"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a ledger: ``size`` entries whose tree has this ``root``. ``note`` is the signed text that says so, verbatim."""

    origin: str
    size: int
    root: bytes
    note: str
    extensions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public log key under its name: what a ``vkey`` says (``name+<key id>+<base64>``)."""

    name: str
    public: bytes
    _loaded: Ed25519PublicKey = field(repr=False, compare=False)

    @classmethod
    def of(cls, name: str, public: bytes) -> Verifier:
        """From a name and 32 raw bytes. Raises LedgerError for a malformed name or key."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        if not is_key_name(name):
            raise LedgerError(f"not a name for a log key: {name!r}")
        try:
            return cls(name, public, Ed25519PublicKey.from_public_bytes(public))
        except ValueError as err:
            raise LedgerError(f"the log key of {name} is not an Ed25519 key: {err}") from err

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """From a vkey. Raises LedgerError when it is malformed, of another type, or its key id does not belong to it."""
        name, _, rest = vkey.partition("+")
        stated, _, encoded = rest.partition("+")
        raw = _from_base64(encoded)
        if raw is None or raw[:1] != ED25519 or len(raw) != 1 + 32 or not is_key_name(name):
            raise LedgerError(f"not an Ed25519 verification key: {vkey!r}")
        verifier = cls.of(name, raw[1:])
        if verifier.key_id.hex() != stated:
            raise LedgerError(f"the verification key of {name} has the id {verifier.key_id.hex()}, not {stated!r}")
        return verifier

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell keys of one name apart."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:_KEY_ID_SIZE]

    @property
    def vkey(self) -> str:
        """The key as text, for other people's tools."""
        return f"{self.name}+{self.key_id.hex()}+{_base64(ED25519 + self.public)}"

    def verify(self, text: bytes, signature: bytes) -> bool:
        """Whether the signature over these bytes is this key's."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._loaded.verify(signature, text)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class LogKey:
    """The key of a ledger's keeper: the ledger's origin as ``name``, 32 raw bytes as ``public``, and what signs bytes with Ed25519."""

    name: str
    public: bytes
    signer: Callable[[bytes], bytes] = field(repr=False, compare=False)

    @classmethod
    def from_private(cls, origin: str, private: Ed25519PrivateKey) -> LogKey:
        """A key held in this process."""
        return cls(origin, private.public_key().public_bytes_raw(), private.sign)

    def named(self, origin: str) -> LogKey:
        """The same key for another ledger."""
        return LogKey(origin, self.public, self.signer)

    def sign(self, text: bytes) -> bytes:
        """Ed25519 signature (64 bytes) over ``text``."""
        return self.signer(text)

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier.of(self.name, self.public)


def is_key_name(name: str) -> bool:
    """Whether signed-note allows the name: not empty, no spaces, no plus, no control characters."""
    return bool(name) and "+" not in name and name.isprintable() and not any(character.isspace() for character in name)


def sign_note(text: str, key: LogKey, key_id: bytes) -> str:
    """Sign a text that ends in a newline."""
    return f"{text}\n{_MARK}{key.name} {_base64(key_id + key.sign(text.encode()))}\n"


def sign_checkpoint(key: LogKey, key_id: bytes, size: int, root: bytes) -> Checkpoint:
    """Sign the state of the ledger whose origin is the key's name."""
    return Checkpoint(key.name, size, root, sign_note(checkpoint_text(key.name, size, root), key, key_id))


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """What is signed: origin, size and root, a line each."""
    return f"{origin}\n{size}\n{_base64(root)}\n"


def open_note(note: str, verifier: Verifier) -> str:
    """The text of a note that this key signed. Raises LedgerTamperedError when the note is malformed or not signed by it."""
    text, signatures = _split_note(note)
    signed = False
    for name, key_id, signature in signatures:
        if name == verifier.name and key_id == verifier.key_id:
            if len(signature) != _SIGNATURE_SIZE or not verifier.verify(text.encode(), signature):
                raise LedgerTamperedError(f"the signature of {name} on a checkpoint is wrong", next_step=_VERIFY)
            signed = True
    if not signed:
        raise LedgerTamperedError(f"a checkpoint is not signed by the key of {verifier.name}", next_step=_VERIFY)
    return text


def open_checkpoint(note: str, verifier: Verifier) -> Checkpoint:
    """The checkpoint in a note that this key signed. Raises LedgerTamperedError for anything else, another origin included."""
    open_note(note, verifier)
    checkpoint = read_unverified(note)
    if checkpoint.origin != verifier.name:
        raise LedgerTamperedError(f"a checkpoint of {checkpoint.origin} is not one of {verifier.name}", next_step=_VERIFY)
    return checkpoint


def read_unverified(note: str) -> Checkpoint:
    """The checkpoint in a note whose signatures were *not* looked at. Raises LedgerTamperedError when it is malformed."""
    text, _ = _split_note(note)
    lines = text[:-1].split("\n")
    root = _from_base64(lines[2]) if len(lines) >= 3 else None
    if root is None or len(root) != HASH_SIZE or not _DECIMAL.match(lines[1]) or not all(lines):
        raise LedgerTamperedError("a checkpoint is malformed: it has no origin, size and root hash", next_step=_VERIFY)
    return Checkpoint(lines[0], int(lines[1]), root, note, tuple(lines[3:]))


def write_proof(index: int, proof: Sequence[bytes], note: str, extra: bytes | None = None) -> str:
    """The text of a tlog-proof file: the entry's index, its audit path from the leaf upwards, and the checkpoint verbatim."""
    lines = [PROOF_HEADER]
    if extra is not None:
        lines.append(f"extra {_base64(extra)}")
    lines.append(f"index {index}")
    lines.extend(_base64(item) for item in proof)
    return "\n".join(lines) + "\n\n" + note


@dataclass(frozen=True, slots=True)
class ProofFile:
    """What a tlog-proof file holds. ``extra`` is not authenticated by anything."""

    index: int
    proof: tuple[bytes, ...]
    note: str
    extra: bytes | None = None


def read_proof(text: str) -> ProofFile:
    """Read a tlog-proof file; nothing in it is verified yet. Raises LedgerError when it is malformed."""
    head, blank, note = text.partition("\n\n")
    lines = head.split("\n")
    extra = None
    if len(lines) > 1 and lines[1].startswith("extra "):
        extra = _from_base64(lines.pop(1).removeprefix("extra "))
        if extra is None:
            raise LedgerError("not a tlog-proof: its extra data is not base64")
    if not blank or lines[0] != PROOF_HEADER or len(lines) < 2 or not lines[1].startswith("index "):
        raise LedgerError(f"not a tlog-proof: it does not begin with {PROOF_HEADER} and an index")
    index = lines[1].removeprefix("index ")
    proof = [_from_base64(line) for line in lines[2:]]
    if not _DECIMAL.match(index) or any(item is None or len(item) != HASH_SIZE for item in proof):
        raise LedgerError("not a tlog-proof: its index or a hash is malformed")
    return ProofFile(int(index), tuple(item for item in proof if item is not None), note, extra)


def _split_note(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """Text and (name, key id, signature) of each signature line."""
    text, blank, block = note.rpartition("\n\n")
    text += "\n"
    if not blank or len(text) < 2 or not block.endswith("\n") or any(character < " " and character != "\n" for character in note):
        raise LedgerTamperedError("a checkpoint is not a signed note", next_step=_VERIFY)
    signatures = []
    lines = block[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise LedgerTamperedError(f"a checkpoint has {len(lines)} signatures, more than {MAX_SIGNATURES}", next_step=_VERIFY)
    for line in lines:
        name, _, encoded = line.removeprefix(_MARK).partition(" ")
        raw = _from_base64(encoded)
        if not line.startswith(_MARK) or not is_key_name(name) or raw is None or len(raw) <= _KEY_ID_SIZE:
            raise LedgerTamperedError("a checkpoint has a malformed signature line", next_step=_VERIFY)
        signatures.append((name, raw[:_KEY_ID_SIZE], raw[_KEY_ID_SIZE:]))
    return text, signatures


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _from_base64(text: str) -> bytes | None:
    """Standard base64 in its one canonical spelling, or None."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if _base64(data) == text else None
