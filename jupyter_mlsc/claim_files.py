"""Claims that travel: envelopes as JSON lines in ``.mlsc/claims/`` and in files that other tools put beside an artifact.

Rules kept: files can only add evidence, never take any away; nothing in them is believed here (signatures are checked by whoever
gathers); a line that cannot be read is reported with its place, never skipped in silence.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import Envelope, Statement, read_unverified
from jupyter_mlsc.errors import ArtifactError, AttestationError

MAX_FILE = 256 << 20
"""A claims file over this size (bytes) is reported and not read: it could only be there to use up memory."""

MOST_UNREADABLE = 100
"""Lines of one file that are reported as unreadable before the rest of it is left: it is no file of claims."""

_NOT_REGULAR = "not a regular file"
_LINES = re.compile(rb"[^\n]+")

_FLUSHES = 8
"""Claim files that are flushed to the disk at once."""


@dataclass(frozen=True, slots=True)
class FoundEnvelope:
    """An envelope as it was found, with the place for messages; ``statement`` is what it says, unverified."""

    source: str
    envelope: Envelope
    statement: Statement


@dataclass(frozen=True, slots=True)
class UnreadableClaim:
    """A line or file that should hold an envelope and does not; ``names`` are the digests (hex) that its file stands for."""

    source: str
    why: str
    digest_hex: str | None


class ClaimFolder:
    """The folder ``.mlsc/claims`` of a project: one file for each digest, one envelope on each line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, tuple[tuple[int, int], list[FoundEnvelope | UnreadableClaim]]] = {}
        self._mentions: dict[str, set[str]] = {}
        self._holds = 0
        self._is_fresh = False

    def add(self, envelopes: Mapping[Digest, Sequence[bytes]]) -> None:
        """Append envelopes (JSON bytes without line breaks) to their digests' files, each once; on the disk when this returns.

        Raises ArtifactError when one cannot be written; others may have been.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise self._unwritable(self.folder, err) from err
        if len(envelopes) == 1:
            self._append(*next(iter(envelopes.items())))
            return
        # A disk takes several flushes at once in the time of one.
        with ThreadPoolExecutor(_FLUSHES, thread_name_prefix="mlsc-claims") as pool:
            list(pool.map(lambda digest: self._append(digest, envelopes[digest]), envelopes))

    def _append(self, digest: Digest, envelopes: Sequence[bytes]) -> None:
        target = self.folder / f"{digest.hex}.jsonl"
        try:
            fd = os.open(target, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                os.close(fd)
                raise ArtifactError(f"a claim could not be written to {target}: it is {_NOT_REGULAR}", next_step=f"remove {target}")
            with os.fdopen(fd, "r+b", buffering=0) as file:
                present = file.read()
                known = set(present.splitlines())
                new = b"".join(line + b"\n" for line in dict.fromkeys(each.rstrip(b"\n") for each in envelopes) if line not in known)
                if not new:
                    return
                # A line cut short by a crash must not swallow this one.
                new = b"\n" + new if present and not present.endswith(b"\n") else new
                if file.write(new) != len(new):
                    os.ftruncate(fd, len(present))
                    raise ArtifactError(f"the disk is full: a claim could not be written to {target}", next_step="free some space, then repeat the command")
                os.fsync(fd)
            # Who looks only at the folder sees that something was added to a file that was there already.
            os.utime(self.folder)
        except OSError as err:
            raise self._unwritable(target, err) from err

    @staticmethod
    def _unwritable(target: Path, err: OSError) -> ArtifactError:
        return ArtifactError(f"a claim could not be written to {target}: {err.strerror}", next_step="make .mlsc/claims writable, or free some space")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within the block the folder is looked at once, at its first use: many questions of one command are answered from one state."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            self._is_fresh = False

    def read(self) -> Iterator[FoundEnvelope | UnreadableClaim]:
        """All envelopes of the folder; files that did not change since the last call are not read again."""
        self._look()
        for _, items in [self._read[name] for name in sorted(self._read)]:
            yield from items

    def of_type(self, predicate_type: str) -> Iterator[FoundEnvelope]:
        """The statements of one predicate type, in the order of their files."""
        self._look()
        for file in sorted(self._mentions.get(f"type {predicate_type}", ())):
            for item in self._read.get(file, _NOTHING)[1]:
                if isinstance(item, FoundEnvelope) and item.statement.predicate_type == predicate_type:
                    yield item

    def about(self, names: Iterable[str], digest: Digest | None) -> Iterator[FoundEnvelope | UnreadableClaim]:
        """What `read` gives, without the files in which no statement has one of these names or this digest for a subject."""
        self._look()
        wanted = [f"name {name}" for name in names] if digest is None else [*(f"name {name}" for name in names), str(digest), f"file {digest.hex}"]
        for file in sorted({file for term in wanted for file in self._mentions.get(term, ())}):
            yield from self._read.get(file, _NOTHING)[1]

    def _look(self) -> None:
        """Read the files that are new or changed, and forget those that are gone."""
        if self._is_fresh:
            return
        try:
            with os.scandir(self.folder) as entries:
                present = {e.name: e.stat(follow_symlinks=False) for e in entries if e.name.endswith(".jsonl")}
        except FileNotFoundError:
            present = {}
        except OSError as err:
            raise ArtifactError(f"the claims in {self.folder} cannot be read: {err.strerror}", next_step="make .mlsc/claims readable") from err
        for name in self._read.keys() - present.keys():
            del self._read[name]
        for name, status in present.items():
            key = (status.st_mtime_ns, status.st_size)
            known = self._read.get(name)
            if known is None or known[0] != key:
                shown, digest_hex = f".mlsc/claims/{name}", name.removesuffix(".jsonl")
                items: list[FoundEnvelope | UnreadableClaim] = [UnreadableClaim(shown, _NOT_REGULAR, digest_hex)]
                if stat.S_ISREG(status.st_mode):
                    items = list(read_lines(self.folder / name, shown, digest_hex))
                self._read[name] = (key, items)
                self._note_mentions(name, items)
        self._is_fresh = self._holds > 0

    def _note_mentions(self, file: str, items: Iterable[FoundEnvelope | UnreadableClaim]) -> None:
        """Remember which subjects a file is about. What a file said before it changed stays here: its lines are looked at again anyway."""
        terms = {f"file {file.removesuffix('.jsonl')}"}
        for item in items:
            if isinstance(item, FoundEnvelope):
                terms.add(f"type {item.statement.predicate_type}")
                for subject in item.statement.subjects:
                    terms |= {f"name {subject.name}", str(Digest.from_in_toto(subject.digest))}
        for term in terms:
            self._mentions.setdefault(term, set()).add(file)


_NOTHING: tuple[None, list[FoundEnvelope | UnreadableClaim]] = (None, [])


def read_lines(path: Path, shown: str, digest_hex: str | None = None) -> Iterator[FoundEnvelope | UnreadableClaim]:
    """Read a file of envelopes, one on each line. Yields what cannot be read as UnreadableClaim. Missing files yield nothing."""
    data = contents(path)
    if data is None:
        return
    if isinstance(data, str):
        yield UnreadableClaim(shown, data, digest_hex)
        return
    number, at, unreadable = 1, 0, 0
    for line in _LINES.finditer(data):
        number += data.count(b"\n", at, line.start())
        at = line.start()
        if not line[0].strip():
            continue
        found = _parse(line[0], f"{shown}:{number}", digest_hex)
        yield found
        unreadable += isinstance(found, UnreadableClaim)
        if unreadable == MOST_UNREADABLE:
            yield UnreadableClaim(f"{shown}:{number}", f"{unreadable} lines before the end of the file cannot be read, and the rest was not tried", digest_hex)
            return


def beside(path: Path) -> Iterator[tuple[str, bytes | UnreadableClaim]]:
    """Bundles that other tools put beside an artifact: ``<file>.sig``, ``<tree>/model.sig``. Yields the shown name and the bytes."""
    candidate = path / "model.sig" if path.is_dir() else path.with_name(path.name + ".sig")
    data = contents(candidate)
    if data is not None:
        yield candidate.name, data if isinstance(data, bytes) else UnreadableClaim(candidate.name, data, None)


def lines_beside(path: Path) -> Iterator[FoundEnvelope | UnreadableClaim]:
    """Our own envelopes beside an artifact: ``<artifact>.claims.jsonl``."""
    candidate = path.with_name(path.name + ".claims.jsonl")
    yield from read_lines(candidate, candidate.name)


def contents(path: Path) -> bytes | str | None:
    """The bytes of a small regular file; a sentence where it cannot be read; None where there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as err:
        return err.strerror or "unreadable"
    facts = os.fstat(fd)
    if not stat.S_ISREG(facts.st_mode):
        os.close(fd)
        return _NOT_REGULAR
    with os.fdopen(fd, "rb") as file:
        if facts.st_size > MAX_FILE:
            return f"larger than {MAX_FILE >> 20} MiB"
        return file.read()


def _parse(line: bytes, source: str, digest_hex: str | None) -> FoundEnvelope | UnreadableClaim:
    try:
        envelope = Envelope.from_json(line)
        return FoundEnvelope(source, envelope, read_unverified(envelope))
    except AttestationError as err:
        return UnreadableClaim(source, err.message, digest_hex)
