"""Boosted trees as xgboost and lightgbm write them themselves: xgboost's UBJSON (or JSON) and lightgbm's text, both inert, loaded from memory.

Rules: both libraries parse in native code and end the whole process on some files that are empty, cut off or changed, so what can be told from
outside (beginning, end, and of lightgbm's text each tree's fields, numbers and indices) is checked before they see a byte.
"""

from __future__ import annotations

import re

from jupyter_mlsc.formats.format import Format, Opened, Source, Target, writable
from jupyter_mlsc.formats.libraries import library, reading, unsuitable, writing

_UBJSON = re.compile(rb"\{L\x00{7}\x07learner\{|\{L\x00{7}\x07version\[")
"""The first key of a model: `learner`, or `version` (ubjson.org; lengths are 8 bytes, big-endian)."""
_JSON = re.compile(rb'\s*\{\s*"(?:learner|version)"\s*:')
_LIGHTGBM = re.compile(rb"tree\nversion=")
_NUMBER = rb"[-+]?(?:\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|inf|nan)"
# One way only to read a line: nested repetitions would take forever over a long one that fails at its end.
_NUMBERS = re.compile(rb" *(?:" + _NUMBER + rb"(?: +" + _NUMBER + rb")* *)?")
_AFTER_TREES = re.compile(rb"end of trees\n.*\nparameters:\n(?:\[\w+:[^\n]*\]\n)*\s*end of parameters\s*(?:pandas_categorical:([^\n]*)\s*)?", re.DOTALL)
_OF_SPLITS = (b"split_feature", b"threshold", b"decision_type", b"left_child", b"right_child")
_PER_SPLIT = frozenset({*_OF_SPLITS, b"split_gain", b"internal_value", b"internal_weight", b"internal_count"})
_PER_LEAF = frozenset({b"leaf_value", b"leaf_weight", b"leaf_count", b"leaf_const", b"num_features"})


def _recognise_xgboost(head: bytes, opened: Opened) -> bool:
    return _UBJSON.match(head) is not None


def _load_xgboost(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    """An ``xgboost.Booster``, as after ``load_model(path)``. A JSON model is read too, where the caller says that it is one."""
    xgboost = library("xgboost", f"loading {source.name}")
    with reading(source.name, "xgboost model"):
        data = bytearray(source.view())
        if not _UBJSON.match(data) and not _JSON.match(data):
            raise ValueError("it begins neither as UBJSON nor as JSON of xgboost")
        if not data.rstrip().endswith(b"}"):
            raise ValueError("it is cut off")
        booster = xgboost.Booster()
        booster.load_model(data)
        return booster


def _save_xgboost(obj: object, target: Target) -> None:
    xgboost = library("xgboost", "saving an xgboost model")
    if not isinstance(obj, xgboost.Booster | xgboost.XGBModel):
        raise unsuitable(obj, "an xgboost model", "a Booster or one of xgboost's scikit-learn models", "save it as .skops or .joblib")
    with writing("an xgboost model", "fit the model first"):
        booster = obj if isinstance(obj, xgboost.Booster) else obj.get_booster()
        data = booster.save_raw(raw_format="ubj")
    writable(target).write(data)


def _recognise_lightgbm(head: bytes, opened: Opened) -> bool:
    return _LIGHTGBM.match(head) is not None


def _load_lightgbm(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    """A ``lightgbm.Booster``, as from ``Booster(model_file=path)``."""
    lightgbm = library("lightgbm", f"loading {source.name}")
    with reading(source.name, "lightgbm model", lightgbm.basic.LightGBMError):
        data = bytes(source.view())
        _check_trees(data)
        return lightgbm.Booster(model_str=data.decode())


def _check_trees(data: bytes) -> None:
    """Raise ValueError unless every tree begins where the header says and is whole, and the text goes on to its end."""
    import json

    if not _LIGHTGBM.match(data) or b"\x00" in data:
        raise ValueError("it does not begin as a model does")
    at = data.find(b"\n\n") + 2
    header = dict(line.partition(b"=")[::2] for line in data[:at].splitlines())
    if at < 2 or not {b"max_feature_idx", b"tree_sizes"} <= header.keys():
        raise ValueError("its header is not whole")
    features = int(header[b"max_feature_idx"])
    for number, size in enumerate(map(int, header[b"tree_sizes"].split())):
        block = data[at : at + size]
        if size <= 0 or not block.startswith(b"Tree=%d\n" % number):
            raise ValueError(f"tree {number} is not where it should be")
        try:
            _check_tree(block, features)
        except (ValueError, LookupError) as err:
            raise ValueError(f"tree {number} is not sound: {err}") from err
        at += size
    rest = _AFTER_TREES.fullmatch(data, at)
    if rest is None:
        raise ValueError("it is cut off, or its trees do not end where they should")
    json.loads(rest[1] or b"null")


def _check_tree(block: bytes, features: int) -> None:
    """Raise ValueError or KeyError unless a tree has its fields, each with as many numbers as it has splits or leaves, and indices that exist."""
    fields: dict[bytes, list[bytes]] = {}
    for line in block.splitlines():
        name, equals, value = line.partition(b"=")
        if line and (not equals or name in fields or not _NUMBERS.fullmatch(value)):
            raise ValueError(f"{line[:40]!r} is not a field with numbers")
        fields[name] = value.split()
    leaves, categorical = int(fields[b"num_leaves"][0]), int(fields[b"num_cat"][0])
    splits = leaves - 1
    if splits < 0 or categorical < 0 or not fields[b"leaf_value"] or not fields[b"shrinkage"]:
        raise ValueError("it has no leaves")
    for name, values in fields.items():
        wanted = splits if name in _PER_SPLIT else leaves if name in _PER_LEAF and splits else None
        if wanted is not None and len(values) != wanted and (values or name in _OF_SPLITS):
            raise ValueError(f"{name.decode()} has {len(values)} numbers, not {wanted}")
    if not splits:
        return
    if absent := [name.decode() for name in _OF_SPLITS if name not in fields]:
        raise ValueError(f"it has no {absent[0]}")
    if any(not 0 <= int(value) <= features for value in fields[b"split_feature"]):
        raise ValueError("it splits by a feature that the model does not have")
    for side in (fields[b"left_child"], fields[b"right_child"]):
        # A split leads to a leaf (below zero) or to a later split, or else a prediction would go round in it forever.
        if any(not (-leaves <= int(child) < 0 or split < int(child) < splits) for split, child in enumerate(side)):
            raise ValueError("it leads to a leaf or a split that it does not have")
    if categorical:
        _check_categories(fields, categorical)
    if int(fields.get(b"is_linear", [b"0"])[0]):
        _check_linear_leaves(fields, features)


def _check_categories(fields: dict[bytes, list[bytes]], categorical: int) -> None:
    bounds = [int(value) for value in fields[b"cat_boundaries"]]
    if len(bounds) != categorical + 1 or bounds != sorted(bounds) or bounds[0] != 0 or bounds[-1] != len(fields[b"cat_threshold"]):
        raise ValueError("its categories do not add up")
    by_category = (value for value, kind in zip(fields[b"threshold"], fields[b"decision_type"], strict=True) if int(kind) & 1)
    if any(not 0 <= float(value) < categorical for value in by_category):
        raise ValueError("it splits by categories that it does not have")


def _check_linear_leaves(fields: dict[bytes, list[bytes]], features: int) -> None:
    count = sum(int(value) for value in fields[b"num_features"])
    if not (len(fields[b"leaf_features"]) == len(fields[b"leaf_coeff"]) == count):
        raise ValueError("its linear leaves do not add up")
    if not fields[b"leaf_const"] or any(not 0 <= int(value) <= features for value in fields[b"leaf_features"]):
        raise ValueError("a linear leaf uses a feature that the model does not have")


def _save_lightgbm(obj: object, target: Target) -> None:
    lightgbm = library("lightgbm", "saving a lightgbm model")
    if not isinstance(obj, lightgbm.Booster | lightgbm.LGBMModel):
        raise unsuitable(obj, "a lightgbm model", "a Booster or one of lightgbm's scikit-learn models", "save it as .skops or .joblib")
    with writing("a lightgbm model", "fit the model first", lightgbm.basic.LightGBMError):
        booster = obj if isinstance(obj, lightgbm.Booster) else obj.booster_
        text = booster.model_to_string()
    writable(target).write(text.encode())


FORMATS: tuple[Format, ...] = (
    Format(
        name="xgboost",
        families=frozenset({"xgboost"}),
        suffixes=(".ubj", ".xgb"),
        runs_code=False,
        extra="boosting",
        recognise=_recognise_xgboost,
        load=_load_xgboost,
        save=_save_xgboost,
        library="xgboost",
        recognised_by="UBJSON whose first key is `learner` or `version`",
    ),
    Format(
        name="lightgbm",
        families=frozenset({"lightgbm"}),
        suffixes=(".lgb",),
        runs_code=False,
        extra="boosting",
        recognise=_recognise_lightgbm,
        load=_load_lightgbm,
        save=_save_lightgbm,
        library="lightgbm",
        recognised_by="suffix; text that begins with `tree` and `version=`",
    ),
)
