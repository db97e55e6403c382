"""Differences of data sets as sentences. Pure; names and labels in them are the data's own and not yet escaped."""

from __future__ import annotations

from collections.abc import Iterator

from jupyter_mlsc.profiles import ColumnChange, Differences, RowChanges, Spans, count

_QUIET = ("cells",)


def headline(differences: Differences, label: str | None) -> str:
    """The whole of it in one line: '40 rows changed, 38 of them only in the label `y` (0 to 1), 3 rows added, column `age` now has negative values'."""
    said = [text for text, _ in row_sentences(differences, label)]
    said += [column_sentence(change) for change in differences.columns if change.kind not in _QUIET][:3]
    if not said:
        return "no row differs in its values; the file is written in another way"
    return ", ".join(said)


def row_sentences(differences: Differences, label: str | None) -> Iterator[tuple[str, Spans]]:
    """What is different in the rows, a sentence each, with the rows that it is about."""
    rows = differences.rows
    if rows is None:
        if differences.signed_rows != differences.present_rows:
            yield f"{differences.present_rows:,} rows, {differences.signed_rows:,} were signed", ()
        return
    if not rows.exact:
        yield from _block_sentences(rows)
        return
    if rows.changed:
        yield _changed(rows, label), rows.changed
    for spans, what in ((rows.added, "added"), (rows.removed, "removed"), (rows.moved, "moved")):
        if spans:
            yield f"{_rows(count(spans))} {what}", spans


def _changed(rows: RowChanges, label: str | None) -> str:
    changed, flipped = count(rows.changed), count(rows.label_only)
    text = f"{_rows(changed)} changed"
    if not flipped or label is None:
        return text
    kinds = [f"{each.was} to {each.now}" + (f": {each.count:,}" if len(rows.labels) > 1 else "") for each in rows.labels if each.was is not None]
    how = f" ({', '.join(kinds[:4])}{', …' if len(kinds) > 4 else ''})" if kinds else ""
    return (
        f"{text}, {'all' if flipped == changed else format(flipped, ',')} of them only in the label `{label}`{how}"
        if changed > 1
        else (f"{text}, only in the label `{label}`{how}")
    )


def _block_sentences(rows: RowChanges) -> Iterator[tuple[str, Spans]]:
    for spans, what in ((rows.changed, "changed"), (rows.added, "added or changed"), (rows.removed, "removed or changed"), (rows.moved, "moved")):
        if spans:
            yield f"some of {_rows(count(spans))} {what} (blocks of rows were compared)", spans


def _rows(number: int) -> str:
    return f"{number:,} row{'' if number == 1 else 's'}"


def column_sentence(change: ColumnChange) -> str:
    """What is different in a column, and in how many rows."""
    return change.text + (f" ({_rows(change.count)})" if change.count else "")
