"""Known vulnerabilities of installed distributions, matched against a database of OSV records that lies on this machine.

Follows the OSV schema 1.6 ('Evaluation algorithm'): a version is affected when ``versions`` names it or an ECOSYSTEM range holds it. Versions are
compared as PEP 440 has it.

Rules kept: no network; a record that cannot be understood is counted and named, never skipped in silence; a withdrawn record affects nothing.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from jupyter_mlsc.errors import UsageError
from jupyter_mlsc.policy.installing import normalized

_ECOSYSTEM = "PyPI"
_LARGEST = 16 << 20
Rated = Literal["low", "medium", "high", "critical"]
_RATED: dict[str, Rated] = {"LOW": "low", "MODERATE": "medium", "MEDIUM": "medium", "HIGH": "high", "CRITICAL": "critical"}
"""The words of GitHub's advisories, which OSV keeps under ``database_specific``."""


@dataclass(frozen=True, slots=True)
class Advisory:
    """One vulnerability of one installed distribution: its id, other ids, a summary, the versions that mend it.

    ``rated`` is what its database says of its severity; one that nobody rated counts as high.
    """

    package: str
    version: str
    id: str
    aliases: tuple[str, ...]
    summary: str
    fixed: tuple[str, ...]
    rated: Rated = "high"


@dataclass(frozen=True, slots=True)
class Matched:
    """What the database says: advisories in order of package and id, records that could not be read, and when the newest record was modified."""

    advisories: tuple[Advisory, ...]
    unread: tuple[str, ...]
    newest: datetime | None
    records: int


class _Event(msgspec.Struct):
    introduced: str | None = None
    fixed: str | None = None
    last_affected: str | None = None


class _Range(msgspec.Struct):
    type: str = ""
    events: list[_Event] = []


class _Package(msgspec.Struct):
    name: str = ""
    ecosystem: str = ""


class _Affected(msgspec.Struct):
    package: _Package = msgspec.field(default_factory=_Package)
    ranges: list[_Range] = []
    versions: list[str] = []


class _Record(msgspec.Struct):
    id: str
    modified: datetime | None = None
    withdrawn: datetime | None = None
    aliases: list[str] | None = None
    summary: str = ""
    affected: list[_Affected] | None = None
    database_specific: dict[str, Any] | None = None


def match(database: Path, packages: Iterable[tuple[str, str]]) -> Matched:
    """Advisories for ``packages`` (name, version) in ``database``: a folder of OSV ``*.json`` files or a zip of them (as osv.dev exports an ecosystem).

    Raises UsageError where the database is neither, or holds no record.
    """
    wanted: dict[str, set[str]] = {}
    for name, version in packages:
        wanted.setdefault(normalized(name), set()).add(version)
    found: list[Advisory] = []
    unread: list[str] = []
    newest: datetime | None = None
    records = 0
    for where, text in _texts(database):
        try:
            record = msgspec.json.decode(text, type=_Record)
        except (msgspec.DecodeError, UnicodeDecodeError):
            unread.append(where)
            continue
        records += 1
        if record.modified is not None and record.modified.tzinfo is not None and (newest is None or record.modified > newest):
            newest = record.modified
        if record.withdrawn is not None:
            continue
        for affected in record.affected or ():
            name = normalized(affected.package.name)
            if affected.package.ecosystem == _ECOSYSTEM:
                found += [_advisory(record, affected, name, version) for version in wanted.get(name, ()) if _is_affected(affected, version)]
    if not records:
        raise UsageError(f"{database} holds no OSV record; put the JSON files of the PyPI ecosystem there, or the zip that osv.dev offers of them")
    unique = {(each.package, each.version, each.id): each for each in found}
    return Matched(tuple(unique[key] for key in sorted(unique)), tuple(unread), newest, records)


def _texts(database: Path) -> Iterator[tuple[str, bytes]]:
    if database.is_dir():
        for path in sorted(database.rglob("*.json")):
            if path.is_file():
                yield str(path), path.read_bytes()[:_LARGEST]
    elif database.is_file() and zipfile.is_zipfile(database):
        with zipfile.ZipFile(database) as archive:
            for member in archive.infolist():
                if member.filename.endswith(".json"):
                    with archive.open(member) as file:
                        yield f"{database}!{member.filename}", file.read(_LARGEST)
    else:
        raise UsageError(f"{database} is no database of advisories: it must be a folder of OSV JSON files, or a zip of them")


def _is_affected(affected: _Affected, version: str) -> bool:
    if version in affected.versions:
        return True
    from packaging.version import InvalidVersion, Version

    try:
        here = Version(version)
    except InvalidVersion:
        return False
    for named in affected.versions:
        try:
            if Version(named) == here:
                return True
        except InvalidVersion:
            continue
    return any(_is_in(each, here) for each in affected.ranges if each.type in ("ECOSYSTEM", "SEMVER"))


def _is_in(affected: _Range, here: Any) -> bool:
    """Events in order of their versions: the last one at or before ``here`` says whether it is affected. An unreadable version counts as affected."""
    from packaging.version import InvalidVersion, Version

    inside = False
    events = []
    for event in affected.events:
        for what, text in (("introduced", event.introduced), ("fixed", event.fixed), ("last_affected", event.last_affected)):
            if text is None:
                continue
            try:
                events.append((Version("0.dev0" if text == "0" else text), what))
            except InvalidVersion:
                return True
    for at, what in sorted(events, key=lambda each: (each[0], each[1] != "introduced")):
        if what == "introduced" and here >= at:
            inside = True
        elif (what == "fixed" and here >= at) or (what == "last_affected" and here > at):
            inside = False
    return inside


def _advisory(record: _Record, affected: _Affected, name: str, version: str) -> Advisory:
    fixed = tuple(dict.fromkeys(event.fixed for each in affected.ranges if each.type != "GIT" for event in each.events if event.fixed))
    said = (record.database_specific or {}).get("severity")
    rated = _RATED.get(said.upper(), "high") if isinstance(said, str) else "high"
    return Advisory(name, version, record.id, tuple(record.aliases or ()), record.summary.strip()[:200], fixed, rated)
