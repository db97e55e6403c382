"""What a profile says of real files, and how exactly a comparison tells edits of them."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import numpy
import pandas
import pytest
from data_frames import changes, compared, looked_at, rows_of, three_real_data_sets
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlsc.errors import FormatError
from jupyter_mlsc.profiles import count

WRITERS = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    "csv.gz": lambda frame, path: frame.to_csv(path, index=False),
    "csv.xz": lambda frame, path: frame.to_csv(path, index=False),
    "parquet": lambda frame, path: frame.to_parquet(path),
    "feather": lambda frame, path: frame.to_feather(path),
    "jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
}


@pytest.mark.parametrize("name", ["iris", "wine", "cancer"])
def test_flipped_labels_duplicates_and_injected_rows_of_a_real_data_set_are_described_exactly(name: str, tmp_path: Path) -> None:
    frame = three_real_data_sets()[name]
    poisoned = frame.copy()
    # Of rows that other rows equal nobody could say which one was flipped.
    alone = [i for i in range(0, len(frame), 9) if not frame.duplicated(keep=False).iloc[i] and not frame.drop(columns="target").duplicated(keep=False).iloc[i]]
    flipped = alone[:12]
    poisoned.loc[flipped, "target"] = (poisoned.loc[flipped, "target"] + 1) % 2
    injected = poisoned.iloc[[3]].assign(**{frame.columns[0]: 99.5})
    duplicated = poisoned.iloc[[20]]
    poisoned = pandas.concat([poisoned.iloc[:50], injected, poisoned.iloc[50:], duplicated], ignore_index=True)
    frame.to_csv(tmp_path / "signed.csv", index=False)
    poisoned.to_csv(tmp_path / "present.csv", index=False)
    signed = looked_at(tmp_path / "signed.csv")
    found = looked_at(tmp_path / "present.csv", against=signed)
    assert found.differences is not None
    rows = changes(found.differences)
    at = [row + 1 + (row >= 50) for row in flipped]
    assert rows_of(rows.changed) == rows_of(rows.label_only) == at
    assert rows_of(rows.added) == [51, len(poisoned)]
    assert (rows.removed, rows.moved) == ((), ())
    was = frame.loc[flipped, "target"].value_counts().to_dict()
    told = {(each.was, each.now): each.count for each in rows.labels}
    assert told == {(str(label), str((label + 1) % 2)): n for label, n in was.items()}
    assert found.facts.duplicates == signed.facts.duplicates + 1
    (above,) = [each for each in found.differences.columns if each.kind == "above-range"]
    assert (above.column, above.count, above.rows) == (frame.columns[0], 1, (51,))


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_family_tells_the_same_edits(suffix: str, tmp_path: Path) -> None:
    frame = pandas.DataFrame({"age": range(20, 60), "name": ["ann", "bob"] * 20, "income": numpy.linspace(1.5, 9.75, 40), "y": [0, 1] * 20})
    edited = frame.copy()
    edited.loc[7, "age"] = -3
    edited.loc[[11, 13], "y"] = 0
    edited = edited.drop(index=20)
    for name, each in (("a", frame), ("b", edited)):
        WRITERS[suffix](each.reset_index(drop=True), tmp_path / f"{name}.{suffix}")
    found = compared(tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}")
    rows = changes(found)
    assert (rows_of(rows.changed), rows_of(rows.label_only), rows_of(rows.removed), rows.added) == ([8, 12, 14], [12, 14], [21], ())
    assert [(each.was, each.now, each.count) for each in rows.labels] == [("1", "0", 2)]
    negative = [each for each in found.columns if each.kind == "negative"]
    assert [(each.column, each.rows, each.text) for each in negative] == [("age", (8,), "column `age` now has negative values")]


def test_a_profile_tells_types_nulls_ranges_quantiles_and_classes(tmp_path: Path) -> None:
    values = numpy.random.default_rng(2).normal(size=5000)
    frame = pandas.DataFrame({"x": values, "n": range(5000), "text": [f"t{i}" for i in range(5000)], "kind": ["a", "b"] * 2500, "label": [0, 0, 0, 1] * 1250})
    frame.loc[frame.index < 100, "x"] = numpy.nan
    frame.to_csv(tmp_path / "a.csv", index=False)
    facts = looked_at(tmp_path / "a.csv").facts
    columns = {each.name: each for each in facts.columns}
    assert (facts.rows, facts.duplicates, {name: each.type for name, each in columns.items()}) == (
        5000,
        0,
        {"x": "decimal", "n": "integer", "text": "text", "kind": "text", "label": "integer"},
    )
    kept = values[100:]
    assert (columns["x"].nulls, columns["x"].least, columns["x"].greatest) == (100, kept.min(), kept.max())
    assert columns["x"].mean == pytest.approx(kept.mean())
    assert columns["x"].quantiles == tuple(numpy.quantile(kept, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1], method="inverted_cdf"))
    assert columns["n"].distinct == pytest.approx(5000, rel=0.05)
    assert columns["text"].distinct == pytest.approx(5000, rel=0.05)
    assert columns["text"].estimated
    assert columns["text"].categories == ()
    assert [(each.value, each.rows) for each in columns["kind"].categories] == [("a", 2500), ("b", 2500)]
    assert facts.label is not None
    assert (facts.label.column, facts.label.guessed) == ("label", True)
    assert [(each.value, each.rows) for each in facts.label.classes] == [("0", 3750), ("1", 1250)]
    assert sum(columns["x"].histogram) == 4900


def test_a_column_of_names_is_not_listed_in_a_profile(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,x\n" + "".join(f"person {i},{i}\n" for i in range(40)))
    name = looked_at(tmp_path / "a.csv").facts.columns[0]
    assert (name.distinct, name.categories) == (40, ())


CELLS = st.one_of(st.integers(-99, 99).map(str), st.text(alphabet='ab ",\n\r\x1b\x1f\x1eé', max_size=4), st.floats(allow_nan=False, width=16).map(repr))


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=4, max_size=12), st.data())
@settings(max_examples=60, deadline=None)
def test_random_edits_of_a_random_frame_are_described_exactly(cells: list[list[str]], data: st.DataObject) -> None:
    """Every other row is edited, or not; unique ids make the rows between the edits differ from each other."""
    signed = [[str(i), *row, "0"] for i, row in enumerate(cells)]
    present, changed, flipped, removed, added = [], [], [], [], []
    for i, row in enumerate(signed):
        edit = data.draw(st.sampled_from(["keep", "change", "flip", "remove", "insert"])) if i % 2 else "keep"
        if edit == "remove":
            removed.append(i + 1)
            continue
        if edit == "change":
            row = [row[0], row[1] + "!", row[2], row[3]]
            changed.append(len(present) + 1)
        if edit == "flip":
            row = [*row[:3], "1"]
            flipped.append(len(present) + 1)
        present.append(row)
        if edit == "insert":
            present.append([f"new {i}", "", "", "0"])
            added.append(len(present))
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in (("a", signed), ("b", present)):
            pandas.DataFrame(rows, columns=["id", "p", "q", "y"]).to_csv(Path(folder) / f"{name}.csv", index=False, quoting=csv.QUOTE_ALL)
        found = changes(compared(Path(folder) / "a.csv", Path(folder) / "b.csv"))
    assert rows_of(found.label_only) == flipped
    assert rows_of(found.changed) == sorted(changed + flipped)
    assert (rows_of(found.removed), rows_of(found.added), found.moved) == (removed, added, ())


def test_columns_in_another_order_change_no_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b,y\n" + "".join(f"{i},{-i},0\n" for i in range(30)))
    (tmp_path / "b.csv").write_text("y,b,a\n" + "".join(f"0,{-i},{i}\n" for i in range(30)))
    found = compared(tmp_path / "a.csv", tmp_path / "b.csv")
    assert count(changes(found).changed) == 0
    assert [each.kind for each in found.columns] == ["order"]


def test_a_new_column_changes_no_row_and_one_that_is_gone_says_that_rows_cannot_be_compared(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n3,4\n")
    (tmp_path / "more.csv").write_text("a,b,c\n1,2,9\n3,5,9\n")
    (tmp_path / "less.csv").write_text("a\n1\n3\n")
    more = compared(tmp_path / "a.csv", tmp_path / "more.csv")
    assert rows_of(changes(more).changed) == [2]
    assert "column-added" in [each.kind for each in more.columns]
    less = compared(tmp_path / "a.csv", tmp_path / "less.csv")
    assert less.rows is None
    assert "column b is gone" in less.why
    assert [each.text for each in less.columns if each.kind == "column-removed"] == ["column `b` is gone"]


def test_more_rows_than_digests_are_kept_for_are_compared_in_blocks(tmp_path: Path) -> None:
    """1.2 million rows: a change is told as the block that it lies in, never as nothing, and never exact."""
    numbers = numpy.arange(1_200_000)
    frame = pandas.DataFrame({"a": numbers, "b": numbers % 7})
    frame.to_parquet(tmp_path / "a.parquet")
    frame.loc[600_000, "b"] = 99
    frame.drop(index=5).to_parquet(tmp_path / "b.parquet", index=False)
    signed = looked_at(tmp_path / "a.parquet")
    assert signed.block > 1
    assert len(signed.rows) < 16 << 20
    found = looked_at(tmp_path / "b.parquet", against=signed).differences
    assert found is not None
    rows = changes(found)
    assert not rows.exact
    told = rows_of(rows.changed) + rows_of(rows.added)
    assert 600_000 in told
    assert len(told) < 200
    assert 6 in rows_of(rows.removed) + rows_of(rows.changed)


def test_arrays_are_profiled_too(tmp_path: Path) -> None:
    x = numpy.random.default_rng(3).normal(size=(60, 4))
    y = numpy.arange(60) % 3
    numpy.savez(tmp_path / "a.npz", X=x, y=y)
    y2 = y.copy()
    y2[4] = 2
    x2 = x.copy()
    x2[9, 2] = 50
    numpy.savez(tmp_path / "b.npz", X=x2, y=y2)
    signed = looked_at(tmp_path / "a.npz")
    assert [each.name for each in signed.facts.columns] == ["X[0]", "X[1]", "X[2]", "X[3]", "y"]
    found = looked_at(tmp_path / "b.npz", against=signed).differences
    assert found is not None
    assert (rows_of(changes(found).changed), rows_of(changes(found).label_only)) == ([5, 10], [5])
    numpy.save(tmp_path / "a.npy", x)
    assert looked_at(tmp_path / "a.npy").facts.rows == 60


def test_an_empty_file_and_a_file_of_a_header_have_no_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("")
    (tmp_path / "b.csv").write_text("x,y\n")
    assert looked_at(tmp_path / "a.csv").facts.rows == 0
    facts = looked_at(tmp_path / "b.csv").facts
    assert (facts.rows, [each.type for each in facts.columns]) == (0, ["empty", "empty"])


def test_lines_with_too_many_cells_are_counted_and_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n1,2,3\n4,5\n")
    signed = looked_at(tmp_path / "a.csv")
    assert (signed.facts.rows, signed.facts.malformed) == (2, 1)
    # pandas would make a row of a line that is too short: it must not come or change unseen.
    for line in ("1,2,4\n", "1,2,3\n7\n"):
        (tmp_path / "b.csv").write_text(f"x,y\n1,2\n{line}4,5\n")
        found = looked_at(tmp_path / "b.csv", against=signed).differences
        assert found is not None
        assert [each.kind for each in found.columns] == ["malformed"]


def test_a_file_that_is_no_such_file_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1" + b"\0" * 100 + b"PAR1")
    with pytest.raises(FormatError, match="it cannot be read as parquet"):
        looked_at(tmp_path / "a.parquet")
