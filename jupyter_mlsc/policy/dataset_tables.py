"""What a rule says of data sets: the label, what a profile keeps, the yardstick and the tripwires."""

from __future__ import annotations

from typing import Any, Literal

from jupyter_mlsc.policy.deciding_tables import DecidingTables
from jupyter_mlsc.policy.lines import KeyPath
from jupyter_mlsc.policy.rules import Dataset, Profiled, Tripwires
from jupyter_mlsc.policy.typed_values import type_name

PROFILED: tuple[Profiled, ...] = ("none", "summary", "rows")
_THEN: tuple[Literal["warn", "block"], ...] = ("warn", "block")
_SHARES = ("label-shift", "duplicates", "out-of-range", "near-constant", "unseen-categories", "nulls")


class DatasetTables(DecidingTables):
    """Every method takes a table and the path of its key, and gives a frozen value or raises PolicyError at the key's line."""

    def _dataset(self, table: dict[str, Any], path: KeyPath) -> Dataset:
        found = Dataset(
            label=self._text_at(table["label"], (*path, "label")) if "label" in table else None,
            profile=self._choice(table["profile"], (*path, "profile"), PROFILED) if "profile" in table else None,
            profile_of=self._profile_of(table["profile-of"], (*path, "profile-of")) if "profile-of" in table else None,
            tripwires=self._tripwires(table["tripwires"], (*path, "tripwires")) if "tripwires" in table else None,
        )
        if found.profile_of is not None and found.tripwires is None:
            self._fail((*path, "profile-of"), "the rule names a yardstick and no tripwires that are measured by it", "write tripwires = true too")
        if found.profile == "none" and "profile" in table.get("require", ()):
            self._fail((*path, "profile"), "the rule requires a profile and forbids to make one", "take one of them out")
        return found

    def _profile_of(self, value: Any, path: KeyPath) -> str:
        name = self._text_at(value, path)
        if any(c in name for c in "*?["):
            self._fail(path, f'"{name}" is a pattern, and a yardstick is one data set', 'write its name, as in "data/train.csv"')
        return name

    def _tripwires(self, value: Any, path: KeyPath) -> Tripwires | None:
        if isinstance(value, bool):
            return Tripwires() if value else None
        table = self._table(value, path)
        self._known(table, path, "tripwires")
        given: dict[str, Any] = {key.replace("-", "_"): self._share(table[key], (*path, key)) for key in _SHARES if key in table}
        if "schema" in table:
            given["schema"] = self._boolean(table["schema"], (*path, "schema"))
        if "then" in table:
            given["then"] = self._choice(table["then"], (*path, "then"), _THEN)
        return Tripwires(**given)

    def _share(self, value: Any, path: KeyPath) -> float | None:
        if value is False:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._fail(path, f"{path[-1]} must be a share from 0 to 1, or false, not {type_name(value)}")
        if not 0 <= value <= 1:
            self._fail(path, f"{path[-1]} is {value}, and no share is", "write a number from 0 to 1, as in 0.05, or false")
        return float(value)
