"""Where statements go and come from: the project's ledger as this user may use it, and the claim files that travel.

Rules kept: a ledger is made at first need and never in the place of one that was lost without saying so; only its keeper appends, anybody
else's statements go to the claim files and every face says so; what a ledger contradicts is told as a fault of every verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.attestation import Envelope
from jupyter_mlsc.claim_files import ClaimFolder
from jupyter_mlsc.errors import LedgerError, LedgerTamperedError
from jupyter_mlsc.home import Home
from jupyter_mlsc.keys import KeyStore
from jupyter_mlsc.verdict import Reason, reason

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from jupyter_mlsc.ledger import CheckpointMemory, Ledger, NewEntry

LEDGER_FILE = Path(".mlsc") / "ledger.db"
CLAIMS_FOLDER = Path(".mlsc") / "claims"
GITIGNORE = "# the ledger is this machine's; what people vouch for travels in claims/\nledger.db*\n"


class Bookkeeper:
    """The ledger and the claim files of one project, for one user."""

    def __init__(self, root: Path, home: Home, keys: KeyStore) -> None:
        self.place = root / LEDGER_FILE
        self.claims = ClaimFolder(root / CLAIMS_FOLDER)
        self._home = home
        self._keys = keys
        self._ledger: Ledger | None = None
        self._opened: tuple[int, int] | None = None

    @cached_property
    def memory(self) -> CheckpointMemory:
        """The checkpoints that this user has seen."""
        from jupyter_mlsc.ledger import CheckpointMemory

        return CheckpointMemory(self._home.checkpoints)

    @property
    def ledger(self) -> Ledger | None:
        """The ledger, or None where there is none yet. Raises LedgerError when it cannot be read."""
        if self._ledger is None and self.place.exists():
            from jupyter_mlsc.ledger import Ledger

            self._opened = _file_of(self.place)
            self._ledger = Ledger.open(self.place, self.memory, self._log_key())
        return self._ledger

    def ledger_to_append(self) -> Ledger:
        """The ledger, made if there is none. Raises LedgerTamperedError where the one that stood here is gone."""
        ledger = self.ledger
        if ledger is not None:
            return ledger
        from jupyter_mlsc.ledger import Ledger

        if self._is_lost():
            raise LedgerTamperedError(
                f"the ledger {self.place} that you knew is gone [ledger-replaced]",
                next_step="restore it from a backup, or, if that was meant, accept a new one: mlsc policy trust",
            )
        ignore = self.place.parent / ".gitignore"
        try:
            self.place.parent.mkdir(parents=True, exist_ok=True)
            if not ignore.exists():
                ignore.write_text(GITIGNORE, encoding="utf-8")
        except OSError as err:
            raise LedgerError(f"the folder of the ledger, {self.place.parent}, cannot be written: {err.strerror}", next_step="make it writable") from err
        self._ledger = Ledger.create(self.place, self._keys.log_key(), self.memory)
        self._opened = _file_of(self.place)
        return self._ledger

    def append(self, entries: Sequence[NewEntry]) -> list[int] | None:
        """Append to the ledger; None where another user's key keeps it. Raises LedgerError when it cannot be written."""
        ledger = self.ledger_to_append()
        if not ledger.writable:
            return None
        return ledger.append(entries)

    def file_claim(self, digest: Digest, envelope: Envelope) -> None:
        """Write a statement to the claim files. Raises ArtifactError when they cannot be written."""
        self.file_claims([(digest, envelope)])

    def file_claims(self, claims: Iterable[tuple[Digest, Envelope]]) -> None:
        """Write statements to the claim files. Raises ArtifactError when they cannot be written."""
        lines: dict[Digest, list[bytes]] = {}
        for digest, envelope in claims:
            lines.setdefault(digest, []).append(envelope.to_json())
        self.claims.add(lines)

    def statements(self, kind: str, predicate_type: str) -> Iterator[Envelope]:
        """The statements of one type, each once: in the ledger under this kind, and in the claim files. Raises LedgerError, AttestationError."""
        seen = set()
        ledger = self.ledger
        if ledger is not None:
            for entry in ledger.entries(kind=kind):
                envelope = Envelope.from_json(ledger.envelope(entry.envelope))
                seen.add(envelope.digest)
                yield envelope
        for item in self.claims.of_type(predicate_type):
            if item.envelope.digest not in seen:
                yield item.envelope

    @cached_property
    def faults(self) -> tuple[Reason, ...]:
        """What is wrong with the ledger, once for each time that it was opened."""
        if self.ledger is None:
            return (reason("ledger-replaced", why="it was deleted"),) if self._is_lost() else ()
        from jupyter_mlsc.ledger.health import health

        found: dict[str, Reason] = {}
        for fault in health(self.ledger, self.memory):
            code = fault.code if fault.code in ("ledger-replaced", "ledger-inconsistent") else "ledger-inconsistent"
            found.setdefault(code, reason(code, why=fault.message))
        return tuple(found.values())

    def look_again(self) -> None:
        """For who keeps a project open: hold the ledger against what was seen anew, and open it again where another file stands in its place."""
        self.__dict__.pop("faults", None)
        stands = _file_of(self.place)
        if self._ledger is not None and stands != self._opened:
            self._ledger.close()
            self._ledger = None

    @property
    def notes(self) -> tuple[Reason, ...]:
        """What a person who appends must know."""
        ledger = self._ledger
        return (reason("ledger-readonly"),) if ledger is not None and not ledger.writable else ()

    def accept_replacement(self) -> bool:
        """A person says that the ledger which stands here now is meant. True where there was something to accept."""
        if self.ledger is None:
            if not self._is_lost():
                return False
            self.memory.forget(str(self.place))
        else:
            if self.memory.origin_at(str(self.place)) in (None, self.ledger.origin):
                return False
            self.memory.replace(str(self.place), self.ledger.origin)
        self.__dict__.pop("faults", None)
        return True

    def _is_lost(self) -> bool:
        return not self.place.exists() and self.memory.origin_at(str(self.place)) is not None

    def _log_key(self) -> Ed25519PrivateKey | None:
        """This user's log key, where there is one: reading a ledger makes none."""
        return self._keys.log_key() if any(entry.role == "log" for entry in self._keys.list()) else None


def _file_of(path: Path) -> tuple[int, int] | None:
    """Which file lies at a path: device and inode."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def entry_of(kind: str, envelope: Envelope, predicate_type: str, subjects: Sequence[tuple[str, Digest]], at: datetime) -> NewEntry:
    """A ledger entry for a statement."""
    from jupyter_mlsc.ledger import NewEntry

    return NewEntry(kind, at, envelope.to_json(), predicate_type, tuple((name, str(digest)) for name, digest in subjects))
