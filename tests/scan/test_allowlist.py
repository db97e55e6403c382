"""The list: exact names, both spellings, and a review of what its classes could do that goes on in every run."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import warnings
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlsc.scan import allowlist

NOTHING: frozenset[str] = frozenset()


@functools.cache
def _installed() -> list[tuple[str, str, Any]]:
    found = []
    for group in (*allowlist.GROUPS, allowlist.CALLS_CHECKED):
        for module, names in group.modules.items():
            with warnings.catch_warnings():
                # The old spellings that earlier versions wrote are deprecated, and read all the same.
                warnings.simplefilter("ignore", DeprecationWarning)
                try:
                    loaded = importlib.import_module(module)
                except ModuleNotFoundError:
                    continue
                found += [(module, name, getattr(loaded, name)) for name in names.split() if hasattr(loaded, name)]
    return found


def test_names_are_exact() -> None:
    assert allowlist.is_allowed("collections", "OrderedDict", NOTHING)
    for module, name in (
        ("collections", "ordereddict"),
        ("Collections", "OrderedDict"),
        ("collections", "OrderedDict.fromkeys"),
        ("collections", ""),
        ("", "OrderedDict"),
        ("collections ", "OrderedDict"),
        ("collections.OrderedDict", ""),
        ("collections", "*"),
        ("collections", "namedtuple"),
        ("collections", "_sys"),
        ("numpy.core.multiarray", "_reconstruct.__globals__"),
        ("pandas", "core.frame.DataFrame"),
    ):
        assert not allowlist.is_allowed(module, name, NOTHING), (module, name)


def test_python_2_names_count_as_what_they_are_read_as() -> None:
    assert allowlist.is_allowed("__builtin__", "set", NOTHING)
    assert allowlist.is_allowed("__builtin__", "xrange", NOTHING)
    assert allowlist.is_allowed("copy_reg", "_reconstructor", NOTHING)
    for module, name in (
        ("__builtin__", "eval"),
        ("__builtin__", "getattr"),
        ("__builtin__", "reduce"),
        ("itertools", "imap"),
        ("commands", "getoutput"),
        ("UserDict", "UserDict"),
    ):
        assert not allowlist.is_allowed(module, name, NOTHING), (module, name)


def test_no_listed_name_means_something_else_under_an_old_protocol() -> None:
    for group in allowlist.GROUPS:
        for module, names in group.modules.items():
            for name in names.split():
                assert allowlist.canonical(module, name) == (module, name)


def test_an_old_name_of_a_module_that_may_exist_is_never_listed_by_its_translation() -> None:
    """Newer protocols import it as it stands."""
    assert not allowlist._listed({"builtins": frozenset({"map"})}, "itertools", "imap")
    assert allowlist._listed({"builtins": frozenset({"range"})}, "__builtin__", "xrange")


def test_policy_adds_exact_names_only() -> None:
    assert allowlist.is_allowed("mine.models", "Net", frozenset({"mine.models.Net"}))
    assert not allowlist.is_allowed("mine", "models.Net", frozenset({"mine.models.Net"}))
    assert allowlist.is_allowed("mine", "models.Net", frozenset({"mine:models.Net"}))
    assert not allowlist.is_allowed("mine.models", "Net2", frozenset({"mine.models.Net"}))


def test_nothing_on_the_list_is_a_known_way_to_run_code() -> None:
    forbidden = re.compile(
        r"eval|exec|import|open|load|getattr|setattr|partial|system|spawn|popen|call|reduce$|compile|memmap|DataSource|jit|hub|pickle$|resolve|_from_type|NDArrayWrapper$"
    )
    listed = {f"{module}.{name}" for group in (*allowlist.GROUPS, allowlist.CALLS_CHECKED) for module, names in group.modules.items() for name in names.split()}
    # pandas' and Cython's constructors have 'unpickle' in their names; they build one object from its parts.
    reviewed = {name for name in listed if re.search(r"_unpickle|__pyx_unpickle_", name)} | {
        "sklearn.metrics._classification.recall_score",
        "sklearn.manifold._locally_linear.LocallyLinearEmbedding",
        "torch.nn.modules.linear.NonDynamicallyQuantizableLinear",
    }
    assert {name for name in listed - reviewed if forbidden.search(name.rpartition(".")[2])} == set()
    assert all("." not in name for group in allowlist.GROUPS for names in group.modules.values() for name in names.split())


def test_no_module_is_listed_whole_and_nothing_listed_is_a_module() -> None:
    assert [(module, name) for module, name, found in _installed() if inspect.ismodule(found)] == []


# Classes of the list whose instances a pickle could call; each was read: arithmetic on what they are given, or their own parts in turn.
_MAY_BE_CALLED = re.compile(
    r"torch\.nn\.modules\..*|sklearn\.gaussian_process\.kernels\..*|sklearn\._loss\.loss\..*|scipy\.interpolate\._bsplines\.BSpline"
    r"|sklearn\.compose\._column_transformer\.make_column_selector|pandas\._libs\.tslibs\.offsets\..*|sklearn\.metrics\._scorer\..*|numpy\..*"
)


def test_what_a_pickle_could_call_on_an_instance_is_reviewed() -> None:
    """A pickle can call any object that it made. A new class with ``__call__`` must be read before it comes on the list."""
    calling = {
        f"{module}.{name}"
        for module, name, found in _installed()
        if inspect.isclass(found) and "__call__" in {key for kind in found.__mro__ for key in vars(kind)} and not issubclass(found, type)
    }
    assert {name for name in calling if not _MAY_BE_CALLED.fullmatch(name)} == set()


def test_states_are_set_by_code_that_neither_imports_nor_evaluates() -> None:
    bad = re.compile(r"\b(eval|exec|open|__import__|import_module|compile)\(")
    for module, name, found in _installed():
        if not inspect.isclass(found):
            continue
        for method in ("__setstate__", "__new__", "__init__", "__setitem__", "append", "extend", "update", "__call__"):
            function = getattr(found, method, None)
            # Methods that were generated (by dataclasses, wrapt) have no source to read.
            if inspect.isfunction(function) and function.__code__.co_filename.endswith(".py"):
                source = inspect.getsource(function)
                assert not bad.search(re.sub(r'""".*?"""', "", source, flags=re.DOTALL)), f"{module}.{name}.{method}"


def test_functions_of_the_list_neither_import_by_name_nor_evaluate() -> None:
    bad = re.compile(r"\b(eval|exec|open|__import__|import_module|compile)\(|getattr\(\w+, *(?!['\"])")
    for module, name, found in _installed():
        if inspect.isfunction(found):
            source = re.sub(r'""".*?"""', "", inspect.getsource(inspect.unwrap(found)), flags=re.DOTALL)
            assert not bad.search(source), f"{module}.{name}"


@pytest.mark.parametrize("thing", ["sklearn.metrics._scorer._Scorer", "sklearn.metrics._scorer._PassthroughScorer"])
def test_scorers_are_only_for_unpicklers_that_check_calls(thing: str) -> None:
    module, _, name = thing.rpartition(".")
    assert not allowlist.is_allowed(module, name, NOTHING)
    assert allowlist.is_allowed_if_checked(module, name)
    assert not allowlist.is_allowed_if_checked("os", "system")


def test_the_documentation_lists_what_the_code_allows() -> None:
    page = (Path(__file__).parents[2] / "docs" / "unpickle.md").read_text()
    for group in (*allowlist.GROUPS, allowlist.CALLS_CHECKED):
        assert f"### {group.title}" in page
        for module, names in group.modules.items():
            assert f"- `{module}`: {', '.join(names.split())}" in page, module
    assert page.partition("## The list")[2].count("\n- `") == sum(len(group.modules) for group in (*allowlist.GROUPS, allowlist.CALLS_CHECKED))
