"""The tables of a policy that say who decides: roles and thresholds, reviews, revocations, exceptions, stages; and all its keys.

What a person must hold is checked here once for all of them: a role that the file knows, with a person in it where runs may not decide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NoReturn

from jupyter_mlsc.policy.globs import Place
from jupyter_mlsc.policy.lines import KeyPath
from jupyter_mlsc.policy.rules import BUILDER, REVIEWER, Channel, Identity, Override, Reproduced, Review, Revoke, Rule, ScanRule, Stage, Tier
from jupyter_mlsc.policy.typed_values import TypedValues, did_you_mean, key_shown, printable, type_name
from jupyter_mlsc.replays import is_tolerance

Identities = Mapping[str, Identity]
Roles = Mapping[str, tuple[str, ...]]

KEYS: Mapping[str, tuple[str, ...]] = {
    "": ("version", "mode", "project", "identities", "roles", "rule", "unpickle", "supervise", "revoke", "override", "stages", "install", "environment"),
    "project": ("id",),
    "identities": ("key", "runs-of"),
    "rule": (
        *("match", "kind", "signed", "require", "review", "reproduced", "scan", "formats", "mode"),
        *("label", "profile", "profile-of", "tripwires", "save"),
    ),
    "tripwires": ("label-shift", "duplicates", "schema", "out-of-range", "near-constant", "unseen-categories", "nulls", "then"),
    "signed": ("by", "threshold", "max-age", "not-author", "unbound", "channel"),
    "review": ("by", "threshold", "not-author", "channel"),
    "reproduced": ("by", "max-age", "tier", "not-author", "tolerance"),
    "scan": ("by", "max-age"),
    "formats": ("deny", "allow"),
    "unpickle": ("allow",),
    "supervise": ("network", "environment", "write", "exec", "sockets", "pin"),
    "revoke": ("by", "spread"),
    "override": ("by", "max"),
    "stages": ("into", "by"),
    "environment": ("advisories", "deny-licences"),
    "install": ("require-hashes", "indexes", "allow"),
}
"""Every key that a policy may have, by table."""


CHANNELS: tuple[Channel, ...] = ("terminal", "panel", "hub", "notebook")
TIERS: tuple[Tier, ...] = ("guarded", "supervised")
LATER = {
    "encrypt": "encryption",
    "certificate": "certificate identities",
}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"([1-9][0-9]{0,4})([smhdw])\Z")


class DecidingTables(TypedValues):
    """Every method takes a table and the path of its key, and gives a frozen value or raises PolicyError at the key's line."""

    _top: dict[str, Any]

    def _known(self, table: dict[str, Any], path: KeyPath, kind: str) -> None:
        for key in table:
            if key in KEYS[kind]:
                continue
            if key in LATER:
                self._cannot((*path, key), LATER[key])
            self._fail((*path, key), f'unknown key "{printable(key)}" in {key_shown(path)}', did_you_mean(key, KEYS[kind], "keys"))

    def _cannot(self, path: KeyPath, what: str) -> NoReturn:
        self._fail(path, f"this version cannot check {what}, and does not pretend to", "take it out until a version that can is installed")

    def _name(self, name: str, path: KeyPath, what: str) -> None:
        if not name or not name.isprintable() or name != name.strip() or len(name) > 200:
            self._fail(path, f"{name!a} cannot be the name of {what}", "use letters, digits, dots, dashes")

    def _review(self, table: dict[str, Any], path: KeyPath, require: tuple[str, ...], identities: Identities, roles: Roles) -> Review | None:
        """What a required review asks for; its own table may say who and how many, else one person of the role `reviewer`."""
        if "review" not in require:
            if "review" in table:
                self._fail((*path, "review"), "the rule says who reviews, and requires no review", 'write require = ["review"] too')
            return None
        given = self._table(table.get("review", {}), (*path, "review"))
        self._known(given, (*path, "review"), "review")
        if "by" not in given and REVIEWER not in roles:
            self._fail(
                (*path, "require"),
                f"the rule requires a review, and nobody is a {REVIEWER}",
                f'add {REVIEWER} = [...] to [roles], or: review = {{ by = "..." }}',
            )
        by = self._roles_at(given["by"], (*path, "review", "by"), roles) if "by" in given else (REVIEWER,)
        return Review(
            by=by,
            threshold=self._threshold(given, (*path, "review"), by, identities, roles, persons_only=True),
            not_author=self._boolean(given.get("not-author", True), (*path, "review", "not-author")),
            channel=self._channel(given, (*path, "review")),
        )

    def _reproduced(self, table: dict[str, Any], path: KeyPath, require: tuple[str, ...], identities: Identities, roles: Roles) -> Reproduced | None:
        """Whose replays count; without a table of its own, those of runs of the role `builder`."""
        if "reproduced" not in require:
            if "reproduced" in table:
                self._fail((*path, "reproduced"), "the rule says whose replays count, and requires none", 'write require = ["reproduced"] too')
            return None
        given, where = self._table(table.get("reproduced", {}), (*path, "reproduced")), (*path, "reproduced")
        self._known(given, where, "reproduced")
        if "by" not in given and BUILDER not in roles:
            self._fail(
                (*path, "require"),
                f"the rule requires a replay, and nobody is a {BUILDER}",
                f'add {BUILDER} = [...] to [roles], or: reproduced = {{ by = "..." }}',
            )
        by = self._roles_at(given["by"], (*where, "by"), roles) if "by" in given else (BUILDER,)
        runs = [identities[name] for role in by for name in roles[role] if identities[name].is_run]
        named = (*where, "by") if "by" in given else (*path, "require")
        if not runs:
            self._fail(named, f"no run is {' or '.join(by)}, and a replay is a run's word", "name an identity with runs-of in the role")
        tier = self._choice(given.get("tier", "guarded"), (*where, "tier"), TIERS)
        if tier == "supervised" and all(len(each.keys) < 2 for each in runs):
            self._fail((*where, "tier"), f"no run that is {' or '.join(by)} has a key for supervised runs", "give its identity a list of keys, that one last")
        return Reproduced(
            by=by,
            max_age=self._duration(given["max-age"], (*where, "max-age")) if "max-age" in given else None,
            tier=tier,
            not_author=self._boolean(given.get("not-author", False), (*where, "not-author")),
            tolerance=self._tolerance(given["tolerance"], (*where, "tolerance")) if "tolerance" in given else None,
        )

    def _scan(self, table: dict[str, Any], path: KeyPath, require: tuple[str, ...], roles: Roles) -> ScanRule | None:
        """Whose scans count; without a table of its own, those of who may sign."""
        if "scan" not in require:
            if "scan" in table:
                self._fail((*path, "scan"), "the rule says whose scans count, and requires none", 'write require = ["scan"] too')
            return None
        given, where = self._table(table.get("scan", {}), (*path, "scan")), (*path, "scan")
        self._known(given, where, "scan")
        signed = table.get("signed")
        told, place = (given["by"], (*where, "by")) if "by" in given else (None, (*path, "require"))
        if told is None and isinstance(signed, dict) and "by" in signed:
            told, place = signed["by"], (*path, "signed", "by")
        if told is None:
            self._fail(place, "the rule requires a scan, and does not say whose counts", 'write signed = { by = "..." }, or: scan = { by = "..." }')
        max_age = self._duration(given["max-age"], (*where, "max-age")) if "max-age" in given else None
        return ScanRule(self._roles_at(told, place, roles), max_age)

    def _tolerance(self, value: Any, path: KeyPath) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self._fail(path, f"tolerance must be a number, not {type_name(value)}")
        if not is_tolerance(value):
            self._fail(path, f"tolerance is {value}", "write a number from 0 (the same values) to 1, as in 1e-9")
        return float(value)

    def _roles_at(self, value: Any, path: KeyPath, roles: Roles) -> tuple[str, ...]:
        by = self._texts(value, path, one=True)
        for role in by:
            if role not in roles:
                self._fail(path, f'unknown role "{role}"', did_you_mean(role, roles, "roles"))
        return by

    def _persons_at(self, value: Any, path: KeyPath, identities: Identities, roles: Roles) -> tuple[str, ...]:
        """Roles of which a person holds at least one: what they are for is no run's to do."""
        by = self._roles_at(value, path, roles)
        if not any(not identities[name].is_run for role in by for name in roles[role]):
            self._fail(path, f"no person is {' or '.join(by)}, and runs decide nothing", "name a person in the role")
        return by

    def _channel(self, table: dict[str, Any], path: KeyPath) -> tuple[Channel, ...]:
        names = self._texts(table["channel"], (*path, "channel"), one=True) if "channel" in table else ()
        return tuple(self._choice(name, (*path, "channel"), CHANNELS) for name in names)

    def _threshold(self, table: dict[str, Any], path: KeyPath, by: tuple[str, ...], identities: Identities, roles: Roles, *, persons_only: bool = False) -> int:
        threshold = table.get("threshold", 1)
        if isinstance(threshold, bool) or not isinstance(threshold, int):
            self._fail((*path, "threshold"), f"threshold must be a whole number, not {type_name(threshold)}")
        persons = {identities[name].person for role in by for name in roles[role] if not (persons_only and identities[name].is_run)}
        if threshold < 1:
            self._fail((*path, "threshold"), f"threshold is {threshold}: nobody would have to sign", "ask for 1 or more persons")
        if threshold > max(len(persons), 1):
            self._fail(
                (*path, "threshold"),
                f"threshold is {threshold}, but {_persons(len(persons))} can sign as {' or '.join(by)}",
                "name more identities in the role, or lower the threshold (keys of one person count once)",
            )
        return threshold

    def _duration(self, value: Any, path: KeyPath) -> timedelta:
        text = self._text_at(value, path)
        parsed = _DURATION.match(text)
        if not parsed:
            self._fail(path, f'"{text}" is no duration', "write a whole number and s, m, h, d or w, as in 12h, 180d, 4w")
        return timedelta(seconds=int(parsed[1]) * _UNITS[parsed[2]])

    def _revoke(self, roles: Roles) -> Revoke:
        table = self._table(self._top.get("revoke", {}), ("revoke",))
        self._known(table, ("revoke",), "revoke")
        by = self._roles_at(table["by"], ("revoke", "by"), roles) if "by" in table else None
        return Revoke(by, self._choice(table.get("spread", "block"), ("revoke", "spread"), ("warn", "block")))

    def _override(self, identities: Identities, roles: Roles) -> Override:
        if "override" not in self._top:
            return Override()
        table = self._table(self._top["override"], ("override",))
        self._known(table, ("override",), "override")
        if "by" not in table:
            self._fail(("override",), "[override] does not say who may make an exception", 'write by = "..."; without [override] nobody may')
        by = self._persons_at(table["by"], ("override", "by"), identities, roles)
        return Override(by, self._duration(table["max"], ("override", "max")) if "max" in table else Override().max)

    def _stages(self, identities: Identities, roles: Roles, rules: tuple[Rule, ...]) -> dict[str, Stage]:
        stages = {}
        for name, value in self._table(self._top.get("stages", {}), ("stages",)).items():
            path: KeyPath = ("stages", name)
            self._name(name, path, "a stage")
            table = self._table(value, path)
            self._known(table, path, "stages")
            if "into" not in table:
                self._fail(path, f'stage "{name}" does not say into which folder', f'write {name} = {{ into = "models/{name}" }}')
            into = self._text_at(table["into"], (*path, "into")).rstrip("/")
            if not into or any(c in into for c in "*?[") or into.startswith(("/", ".")) or ".." in into.split("/"):
                self._fail((*path, "into"), f'"{into}" is no folder of the project', 'write a folder without wildcards, as in "models/production"')
            rule = next((rule for rule in rules if rule.governs and any(glob.may_fit_below(Place(into)) for glob in rule.globs)), None)
            if rule is None:
                self._fail((*path, "into"), f'no rule asks anything of what lies in "{into}"', f'write a [[rule]] with match = "{into}/**"')
            if "by" in table:
                by = self._persons_at(table["by"], (*path, "by"), identities, roles)
            elif rule.signed is not None:
                by = rule.signed.by
            else:
                self._fail(path, f'stage "{name}" does not say who promotes, and its rule asks for no signature', 'write by = "..."')
            stages[name] = Stage(name, into, by)
        return stages


def _persons(count: int) -> str:
    return {0: "nobody", 1: "only one person"}.get(count, f"only {count} persons")
