"""What a project is made of, for one user: root, policy, ledger, keys, and the judge who asks the policy. No verb is in here.

The policy is read once, when the project is found. Everything else is opened, and imported, at first use: finding a project must be quick.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from jupyter_mlsc.errors import PolicyUntrustedError
from jupyter_mlsc.home import Home
from jupyter_mlsc.keys import KeyStore, PublicKey, Signer
from jupyter_mlsc.policy import Policy
from jupyter_mlsc.project_root import POLICY_FILE, find_root
from jupyter_mlsc.recording import GUARDED
from jupyter_mlsc.trust import Trust, load_trust
from jupyter_mlsc.verdict import Reason, reason

if TYPE_CHECKING:
    from jupyter_mlsc.bookkeeping import Bookkeeper
    from jupyter_mlsc.chronicle import Chronicle
    from jupyter_mlsc.digest_cache import DigestCache
    from jupyter_mlsc.gathering import Gatherer
    from jupyter_mlsc.judging import Judge, Target
    from jupyter_mlsc.ledger import Ledger, NewEntry
    from jupyter_mlsc.provenance.reading import Provenance
    from jupyter_mlsc.recording import Run
    from jupyter_mlsc.scan.datasets.behind import Behind
    from jupyter_mlsc.standings import Standings
    from jupyter_mlsc.yardsticks import Yardsticks


@dataclass
class ProjectState:
    """A folder with ``mlsc.toml``, seen by one user. The policy is read once, when the project is found."""

    root: Path
    home: Home
    trust: Trust
    tier: str = GUARDED
    """How the runs that are recorded through this are observed; each tier has a key of its own."""
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    @classmethod
    def find(cls, near: Path, environ: Mapping[str, str], *, policy_file: Path | None = None, tier: str = GUARDED) -> Self:
        """The nearest folder with ``mlsc.toml`` at or above ``near``. Raises UsageError where there is none, PolicyError for a bad policy."""
        root = find_root(near)
        home = Home.find(environ, project=root)

        def find_ledger() -> Ledger | None:
            from jupyter_mlsc.bookkeeping import Bookkeeper

            return Bookkeeper(root, home, KeyStore(home)).ledger

        return cls(root, home, load_trust(root, home, environ, datetime.now(UTC), named=policy_file, find_ledger=find_ledger), tier)

    @property
    def project_id(self) -> str:
        """The random id that statements bind."""
        project_id = self.trust.file.project_id
        assert project_id is not None  # the parser asks for it
        return project_id

    @property
    def policy(self) -> Policy:
        """The policy that rules here."""
        return self.trust.policy

    @property
    def notes(self) -> tuple[Reason, ...]:
        """What every face must say: the policy's file differs, another user keeps the ledger."""
        noted = [*self.trust.notes, *(self.books.notes if "books" in self.__dict__ else ())]
        if "digest_cache" in self.__dict__ and self.digest_cache.fault is not None:
            noted.append(reason("cache-unused", why=self.digest_cache.fault))
        return tuple(noted)

    @cached_property
    def keys(self) -> KeyStore:
        """This user's keys."""
        return KeyStore(self.home)

    @cached_property
    def digest_cache(self) -> DigestCache:
        """Digests of files that did not change since; `verify` and `sign` do not use it."""
        from jupyter_mlsc.digest_cache import DigestCache

        return DigestCache(self.home.make().digest_cache)

    @cached_property
    def run_signer(self) -> Signer:
        """The key that signs what runs record."""
        return self.keys.run_signer(self.tier)

    @cached_property
    def books(self) -> Bookkeeper:
        """The ledger and the claim files, as this user may read and write them."""
        from jupyter_mlsc.bookkeeping import Bookkeeper

        return Bookkeeper(self.root, self.home, self.keys)

    def record(self, run: Run, entry: NewEntry) -> int | None:
        """Append what a run did, after the statement that the run began; None where another user keeps the ledger. Raises LedgerError."""
        from jupyter_mlsc import predicates
        from jupyter_mlsc.artifacts import Digest
        from jupyter_mlsc.attestation import seal
        from jupyter_mlsc.bookkeeping import entry_of
        from jupyter_mlsc.recording import phase_statement

        entries = [entry]
        if not run.started:
            now = self.clock()
            statement = phase_statement(run, now, "start")
            begun = entry_of("run", seal(statement, [self.run_signer]), predicates.RUN, [("environment", Digest.parse(run.environment.digest))], now)
            entries.insert(0, begun)
        indexes = self.books.append(entries)
        run.started = True
        return None if indexes is None else indexes[-1]

    def prepare(self, run: Run) -> None:
        """Open what a first verdict and its record need, while something else takes its time. Raises LedgerError."""
        self.books.faults  # noqa: B018  # opens the ledger and looks at its newest end
        run.environment  # noqa: B018  # is read from the disk

    @cached_property
    def identities(self) -> dict[str, PublicKey]:
        """The keys that policy names, by id."""
        return {key_id: PublicKey(der) for key_id, der in self.policy.identities_by_key().items()}

    @cached_property
    def gatherer(self) -> Gatherer:
        """Finds statements about artifacts."""
        from jupyter_mlsc.gathering import Gatherer

        return Gatherer(self.root, lambda: self.books.ledger, self.identities, self.books.claims)

    @cached_property
    def provenance(self) -> Provenance:
        """What came from what."""
        from jupyter_mlsc.provenance.reading import Provenance
        from jupyter_mlsc.provenance.unrecorded import UnrecordedClaims
        from jupyter_mlsc.revocations import Revocations

        claims = UnrecordedClaims(self.books.claims.folder)
        # Its own look at revocations: it need not read the claim files that verdicts read.
        revocations = Revocations(lambda: self.books.ledger, claims, self.identities)
        return Provenance(lambda: self.books.ledger, claims, self.identities, self.policy, self.project_id, revocations)

    @cached_property
    def judge(self) -> Judge:
        """Asks the policy."""
        from jupyter_mlsc.judging import Judge

        return Judge(self.root, self.project_id, self.policy, self.gatherer, lambda: self.books.faults, self.clock, self.yardsticks)

    @cached_property
    def yardsticks(self) -> Yardsticks:
        """The profiles of data sets that count here."""
        from jupyter_mlsc.yardsticks import Yardsticks

        return Yardsticks(self.root, self.project_id, self.policy, self.gatherer, self.clock)

    @cached_property
    def behind(self) -> Behind:
        """Data sets that were saved, and are looked at while the run goes on."""
        from jupyter_mlsc.scan.datasets.behind import Behind

        return Behind()

    @cached_property
    def chronicle(self) -> Chronicle:
        """The runs on record, followed."""
        from jupyter_mlsc.chronicle import Chronicle

        return Chronicle(self.project_id, self.policy, self.identities, self.books)

    @cached_property
    def standings(self) -> Standings:
        """How artifacts stand now, kept while nothing that this rests on changed."""
        from jupyter_mlsc.standings import Standings

        made = Standings(self.root, self.policy, self.judge, self.gatherer)
        self.chronicle.listeners.append(made.tell)
        return made

    def target(self, path: Path) -> Target:
        """A path as the policy sees it."""
        from jupyter_mlsc.judging import target_of

        return target_of(self.root, path, self.policy)

    def is_governed(self, path: Path) -> bool:
        """True when a rule of the policy asks something of this path."""
        return any(self.policy.governs(name) for name in self.target(path).names)

    def require_trusted(self) -> None:
        """Raise PolicyUntrustedError while this user has not accepted the project's policy."""
        if self.trust.state == "untrusted":
            raise PolicyUntrustedError(
                f"you have not accepted the policy of this project ({self.root / POLICY_FILE}), so nobody is trusted [policy-untrusted]",
                next_step="read mlsc.toml, then run: mlsc policy trust (or name a policy that you trust: --policy FILE)",
            )

    def identity_of(self, key_id: str) -> str | None:
        """The identity of a key in any layer of the policy, or None."""
        return self.policy.identity_name(key_id)
