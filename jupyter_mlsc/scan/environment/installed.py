"""Every installed distribution's files against its RECORD: changed, missing, added.

RECORD is the PyPA specification 'Recording installed projects': CSV rows of path (relative to the folder that holds ``*.dist-info``), hash
(``sha256=`` and unpadded URL-safe base64) and size.

Rules kept: only regular files are opened, so that a pipe in a package stalls nothing; a row without a hash is counted, never taken as a match.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import Literal

from jupyter_mlsc.policy.installing import normalized

_BLOCK = 1 << 20
_CACHES = ("__pycache__",)
_ALGORITHMS = frozenset(("sha256", "sha384", "sha512", "sha3_256", "sha3_512", "blake2b", "blake2s"))
"""The specification asks for SHA-256 or better: a row with a weaker hash says nothing."""
Change = Literal["changed", "missing", "added", "unreadable"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A file that is not as RECORD has it; ``path`` is absolute."""

    path: str
    change: Change


@dataclass(frozen=True, slots=True)
class Distribution:
    """An installed distribution and what differs. ``record`` is the SHA-256 in hex of its RECORD, None where it has none; ``unhashed`` counts the
    rows that name no usable hash (bytecode and RECORD itself apart); ``editable`` is the folder that it is installed from in development mode."""

    name: str
    version: str
    folder: str
    record: str | None
    files: int
    unhashed: int
    differences: tuple[Difference, ...]
    licence: str
    editable: str | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    path: str
    algorithm: str
    wanted: str
    size: int | None


def check(sites: Iterable[Path], threads: int, progress: Callable[[int, int], None] | None = None) -> tuple[list[Distribution], list[str], set[str]]:
    """All distributions in the folders ``sites``, sorted by name, the files there that belong to none, and those that some RECORD names (absolute paths).

    ``progress`` hears (files done, files in all).
    """
    found: list[tuple[Path, Path, list[_Row] | None, str | None]] = []
    for site in sites:
        for entry in sorted(site.iterdir()):
            if entry.suffix in (".dist-info", ".egg-info"):
                rows, record = _rows(site, entry)
                found.append((site, entry, rows, record))
    every = [row for _, _, rows, _ in found for row in rows or ()]
    changes: dict[str, Change] = {}
    with ThreadPoolExecutor(threads) as pool:
        for done, (row, change) in enumerate(zip(every, pool.map(_compare, every, chunksize=64), strict=True), 1):
            if change is not None:
                changes[row.path] = change
            if progress is not None and (done % 512 == 0 or done == len(every)):
                progress(done, len(every))
    owners, stray = _added(list(dict.fromkeys(site for site, *_ in found)), found)
    distributions = [_distribution(entry, rows, record, changes, owners.get(str(entry), [])) for _, entry, rows, record in found]
    return sorted(distributions, key=lambda each: (each.name, each.folder)), stray, {row.path for row in every}


def _rows(site: Path, folder: Path) -> tuple[list[_Row] | None, str | None]:
    try:
        with open(folder / "RECORD", encoding="utf-8", newline="") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError):
        return None, None
    rows = []
    for row in csv.reader(text.splitlines()):
        if row and row[0]:
            algorithm, _, wanted = (row[1] if len(row) > 1 else "").partition("=")
            size = int(row[2]) if len(row) > 2 and row[2].isdigit() else None
            rows.append(_Row(os.path.normpath(os.path.join(site, row[0])), algorithm, wanted, size))
    return rows, hashlib.sha256(text.encode()).hexdigest()


def _is_made_later(path: str) -> bool:
    """Bytecode is written by the interpreter, and RECORD cannot hold its own hash; nor can the signatures over it."""
    return path.endswith((".pyc", ".dist-info/RECORD", ".dist-info/RECORD.jws", ".dist-info/RECORD.p7s"))


def _compare(row: _Row) -> Change | None:
    try:
        number = os.open(row.path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        # Bytecode may be cleaned away at any time.
        return None if row.path.endswith(".pyc") else "missing"
    except OSError:
        return "unreadable"
    with open(number, "rb", buffering=0) as file:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            return "changed"
        if row.algorithm not in _ALGORITHMS:
            return None
        if row.size is not None and status.st_size != row.size:
            return "changed"
        digest = hashlib.new(row.algorithm)
        buffer = bytearray(min(_BLOCK, status.st_size + 1))
        while count := file.readinto(buffer):
            digest.update(memoryview(buffer)[:count])
    return None if base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode() == row.wanted.rstrip("=") else "changed"


def _added(sites: list[Path], found: list[tuple[Path, Path, list[_Row] | None, str | None]]) -> tuple[dict[str, list[str]], list[str]]:
    """Files that no RECORD names: by the ``*.dist-info`` that owns the nearest folder, and those of nobody."""
    recorded: set[str] = set()
    nearest: dict[str, str] = {}
    unrecorded: set[str] = set()
    for site, entry, rows, _ in found:
        if rows is None:
            unrecorded |= _claimed_without_record(site, entry)
        for row in rows or ():
            recorded.add(row.path)
            folder = os.path.dirname(row.path)
            while len(folder) > len(str(site)) and folder.startswith(str(site)):
                nearest.setdefault(folder, str(entry))
                folder = os.path.dirname(folder)
    owners: dict[str, list[str]] = {}
    stray: list[str] = []
    for site in sites:
        for path in _walk(str(site)):
            top = path[len(str(site)) + 1 :].partition(os.sep)[0]
            if path in recorded or top in unrecorded:
                continue
            folder = os.path.dirname(path)
            while folder not in nearest and len(folder) > len(str(site)):
                folder = os.path.dirname(folder)
            if owner := nearest.get(folder):
                owners.setdefault(owner, []).append(path)
            else:
                stray.append(path)
    return owners, sorted(stray)


def _claimed_without_record(site: Path, entry: Path) -> set[str]:
    """First parts of the names below ``site`` that belong to a distribution without RECORD, as its own lists say."""
    tops = {entry.name}
    for listed in ("top_level.txt", "installed-files.txt", "SOURCES.txt"):
        try:
            lines = (entry / listed).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        for line in lines:
            name = line.removeprefix("../").partition("/")[0]
            tops |= {name, f"{name}.py"}
    return tops


def _walk(folder: str) -> Iterator[str]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _CACHES)
        # A link to a folder is not followed: it is one name that somebody put there.
        yield from (os.path.join(root, name) for name in folders if os.path.islink(os.path.join(root, name)))
        yield from (os.path.join(root, name) for name in sorted(files))


def _distribution(entry: Path, rows: list[_Row] | None, record: str | None, changes: dict[str, Change], added: list[str]) -> Distribution:
    try:
        text = next((path.read_text(encoding="utf-8", errors="replace") for path in (entry / "METADATA", entry / "PKG-INFO", entry) if path.is_file()), "")
    except OSError:
        text = ""
    fields = HeaderParser().parsestr(text)
    name, _, version = entry.name.rpartition(".")[0].partition("-")
    differences = [Difference(row.path, changes[row.path]) for row in rows or () if row.path in changes]
    differences += [Difference(path, "added") for path in added]
    return Distribution(
        normalized(fields.get("Name") or name),
        (fields.get("Version") or version).strip(),
        str(entry),
        record,
        len(rows or ()),
        sum(row.algorithm not in _ALGORITHMS and not _is_made_later(row.path) for row in rows or ()),
        tuple(sorted(differences, key=lambda each: each.path)),
        _licence(fields.get("License-Expression"), fields.get_all("Classifier") or [], fields.get("License")),
        _editable(entry),
    )


def _licence(expression: str | None, classifiers: list[str], free_text: str | None) -> str:
    """The licence: the SPDX expression of core metadata 2.4, else the classifiers, else the first line of the old free text."""
    if expression:
        return expression.strip()
    named = [each.rpartition("::")[2].strip() for each in classifiers if each.startswith("License ::") and each.rpartition("::")[2].strip() != "OSI Approved"]
    if named:
        return "; ".join(dict.fromkeys(named))
    return (free_text or "").strip().splitlines()[0].strip()[:80] if (free_text or "").strip() else ""


def _editable(entry: Path) -> str | None:
    """The folder of a development install (PEP 610), or None."""
    try:
        said = json.loads((entry / "direct_url.json").read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("dir_info"), dict) or said["dir_info"].get("editable") is not True:
        return None
    return str(said.get("url", "")).removeprefix("file://")
