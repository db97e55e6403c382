"""A folder of images: how many of each class, which cannot be decoded, which are the same. Images come one after the other, and are never kept."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import PurePosixPath
from typing import Any

import numpy
from PIL import Image

from jupyter_mlsc.formats.images import FORMAT_OF
from jupyter_mlsc.profiles import (
    HISTOGRAM_BARS,
    MOST_CLASSES,
    QUANTILES,
    Bars,
    Category,
    Column,
    ColumnChange,
    DatasetFacts,
    Differences,
    Label,
    LabelChange,
    RowChanges,
)
from jupyter_mlsc.scan.datasets import rows as row_digests
from jupyter_mlsc.scan.datasets.alignment import align
from jupyter_mlsc.scan.datasets.inside import told
from jupyter_mlsc.scan.datasets.questions import Answer, Question
from jupyter_mlsc.scan.datasets.spans import row_spans

MOST_NAMED = 20
"""Images that cannot be decoded and are named; all of them are counted."""
MOST_PAIRS = 1000
_READ = tuple(sorted(set(FORMAT_OF.values())))
_WIDTH, _HEIGHT = "width", "height"


def look(question: Question, data: int, signed_rows: bytes | None) -> tuple[Answer, bytes]:
    """Answer a question about a folder of images, which are told on stdin: name and bytes. The folder of an image is its class."""
    del data
    # At the limit Pillow only warns, and refuses at twice the limit.
    Image.MAX_IMAGE_PIXELS = (Image.MAX_IMAGE_PIXELS or 1 << 27) // 2
    key = bytes.fromhex(question.key)
    seen = _Seen()
    for name, content in _told_images():
        seen.add(name, content, key)
    whole, features = (numpy.frombuffer(b"".join(each), dtype="<u8") for each in (seen.whole, seen.features))
    facts = seen.facts(features)
    kept = row_digests.DigestTable(whole, features)
    encoded = kept.encoded() if question.rows else b""
    block = 1 if question.rows else 0
    if question.against is None:
        return Answer(facts, block=block), encoded
    table = None if signed_rows is None else row_digests.read_table(signed_rows)
    return Answer(facts, image_differences(question.against.facts, facts, table, kept, seen.classes, seen.names, key), block), encoded


def _told_images() -> Iterator[tuple[str, bytes]]:
    while name := told():
        yield name.decode(), told()


class _Seen:
    """What is kept of images."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.classes: list[str] = []
        self.whole: list[bytes] = []
        self.features: list[bytes] = []
        self._sizes: dict[str, list[int]] = {_WIDTH: [], _HEIGHT: []}
        self._modes: Counter[str] = Counter()
        self._unreadable: list[str] = []

    def add(self, name: str, content: bytes, key: bytes) -> None:
        """Take in an image."""
        parts = PurePosixPath(name).parts
        class_ = parts[0] if len(parts) > 1 else ""
        self.names.append(name)
        self.classes.append(class_)
        self.features.append(blake2b(content, digest_size=row_digests.DIGEST_SIZE, key=key).digest())
        self.whole.append(row_digests.digest_with(self.features[-1], class_.encode(), key).to_bytes(row_digests.DIGEST_SIZE, "little"))
        try:
            with Image.open(io.BytesIO(content), formats=_READ) as image:
                image.load()
                size, mode = image.size, image.mode
        except Exception:  # noqa: BLE001  # decoders of hostile bytes raise anything; that one of them did is what is told
            self._unreadable.append(name)
            return
        self._sizes[_WIDTH].append(size[0])
        self._sizes[_HEIGHT].append(size[1])
        self._modes[mode] += 1

    def facts(self, features: Any) -> DatasetFacts:
        """What the folder looks like."""
        counts = Counter(self.classes)
        has_classes = set(counts) != {""} and len(counts) <= MOST_CLASSES
        columns = [
            Column("class", "text", distinct=len(counts), categories=categories(counts) if has_classes else (), commonest=max(counts.values(), default=0))
        ]
        columns += [_measure(name, values) for name, values in self._sizes.items() if values]
        columns.append(Column("mode", "text", distinct=len(self._modes), categories=categories(self._modes), commonest=max(self._modes.values(), default=0)))
        return DatasetFacts(
            format="images",
            rows=len(self.names),
            columns=tuple(columns),
            columns_in_all=len(columns),
            label=Label("class", classes=categories(counts)) if has_classes else None,
            duplicates=len(features) - len(numpy.unique(features)),
            malformed=len(self._unreadable),
            unreadable=tuple(self._unreadable[:MOST_NAMED]),
        )


def _measure(name: str, values: list[int]) -> Column:
    array = numpy.array(values, dtype=float)
    bars, _ = numpy.histogram(array, bins=HISTOGRAM_BARS)
    quantiles = tuple(float(each) for each in numpy.quantile(array, QUANTILES, method="inverted_cdf"))
    least, greatest = float(array.min()), float(array.max())
    return Column(
        name,
        "integer",
        distinct=len(set(values)),
        least=least,
        greatest=greatest,
        mean=float(array.mean()),
        quantiles=quantiles,
        histogram=tuple(int(each) for each in bars),
    )


def image_differences(
    signed: DatasetFacts,
    present: DatasetFacts,
    table: row_digests.DigestTable | None,
    kept: row_digests.DigestTable,
    classes: list[str],
    names: list[str],
    key: bytes,
) -> Differences:
    """How a folder of images differs: by content, class and order of names."""
    changes = list(_told_of_columns(signed, present))
    if table is None:
        return Differences(signed.rows, present.rows, None, "the digests of the signed images are not there", tuple(changes))
    features: Any = kept.features
    found = align(table.whole, kept.whole, table.features, features)
    known = [each.value for each in signed.label.classes] if signed.label is not None else []
    labels: Counter[tuple[str | None, str | None]] = Counter()
    for i, j in found.label_only:
        content = int(features[j]).to_bytes(row_digests.DIGEST_SIZE, "little")
        was = next((c for c in known if row_digests.digest_with(content, c.encode(), key) == int(table.whole[i])), None)
        labels[was, classes[j]] += 1
    rows = RowChanges(
        changed=row_spans(j for _, j in found.changed),
        label_only=row_spans(j for _, j in found.label_only),
        added=row_spans(found.added),
        removed=row_spans(found.removed),
        moved=row_spans(j for _, j in found.moved),
        labels=tuple(LabelChange(was, now, count) for (was, now), count in sorted(labels.items(), key=lambda each: (-each[1], str(each[0])))),
        pairs=tuple((i + 1, j + 1) for i, j in (*found.changed, *found.moved))[:MOST_PAIRS],
        named=tuple((j + 1, names[j]) for j in sorted({j for _, j in (*found.changed, *found.moved)} | set(found.added))[:MOST_PAIRS]),
    )
    return Differences(signed.rows, present.rows, rows, "", tuple(changes), tuple(_class_bars(signed, present)))


def _told_of_columns(signed: DatasetFacts, present: DatasetFacts) -> Iterator[ColumnChange]:
    before, after = {each.name: each for each in signed.columns}, {each.name: each for each in present.columns}
    for name in (_WIDTH, _HEIGHT):
        was, now = before.get(name), after.get(name)
        if was is None or now is None or was.least is None or now.least is None or was.greatest is None or now.greatest is None:
            continue
        if now.least < was.least:
            yield ColumnChange(name, "below-range", f"the least {name} is {now.least:.0f}, it was {was.least:.0f}")
        if now.greatest > was.greatest:
            yield ColumnChange(name, "above-range", f"the greatest {name} is {now.greatest:.0f}, it was {was.greatest:.0f}")
    for name, what in (("class", "classes"), ("mode", "modes")):
        strange = {each.value for each in after[name].categories} - {each.value for each in before[name].categories} if name in before else set()
        if strange and before[name].categories:
            yield ColumnChange(name, "unseen-category", f"there are {what} that were never there: {', '.join(f'`{each}`' for each in sorted(strange)[:5])}")
    if present.malformed > signed.malformed:
        yield ColumnChange("", "nulls", f"{present.malformed:,} images cannot be decoded, {signed.malformed:,} could not when it was signed")


def _class_bars(signed: DatasetFacts, present: DatasetFacts) -> Iterator[Bars]:
    if signed.label is None or present.label is None:
        return
    was, now = ({each.value: each.rows for each in label.classes} for label in (signed.label, present.label))
    values = tuple(dict.fromkeys((*was, *now)))
    yield Bars("class", (), values, tuple(was.get(each, 0) for each in values), tuple(now.get(each, 0) for each in values))


def categories(counts: Counter[str]) -> tuple[Category, ...]:
    """Values and their counts, the commonest first."""
    return tuple(Category(value, rows) for value, rows in sorted(counts.items(), key=lambda each: (-each[1], each[0])))
