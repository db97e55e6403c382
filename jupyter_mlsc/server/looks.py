"""What takes a while to find out of a file, kept while its bytes are the same: findings of a scan, the difference to a signed data set.

Rules kept: hostile bytes are parsed in the scanner's process, which holds no key; nothing here is asked with a project's lock held; a result is of
the file in one state, and another state is looked at again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlsc.errors import FormatError, MissingLibraryError, UsageError
from jupyter_mlsc.file_identity import FileIdentity
from jupyter_mlsc.server import shapes

if TYPE_CHECKING:
    from jupyter_mlsc.profiles import DatasetDiff
    from jupyter_mlsc.project import Project
    from jupyter_mlsc.scan.finding import Finding

LARGEST_UNASKED = 64 << 20
"""Bytes of a file that is looked into when its details are opened; a larger one only where somebody asks for it."""

MOST_KEPT = 2_000


class Looks:
    """The results of one server. Safe in any thread."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, FileIdentity], Any] = {}
        self._lock = threading.Lock()

    def findings(self, project: Project, place: Path, name: str) -> tuple[shapes.Finding, ...]:
        """What a scan finds in a file; ``name`` is its name in the findings. Raises ArtifactError."""
        found: tuple[shapes.Finding, ...] = self._once("scan", place, lambda: tuple(as_shape(each, name) for each in project.scan([place]).findings))
        return found

    def known_findings(self, place: Path) -> tuple[shapes.Finding, ...] | None:
        """What a scan found in the file as it is; None where it was not scanned."""
        found: tuple[shapes.Finding, ...] | None = self._kept.get(("scan", _state(place)))
        return found

    def difference(self, project: Project, place: Path) -> shapes.Difference | None:
        """What changed in a data set since it was signed; None where there is no profile of it, or it cannot be compared. Raises ArtifactError."""

        def compare() -> shapes.Difference | None:
            try:
                return _difference(project.diff(place))
            except (UsageError, FormatError, MissingLibraryError):
                return None

        profiles = project.root / ".mlsc" / "claims"
        found: shapes.Difference | None = self._once(f"diff {profiles.stat().st_mtime_ns if profiles.exists() else 0}", place, compare)
        return found

    def _once(self, what: str, place: Path, find: Callable[[], Any]) -> Any:
        key = (what, _state(place))
        if key not in self._kept:
            result = find()
            with self._lock:
                if len(self._kept) >= MOST_KEPT:
                    self._kept.clear()
                self._kept[key] = result
            return result
        return self._kept[key]


def as_shape(found: Finding, name: str) -> shapes.Finding:
    """One finding."""
    return shapes.Finding(path=name, code=found.code, severity=str(found.severity), message=found.message, where=found.where or None, fix=found.fix or None)


def _state(place: Path) -> FileIdentity:
    return FileIdentity.of(os.stat(place))


def _difference(diff: DatasetDiff) -> shapes.Difference | None:
    from jupyter_mlsc.dataset_display import diff_sentence
    from jupyter_mlsc.profiles import count

    if diff.equal or diff.differences is None:
        return None
    found, rows = diff.differences, diff.differences.rows
    bars = {each.column: each for each in found.bars}
    told: list[tuple[str, str, str]] = [(each.column, each.kind, each.text) for each in found.columns]
    spread = {name for name, each in bars.items() if each.signed != each.present} - {name for name, _, _ in told}
    told += [(name, "distribution", "its values are spread differently") for name in bars if name in spread]
    columns = []
    for name, change, message in told:
        bar = bars.get(name)
        labels = () if bar is None else bar.values or tuple(f"{edge:g}" for edge in bar.edges)
        before, after = ((), ()) if bar is None else (tuple(map(float, bar.signed)), tuple(map(float, bar.present)))
        columns.append(shapes.ColumnDifference(name=name, change=change, message=message, labels=labels, before=before, after=after))
    return shapes.Difference(
        against=str(diff.signed_digest),
        sentence=diff_sentence(diff),
        rows_before=found.signed_rows,
        rows_after=found.present_rows,
        rows_added=None if rows is None else count(rows.added),
        rows_removed=None if rows is None else count(rows.removed),
        rows_changed=None if rows is None else count(rows.changed),
        columns=tuple(columns),
    )
