"""What a policy says, as frozen values: identities, roles, rules, and the layer that holds them. No I/O, no parsing, no decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cached_property
from typing import Literal

import msgspec

from jupyter_mlsc.artifacts import Kind
from jupyter_mlsc.policy.globs import Glob, Place
from jupyter_mlsc.verdict import Mode

LayerName = Literal["admin", "project"]
Channel = Literal["terminal", "panel", "hub", "notebook"]
Requirement = Literal["provenance", "verified-inputs", "review", "reproduced", "profile", "scan"]
Profiled = Literal["none", "summary", "rows"]
Tier = Literal["guarded", "supervised"]
POLICY_ADMIN = "policy-admin"
"""The role whose persons may sign a new version of a project's policy, and revoke."""
REVIEWER = "reviewer"
"""The role whose persons review, where a rule names no other."""
BUILDER = "builder"
"""The role whose runs replay, where a rule names no other."""


class PublicKey(msgspec.Struct, frozen=True):
    """A key that an identity signs with: ``id`` is the SHA-256 in hex of ``der``, the DER SubjectPublicKeyInfo."""

    id: str
    der: bytes
    algorithm: str


class Identity(msgspec.Struct, frozen=True):
    """A name for keys: a person, or the runs of a person (``runs_of``), whose word is that a run made something and nothing else."""

    name: str
    keys: tuple[PublicKey, ...]
    runs_of: str | None = None

    @property
    def is_run(self) -> bool:
        """True when the keys are held by runs, not by the person."""
        return self.runs_of is not None

    @property
    def person(self) -> str:
        """The person whom thresholds count."""
        return self.runs_of if self.runs_of is not None else self.name


class Signed(msgspec.Struct, frozen=True):
    """Who must have signed: any of the roles ``by``, so many persons, not too long ago, through one of the channels (any when empty)."""

    by: tuple[str, ...]
    threshold: int = 1
    max_age: timedelta | None = None
    not_author: bool = False
    unbound: bool = False
    channel: tuple[Channel, ...] = ()


class Review(msgspec.Struct, frozen=True):
    """Who must have approved, where a rule requires a review: so many persons of any of the roles ``by``, through one of the channels."""

    by: tuple[str, ...] = (REVIEWER,)
    threshold: int = 1
    not_author: bool = True
    channel: tuple[Channel, ...] = ()


class Reproduced(msgspec.Struct, frozen=True):
    """Whose replays count, where a rule asks that an artifact was reproduced: runs of any of the roles ``by``, of this tier at least, not too long ago.

    Without ``tolerance`` the bytes must be the same; with it values may differ by so much, relative to them where they are larger than 1.
    """

    by: tuple[str, ...] = (BUILDER,)
    max_age: timedelta | None = None
    tier: Tier = "guarded"
    not_author: bool = False
    tolerance: float | None = None


class ScanRule(msgspec.Struct, frozen=True):
    """Whose scans count, where a rule requires one: persons and runs of any of the roles ``by``, not too long ago."""

    by: tuple[str, ...]
    max_age: timedelta | None = None


class Revoke(msgspec.Struct, frozen=True):
    """``[revoke]``: the roles that may revoke, None where the file does not say; and what happens to what was made from what is revoked."""

    by: tuple[str, ...] | None = None
    spread: Literal["warn", "block"] = "block"


class Override(msgspec.Struct, frozen=True):
    """``[override]``: the roles that may make an exception, none unless the file says so; and for how long at most."""

    by: tuple[str, ...] = ()
    max: timedelta = timedelta(days=30)


class Stage(msgspec.Struct, frozen=True):
    """One row of ``[stages]``: the folder ``into`` which artifacts are promoted, and the roles that may; those who sign there where it names none."""

    name: str
    into: str
    by: tuple[str, ...]


class Formats(msgspec.Struct, frozen=True):
    """Which families of formats the bytes may be: none that is denied; where ``allow`` is given, only those."""

    deny: frozenset[str] = frozenset()
    allow: frozenset[str] | None = None

    def refused(self, families: frozenset[str]) -> frozenset[str] | None:
        """The families that are not accepted; an empty set when the bytes are of no known family but must be; None when all is well."""
        if self.allow is None:
            return families & self.deny or None
        # All of them must be allowed: a file that is two formats at once is read as the worse one by somebody.
        return (families - self.allow) or (frozenset() if not families else None)


class Tripwires(msgspec.Struct, frozen=True):
    """``tripwires`` of a rule: how far a data set may be from its yardstick before somebody is told. A wire that is None is not strung.

    Shares are of 1. ``then`` is what happens: ``warn`` also where the mode is ``enforce``, or ``block``, which means what the mode means.
    """

    label_shift: float | None = 0.1
    """Half the sum of how much the share of each class changed."""
    duplicates: float | None = 0.1
    """How much larger the share of rows that are equal to an earlier one may be."""
    schema: bool = True
    out_of_range: float | None = 0.0
    """The share of rows that may lie outside of the signed least and greatest."""
    near_constant: float | None = 0.99
    """The share of the commonest value from which on a column says nothing, where it was not so before."""
    unseen_categories: float | None = 0.0
    """The share of rows that may have a value which the column never had."""
    nulls: float | None = 0.1
    """How much larger the share of missing cells of a column may be."""
    then: Literal["warn", "block"] = "warn"


class Dataset(msgspec.Struct, frozen=True):
    """What a rule says of data sets: which column is the label, what a profile keeps, what one is compared with, and when that matters."""

    label: str | None = None
    profile: Profiled | None = None
    profile_of: str | None = None
    tripwires: Tripwires | None = None


class Rule(msgspec.Struct, frozen=True):
    """One ``[[rule]]``: the names that it fits and what it asks of them. ``index`` counts from 0 in the file's order."""

    index: int
    match: tuple[str, ...]
    globs: tuple[Glob, ...]
    kind: Kind | None = None
    signed: Signed | None = None
    require: tuple[Requirement, ...] = ()
    review: Review | None = None
    reproduced: Reproduced | None = None
    scan: ScanRule | None = None
    formats: Formats | None = None
    mode: Mode | None = None
    dataset: Dataset = Dataset()
    save: Literal["scan"] | None = None
    """What a notebook must pass before a Jupyter server saves it. It makes nothing governed: it is about saving, not about using."""

    @property
    def governs(self) -> bool:
        """True when the rule asks for something; a rule that only sets a mode leaves what it fits ungoverned."""
        return self.signed is not None or bool(self.require) or self.formats is not None or self.dataset.tripwires is not None

    def fits(self, place: Place) -> bool:
        """True when one of its patterns matches the name."""
        return any(glob.fits(place) for glob in self.globs)


class Supervise(msgspec.Struct, frozen=True):
    """``[supervise]``: what a supervised command may do besides; the defaults are the safe ones."""

    network: Literal["allow", "deny"] = "allow"
    environment: Literal["read-only", "writable"] = "read-only"
    write: tuple[str, ...] = ()
    exec: tuple[str, ...] = ()
    sockets: tuple[str, ...] = ()
    pin: Literal["auto", "copy"] = "auto"


class Install(msgspec.Struct, frozen=True):
    """``[install]``: what a notebook's commands may install: with hashes only, from these indexes only, these names only; anything where it is not said."""

    require_hashes: bool = False
    indexes: tuple[str, ...] | None = None
    allow: tuple[str, ...] | None = None


class EnvironmentRules(msgspec.Struct, frozen=True):
    """``[environment]``: where advisories come from (a folder or zip of OSV records, or a service), and licences that are not wanted."""

    advisories: str | None = None
    deny_licences: tuple[str, ...] = ()


class PolicyLayer(msgspec.Struct, frozen=True, dict=True):
    """One policy file. ``text`` is kept as it was read; ``digest`` is ``sha256:<hex>`` over its UTF-8 bytes.

    ``accepted`` is False for a project's file that this user has not accepted: its rules say what is governed, its identities count for
    nothing. ``counter`` is the version number that acceptance gave it, 0 for a file that was named or belongs to the admin.
    ``unpickle_allow`` is None where the file has no ``[unpickle]`` table.
    """

    name: LayerName
    file: str
    text: str
    digest: str
    version: int
    mode: Mode
    project_id: str | None
    identities: Mapping[str, Identity]
    roles: Mapping[str, tuple[str, ...]]
    rules: tuple[Rule, ...]
    unpickle_allow: frozenset[str] | None
    supervise: Supervise
    revoke: Revoke = Revoke()
    override: Override = Override()
    stages: Mapping[str, Stage] = {}
    install: Install | None = None
    environment: EnvironmentRules = EnvironmentRules()
    counter: int = 0
    accepted: bool = True

    @cached_property
    def owners(self) -> Mapping[str, Identity]:
        """Identity by key id."""
        return {key.id: identity for identity in self.identities.values() for key in identity.keys}

    def holders(self, roles: Iterable[str]) -> frozenset[str]:
        """Names of the identities that hold any of the roles."""
        return frozenset(name for role in roles for name in self.roles.get(role, ()))

    def persons(self, roles: Iterable[str]) -> frozenset[str]:
        """The persons who can fill the roles, themselves or through their runs."""
        return frozenset(self.identities[name].person for name in self.holders(roles))

    def members(self, roles: Iterable[str]) -> frozenset[str]:
        """The identities of persons that hold any of the roles: decisions are a person's, whatever role runs are given."""
        return frozenset(name for name in self.holders(roles) if not self.identities[name].is_run)

    def rule_for(self, place: Place) -> Rule | None:
        """The first rule that fits the name."""
        return next((rule for rule in self.rules if rule.fits(place)), None)
