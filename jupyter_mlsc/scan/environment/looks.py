"""The environment's findings: what differs from its records, what starts by itself, which advisories name it, whose licence is not wanted.

Rules kept: a fact comes from the files (`installed`, `startup`, `advisories`, `interpreter`); here it becomes a finding by the one table of
codes. What was not looked at is a finding too, never a pass.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from jupyter_mlsc.scan.environment.advisories import Matched
from jupyter_mlsc.scan.environment.bytecode import check as check_bytecode
from jupyter_mlsc.scan.environment.installed import Distribution
from jupyter_mlsc.scan.environment.installed import check as check_installed
from jupyter_mlsc.scan.environment.places import Place
from jupyter_mlsc.scan.environment.startup import StartUpFile, find
from jupyter_mlsc.scan.finding import Finding, finding

_IMPORTED = (".py", ".pyc", ".pth", ".so", ".pyd", ".dll", ".dylib", ".egg-link")
"""What an interpreter imports, loads or runs by itself when it lies in the right folder."""
_SHOWN = 20
"""Files of one distribution that are named one by one; what is more says nothing new."""
OLD = timedelta(days=30)
"""How old a database of advisories may be before that is a finding."""


@dataclass(frozen=True, slots=True)
class Before:
    """What an earlier look recorded: the digest of each distribution's RECORD by ``name==version``, and of the interpreter by its version."""

    records: Mapping[str, str] = field(default_factory=dict)
    interpreters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """What to look at: the environment, advisories that were matched already (None where nobody asked for them), licences that are not wanted, and whether
    bytecode is held against its source."""

    place: Place
    advisories: Callable[[list[tuple[str, str]]], Matched] | None = None
    denied_licences: tuple[str, ...] = ()
    before: Before = Before()
    now: datetime | None = None
    bytecode: bool = False


@dataclass(frozen=True, slots=True)
class Looked:
    """The findings, the distributions, and the interpreter's version and digest (of the running one; None of another one)."""

    findings: tuple[Finding, ...]
    distributions: tuple[Distribution, ...]
    version: str | None
    interpreter: str | None
    advisories: Matched | None


def look(asked: Asked, progress: Callable[[int, int], None] | None = None) -> Looked:
    """Look at an environment. Raises UsageError for a database of advisories that cannot be used."""
    threads = max(os.cpu_count() or 1, 1)
    place = asked.place
    distributions, stray, recorded = check_installed(place.sites, threads, progress)
    is_own = Path(sys.prefix) == place.prefix
    changed = {each.path for one in distributions for each in one.differences}
    starting = find(place.sites, sys.path if is_own else (), recorded - changed)
    found: list[Finding] = []
    for one in distributions:
        found += _distribution(one)
    found += [finding("environment-unowned", path) for path in stray if path.endswith(_IMPORTED) and path not in {each.path for each in starting}]
    found += _starting(starting, place)
    if asked.bytecode:
        found += [finding(f"bytecode-{each.change}", each.path) for each in check_bytecode(place.sites, threads, progress)]
    matched = None
    if asked.advisories is None:
        found.append(finding("advisories-not-checked", str(place.prefix)))
    else:
        matched = asked.advisories([(one.name, one.version) for one in distributions])
        found += _advisories(matched, str(place.prefix), distributions, asked.now)
    found += _licences(distributions, asked.denied_licences)
    version, interpreter = None, None
    if is_own:
        from jupyter_mlsc.scan.environment.interpreter import digest, files

        version = ".".join(map(str, sys.version_info[:3]))
        interpreter = digest(files(), threads)
        known = asked.before.interpreters.get(version)
        if known is not None and known != interpreter:
            found.append(finding("interpreter-changed", sys.executable, version=version))
    for one in distributions:
        known = asked.before.records.get(f"{one.name}=={one.version}")
        if known is not None and one.record is not None and known != one.record:
            found.append(finding("environment-record-changed", os.path.join(one.folder, "RECORD"), package=one.name, version=one.version))
    return Looked(tuple(found), tuple(distributions), version, interpreter, matched)


def _distribution(one: Distribution) -> Iterator[Finding]:
    name = {"package": one.name, "version": one.version}
    if one.editable is not None:
        yield finding("environment-editable", one.folder, folder=one.editable, **name)
    if one.record is None:
        yield finding("environment-no-record", one.folder, **name)
    elif one.unhashed:
        yield finding("environment-unhashed", one.folder, count=one.unhashed, **name)
    for each in one.differences[:_SHOWN]:
        code = {"changed": "environment-changed", "missing": "environment-missing", "unreadable": "environment-unreadable"}.get(each.change)
        if code is None:
            code = "environment-added" if each.path.endswith(_IMPORTED) else "environment-added-data"
        yield finding(code, each.path, **name)
    if len(one.differences) > _SHOWN:
        yield finding("environment-more", one.folder, count=len(one.differences) - _SHOWN, **name)


def _starting(starting: list[StartUpFile], place: Place) -> Iterator[Finding]:
    sites = tuple(str(site) + os.sep for site in place.sites)
    for each in starting:
        where = f"line {each.line}"
        if each.does == "runs-code" and not each.recorded:
            yield finding("start-up-code", each.path, where, text=each.text)
        elif each.does == "adds-folder":
            yield finding("start-up-folder", each.path, where, text=each.text)
        elif each.does == "unreadable":
            yield finding("start-up-unreadable", each.path)
        elif each.does == "customizes":
            within = each.path.startswith(sites)
            yield finding("start-up-customized" if within and not each.recorded else "start-up-customized-elsewhere", each.path, text=each.text)


def _advisories(matched: Matched, prefix: str, distributions: list[Distribution], now: datetime | None) -> Iterator[Finding]:
    folders = {(one.name, one.version): one.folder for one in distributions}
    for each in matched.advisories:
        fixed = f"install {each.package} {' or '.join(each.fixed)}" if each.fixed else f"no version mends it yet: read {each.id}, and do without {each.package}"
        said = f": {each.summary}" if each.summary else ""
        code = f"vulnerable-{each.rated}"
        yield finding(
            code, folders.get((each.package, each.version), prefix), each.id, package=each.package, version=each.version, id=each.id, said=said, fixed=fixed
        )
    if matched.newest is not None and now is not None and now - matched.newest > OLD:
        yield finding("advisories-old", prefix, date=matched.newest.date().isoformat())
    if matched.unread:
        yield finding("advisories-unread", prefix, count=len(matched.unread), example=matched.unread[0])


def _licences(distributions: list[Distribution], denied: tuple[str, ...]) -> Iterator[Finding]:
    unwanted = {each.lower() for each in denied}
    for one in distributions:
        if not one.licence:
            yield finding("licence-unknown", one.folder, package=one.name, version=one.version)
        elif any(part.strip().lower() in unwanted for part in (one.licence, *one.licence.replace(" OR ", ";").replace(" AND ", ";").split(";"))):
            yield finding("licence-denied", one.folder, package=one.name, version=one.version, licence=one.licence)
