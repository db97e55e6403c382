"""Reading `mlsc.toml`, strictly: every key is known, typed and checkable here, or the file is refused with the line and the way out.

What this version cannot check (encryption, certificates) is refused, never ignored: a rule that
is silently not applied is worse than none. The text is kept as it was read, since its digest is what a person accepts.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Any

from jupyter_mlsc.artifacts import KINDS
from jupyter_mlsc.errors import PolicyError
from jupyter_mlsc.policy.dataset_tables import DatasetTables
from jupyter_mlsc.policy.deciding_tables import LATER, Identities, Roles
from jupyter_mlsc.policy.globs import Glob
from jupyter_mlsc.policy.lines import KeyPath, line_of
from jupyter_mlsc.policy.public_keys import read_key
from jupyter_mlsc.policy.rules import EnvironmentRules, Formats, Identity, Install, LayerName, PolicyLayer, PublicKey, Requirement, Rule, Signed, Supervise
from jupyter_mlsc.policy.typed_values import did_you_mean, key_shown, printable
from jupyter_mlsc.verdict import Mode

VERSION = 1
LARGEST = 1 << 20
"""Bytes of the largest policy that is read."""
LONGEST_LINE = 4096

REQUIREMENTS: tuple[Requirement, ...] = ("provenance", "verified-inputs", "review", "reproduced", "profile", "scan")
_PROJECT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,127}\Z")
_DISTRIBUTION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\Z")
_FAMILY = re.compile(r"[a-z0-9][a-z0-9._+-]*\Z")
_DOTTED = re.compile(r"(?:[^\W\d]\w*)(?:\.[^\W\d]\w*)+\Z")
# What a terminal or an editor would not show as it is: controls, and marks that turn the direction of the text.
_HIDDEN = re.compile("[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
# `tomllib` needs quadratic time for a dotted key.
_LONG_KEY = re.compile(r"(?<![\w\"'.-])(?:[\w\"'-]++[ \t]*+\.[ \t]*+){40}")


def parse_policy(text: str | bytes, file: str, layer: LayerName, *, families: Collection[str] | None = None) -> PolicyLayer:
    """Read a policy. ``file`` is its name in messages; ``families`` are the names of formats that this installation knows, where given.

    Raises PolicyError, which names the file, the line where the text has one, and the next step.
    """
    return _Document(_checked_text(text, file), layer, file, families).layer()


def _checked_text(text: str | bytes, file: str) -> str:
    try:
        raw = text.encode() if isinstance(text, str) else text
        decoded = raw.decode()
    except UnicodeError as err:
        raise PolicyError("the policy is not UTF-8 text", file=file, next_step="save it as UTF-8") from err
    if len(raw) > LARGEST:
        raise PolicyError(f"the policy is larger than {LARGEST >> 20} MiB", file=file, next_step="a policy is a page of text: see docs/policy.md")
    for number, line in enumerate(decoded.split("\n"), 1):
        hidden = _HIDDEN.search(line)
        if hidden:
            raise PolicyError(
                f"the line holds a character that is not shown (U+{ord(hidden[0]):04X})",
                file=file,
                line=number,
                next_step="remove it: it can hide what a rule says",
            )
        if len(line) > LONGEST_LINE or _LONG_KEY.search(line):
            raise PolicyError("the line is too long to be meant", file=file, line=number, next_step="break the list over several lines")
    return decoded


class _Document(DatasetTables):
    """One parse of one file: a method for each of its tables."""

    def __init__(self, text: str, layer: LayerName, file: str, families: Collection[str] | None) -> None:
        super().__init__(text, file)
        self._layer, self._families = layer, families
        try:
            self._top: dict[str, Any] = tomllib.loads(text)
        except ValueError as err:
            where = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)", str(err))
            line = int(where[1]) if where and where[1] else (text.count("\n") + 1 if where else None)
            said = str(err)[: where.start()] if where else str(err)
            raise PolicyError(f"not TOML: {said}", file=file, line=line, next_step="mend the line; docs/policy.md shows every key by example") from err
        except RecursionError as err:
            raise PolicyError("not TOML that is meant: lists or tables nested without end", file=file, next_step="see docs/policy.md") from err

    def layer(self) -> PolicyLayer:
        self._version()
        self._known(self._top, (), "")
        identities = self._identities()
        roles = self._roles(identities)
        rules = tuple(self._rule(i, value, identities, roles) for i, value in enumerate(self._rule_tables()))
        self._refuse_unreachable(rules)
        mode = self._top.get("mode", Mode.WARN.value)
        return PolicyLayer(
            name=self._layer,
            file=self._file,
            text=self._text,
            digest="sha256:" + sha256(self._text.encode()).hexdigest(),
            version=VERSION,
            mode=Mode(self._choice(mode, ("mode",), tuple(Mode))),
            project_id=self._project(),
            identities=identities,
            roles=roles,
            rules=rules,
            unpickle_allow=self._unpickle(),
            supervise=self._supervise(),
            revoke=self._revoke(roles),
            override=self._override(identities, roles),
            stages=self._stages(identities, roles, rules),
            install=self._install(),
            environment=self._environment(),
        )

    def _version(self) -> None:
        if "version" not in self._top:
            raise PolicyError("the policy does not say its version", file=self._file, line=1, next_step=f"put this line first: version = {VERSION}")
        version = self._top["version"]
        if type(version) is not int or version != VERSION:
            self._fail(("version",), f"policies of version {str(version)[:20]} are not read here", f"use version = {VERSION}, or install a newer jupyter_mlsc")

    def _project(self) -> str | None:
        if self._layer == "admin":
            if "project" in self._top:
                self._fail(("project",), "an admin's policy holds for every project and names none", "take [project] out")
            return None
        table = self._table(self._top.get("project", {}), ("project",))
        self._known(table, ("project",), "project")
        if "id" not in table:
            raise PolicyError(
                "the policy does not say which project it is for",
                file=self._file,
                line=line_of(self._text, ("project",)),
                next_step="mlsc init makes one; or write [project] and id = with 32 random characters",
            )
        identifier = self._text_at(table["id"], ("project", "id"))
        if not _PROJECT_ID.match(identifier):
            self._fail(("project", "id"), f'"{identifier}" is no project id', "use 8 to 128 random letters and digits: statements are bound to it")
        return identifier

    def _identities(self) -> dict[str, Identity]:
        identities: dict[str, Identity] = {}
        owners: dict[str, str] = {}
        for name, value in self._table(self._top.get("identities", {}), ("identities",)).items():
            path: KeyPath = ("identities", name)
            self._name(name, path, "an identity")
            table = self._table(value, path)
            self._known(table, path, "identities")
            if "key" not in table:
                self._fail(path, f'identity "{name}" has no key', f'write {name} = {{ key = "..." }}: mlsc keys list shows it')
            keys = tuple(self._key(text, (*path, "key")) for text in self._texts(table["key"], (*path, "key"), one=True))
            for key in keys:
                if key.id in owners:
                    self._fail(path, f'"{owners[key.id]}" and "{name}" have the same key', "a key stands for one identity: give each its own")
                owners[key.id] = name
            runs_of = self._text_at(table["runs-of"], (*path, "runs-of")) if "runs-of" in table else None
            identities[name] = Identity(name, keys, runs_of)
        for name, identity in identities.items():
            if identity.runs_of is None:
                continue
            path = ("identities", name, "runs-of")
            persons = [other.name for other in identities.values() if not other.is_run]
            if identity.runs_of not in identities:
                self._fail(path, f'"{name}" runs for "{identity.runs_of}", which is no identity', did_you_mean(identity.runs_of, persons, "identities"))
            if identity.runs_of not in persons:
                self._fail(path, f'"{name}" runs for "{identity.runs_of}", which is itself a run', did_you_mean(identity.runs_of, persons, "persons"))
        return identities

    def _key(self, text: str, path: KeyPath) -> PublicKey:
        try:
            return read_key(text)
        except ValueError as err:
            self._fail(path, f"{key_shown(path)}: {err}", "mlsc keys list shows the key in the form that stands here")

    def _roles(self, identities: Mapping[str, Identity]) -> dict[str, tuple[str, ...]]:
        roles = {}
        for role, value in self._table(self._top.get("roles", {}), ("roles",)).items():
            path: KeyPath = ("roles", role)
            self._name(role, path, "a role")
            roles[role] = self._texts(value, path, empty=True)
            for name in roles[role]:
                if name not in identities:
                    self._fail(path, f'role "{role}" names "{name}", which is no identity', did_you_mean(name, identities, "identities"))
        return roles

    def _rule_tables(self) -> list[Any]:
        rules = self._top.get("rule", [])
        if not isinstance(rules, list):
            self._fail(("rule",), "rules are written with two brackets on each side", "write [[rule]]")
        return rules

    def _rule(self, index: int, value: Any, identities: Identities, roles: Roles) -> Rule:
        path: KeyPath = ("rule", index)
        table = self._table(value, path)
        self._known(table, path, "rule")
        if "match" not in table:
            self._fail(path, "the rule does not say what it is about", 'write match = "data/**"')
        match = self._texts(table["match"], (*path, "match"), one=True)
        if len(table) == 1:
            self._fail(path, f"the rule for {match[0]} asks for nothing", "write signed, require, formats, tripwires or mode, or take the rule out")
        if set(table) == {"match", "kind"}:
            self._fail(path, f"the rule for {match[0]} names a kind but asks for nothing", "write signed, require or formats too")
        require = self._texts(table["require"], (*path, "require"), one=True) if "require" in table else ()
        for name in require:
            if name in LATER:
                self._cannot((*path, "require"), LATER[name])
        return Rule(
            index=index,
            match=match,
            globs=tuple(self._glob(pattern, (*path, "match")) for pattern in match),
            kind=self._choice(table["kind"], (*path, "kind"), KINDS) if "kind" in table else None,
            signed=self._signed(table["signed"], (*path, "signed"), identities, roles) if "signed" in table else None,
            require=tuple(self._choice(name, (*path, "require"), REQUIREMENTS) for name in require),
            review=self._review(table, path, require, identities, roles),
            reproduced=self._reproduced(table, path, require, identities, roles),
            scan=self._scan(table, path, require, roles),
            formats=self._formats(table["formats"], (*path, "formats")) if "formats" in table else None,
            mode=Mode(self._choice(table["mode"], (*path, "mode"), tuple(Mode))) if "mode" in table else None,
            dataset=self._dataset(table, path),
            save="scan" if "save" in table and self._choice(table["save"], (*path, "save"), ("scan",)) else None,
        )

    def _glob(self, pattern: str, path: KeyPath) -> Glob:
        try:
            return Glob.parse(pattern)
        except ValueError as err:
            sentence, _, advice = str(err).partition(": ")
            self._fail(path, f'bad pattern "{pattern}": {sentence}', advice or None)

    def _signed(self, value: Any, path: KeyPath, identities: Identities, roles: Roles) -> Signed:
        table = self._table(value, path)
        self._known(table, path, "signed")
        if "by" not in table:
            self._fail(path, "signed does not say by whom", 'write signed = { by = "data-steward" }')
        by = self._roles_at(table["by"], (*path, "by"), roles)
        return Signed(
            by=by,
            threshold=self._threshold(table, path, by, identities, roles),
            max_age=self._duration(table["max-age"], (*path, "max-age")) if "max-age" in table else None,
            not_author=self._boolean(table.get("not-author", False), (*path, "not-author")),
            unbound=self._boolean(table.get("unbound", False), (*path, "unbound")),
            channel=self._channel(table, path),
        )

    def _formats(self, value: Any, path: KeyPath) -> Formats:
        table = self._table(value, path)
        self._known(table, path, "formats")
        if len(table) != 1:
            self._fail(path, "formats takes either deny or allow", 'write formats = { deny = ["pickle"] }')
        ((key, listed),) = table.items()
        names = self._texts(listed, (*path, key))
        for name in names:
            if not _FAMILY.match(name):
                self._fail((*path, key), f'"{name}" is no name of a format', 'write the format, not the suffix: "pickle", "parquet"')
            if self._families is not None and name not in self._families:
                self._fail((*path, key), f'unknown format "{name}"', did_you_mean(name, self._families, "formats"))
        return Formats(deny=frozenset(names)) if key == "deny" else Formats(allow=frozenset(names))

    def _refuse_unreachable(self, rules: tuple[Rule, ...]) -> None:
        earlier: list[tuple[Rule, Glob]] = []
        for rule in rules:
            for glob in rule.globs:
                first = next((before for before in earlier if before[1].covers(glob)), None)
                if first is not None:
                    where = line_of(self._text, ("rule", first[0].index, "match"))
                    at = f" in line {where}" if where is not None else ""
                    self._fail(
                        ("rule", rule.index, "match"),
                        f'"{glob.text}" is never reached: "{first[1].text}"{at} already fits all of it, and the first rule that fits decides',
                        "put the narrower rule first, or take one of them out",
                    )
                earlier.append((rule, glob))

    def _unpickle(self) -> frozenset[str] | None:
        if "unpickle" not in self._top:
            return None
        table = self._table(self._top["unpickle"], ("unpickle",))
        self._known(table, ("unpickle",), "unpickle")
        names = self._texts(table.get("allow", []), ("unpickle", "allow"), empty=True)
        for name in names:
            if not _DOTTED.match(name):
                self._fail(("unpickle", "allow"), f'"{name}" is no full name of a class or function', 'write exact names, as in "mypackage.models.Net"')
        return frozenset(names)

    def _environment(self) -> EnvironmentRules:
        path: KeyPath = ("environment",)
        table = self._table(self._top.get("environment", {}), path)
        self._known(table, path, "environment")
        advisories = self._text_at(table["advisories"], (*path, "advisories")) if "advisories" in table else None
        return EnvironmentRules(advisories, self._texts(table.get("deny-licences", []), (*path, "deny-licences"), empty=True))

    def _install(self) -> Install | None:
        if "install" not in self._top:
            return None
        path: KeyPath = ("install",)
        table = self._table(self._top["install"], path)
        self._known(table, path, "install")
        if not table:
            self._fail(path, "[install] asks for nothing", "write require-hashes = true, indexes or allow, or take the table out")
        indexes = self._texts(table["indexes"], (*path, "indexes")) if "indexes" in table else None
        for index in indexes or ():
            if not re.match(r"(?:https|file)://[^\s@]+\Z", index):
                self._fail((*path, "indexes"), f'"{printable(index)}" is no address of an index', "write it whole, with https:// and without a password")
        allow = self._texts(table["allow"], (*path, "allow"), empty=True) if "allow" in table else None
        for name in allow or ():
            if not _DISTRIBUTION.match(name):
                self._fail((*path, "allow"), f'"{printable(name)}" is no name of a distribution', "write the name alone, without a version")
        return Install(
            require_hashes=self._boolean(table.get("require-hashes", False), (*path, "require-hashes")),
            indexes=tuple(index.rstrip("/") for index in indexes) if indexes is not None else None,
            allow=allow,
        )

    def _supervise(self) -> Supervise:
        path: KeyPath = ("supervise",)
        table = self._table(self._top.get("supervise", {}), path)
        self._known(table, path, "supervise")
        default = Supervise()

        def texts(key: str) -> tuple[str, ...]:
            return self._texts(table.get(key, []), (*path, key), empty=True)

        return Supervise(
            network=self._choice(table.get("network", default.network), (*path, "network"), ("allow", "deny")),
            environment=self._choice(table.get("environment", default.environment), (*path, "environment"), ("read-only", "writable")),
            write=texts("write"),
            exec=texts("exec"),
            sockets=texts("sockets"),
            pin=self._choice(table.get("pin", default.pin), (*path, "pin"), ("auto", "copy")),
        )
