"""The formats that can be loaded and saved: which one a file is, by its name and by its bytes. One file per family, no library until it is used.

Rules: a name and bytes that do not belong together are reported, not judged here; wherever the bytes mean that code can run, the bytes win.
"""

from __future__ import annotations

from pathlib import Path

from jupyter_mlsc.errors import FormatError
from jupyter_mlsc.formats import (
    arrays,
    boosting,
    columnar,
    database,
    hdf5,
    huggingface,
    images,
    json_files,
    keras_files,
    onnx_files,
    pickles,
    skops_files,
    spreadsheet,
    tabular,
    tensors,
    text,
)
from jupyter_mlsc.formats.format import HEAD_SIZE, Format, Identified, Opened
from jupyter_mlsc.formats.nested import families_within
from jupyter_mlsc.formats.recognition import archives_read_once, is_zip

FORMATS: tuple[Format, ...] = (
    *tabular.FORMATS,
    *json_files.FORMATS,
    *columnar.FORMATS,
    *spreadsheet.FORMATS,
    *arrays.FORMATS,
    *pickles.FORMATS,
    *tensors.FORMATS,
    *database.FORMATS,
    *skops_files.FORMATS,
    *keras_files.FORMATS,
    *onnx_files.FORMATS,
    *boosting.FORMATS,
    *hdf5.FORMATS,
    *huggingface.FORMATS,
    *images.FORMATS,
    *text.FORMATS,
)

# Whose bytes tell by themselves what they are, in the order in which they are asked. Text (lightgbm's models too) and compressed tables are known by
# their names only.
_BY_BYTES: tuple[Format, ...] = (
    *database.FORMATS,
    *columnar.FORMATS,
    *spreadsheet.FORMATS,
    *reversed(arrays.FORMATS),
    *reversed(tensors.FORMATS),
    *skops_files.FORMATS,
    *keras_files.FORMATS,
    *hdf5.FORMATS,
    *(format_ for format_ in boosting.FORMATS if format_.name == "xgboost"),
    *onnx_files.FORMATS,
    *huggingface.FORMATS,
    *images.FORMATS,
)
_BY_SUFFIX: dict[str, Format] = {suffix: format_ for format_ in FORMATS for suffix in format_.suffixes}


def named_format(name: str) -> Format | None:
    """The format that a file's name claims, by its longest known suffix, in any case; None where the suffix says nothing."""
    lowered = Path(name).name.lower()
    suffixes = ["." + ".".join(lowered.split(".")[start:]) for start in range(1, lowered.count(".") + 1)]
    return next((_BY_SUFFIX[suffix] for suffix in suffixes if suffix in _BY_SUFFIX), None)


def identify(name: str, opened: Opened) -> Identified:
    """What a file (open, at any position, left at 0) or a folder is. Reads a bounded part of it, and loads nothing."""
    with archives_read_once():
        return _identify(name, opened)


def _identify(name: str, opened: Opened) -> Identified:
    head = b""
    if not isinstance(opened, Path):
        opened.seek(0)
        head = opened.read(HEAD_SIZE)
    found = _found(head, opened)
    named = None if isinstance(opened, Path) else named_format(name)
    mismatch = _mismatch(named, found, head, opened)
    within: frozenset[str] = frozenset()
    if not isinstance(opened, Path):
        if found is None or not (found.runs_code or is_zip(head)):  # a zip archive may stand behind anything
            within = families_within(opened, _found)
        opened.seek(0)
    return identified(named, found, mismatch, within)


def identified(named: Format | None, found: Format | None, mismatch: bool, within: frozenset[str]) -> Identified:
    """What a file is, by what its name claims and what its bytes are."""
    bytes_win = found is not None and (found.runs_code or named is None or (not mismatch and not named.runs_code))
    return Identified(found if bytes_win else named, named, found, mismatch, within)


def unidentified(name: str) -> Identified:
    """A file of which nobody can tell what it is: it contradicts its name, and may hold whatever a policy denies."""
    named = named_format(name)
    return Identified(named, named, None, True, frozenset(family for each in FORMATS for family in each.families))


def _found(head: bytes, opened: Opened) -> Format | None:
    for format_ in _BY_BYTES:
        if format_.recognise(head, opened):
            return format_
    if isinstance(opened, Path):
        return None
    if pickles.recognise_joblib(head, opened):
        return pickles.JOBLIB
    return pickles.PICKLE if pickles.recognise_pickle(head, opened) else None


def _mismatch(named: Format | None, found: Format | None, head: bytes, opened: Opened) -> bool:
    """Whether name and bytes contradict each other. An empty file claims nothing with its bytes: loading it is the error."""
    if named is None or not head:
        return False
    if found is None:
        return not named.recognise(head, opened)
    return not (_kin(named) & _kin(found))


def _kin(format_: Format) -> frozenset[str]:
    """The words for what the suffix alone cannot tell apart: pickle and joblib; Arrow files and streams; with and without objects; compressed or not."""
    name = format_.name.partition("-")[0]
    return frozenset({{"joblib": "pickle", "feather": "arrow"}.get(name, name)})


def for_saving(name: str, value: object = None, *, folder: bool = False) -> Format:
    """The format to save a value under a name. Raises FormatError, which lists the suffixes, where the name does not say.

    A name without a suffix is a folder: of images where the value is a dict of them, else a model folder.
    """
    format_ = named_format(name)
    if format_ is not None and not folder:
        return format_
    if folder or not Path(name).suffix:
        return images.FORMATS[0] if images.is_images(value) else huggingface.FORMATS[0]
    raise FormatError(
        f"{name}: no format is known by this suffix", next_step="use one of: " + ", ".join(sorted(suffix for suffix in _BY_SUFFIX if suffix.count(".") == 1))
    )
