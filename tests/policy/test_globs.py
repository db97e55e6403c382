"""Patterns against names: a table, a naive matcher that cannot be wrong but may be slow, and inputs that would make a careless one hang."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jupyter_mlsc.policy.globs import LONGEST, Glob, Place, normal


def fits(pattern: str, name: str, root: str | None = None) -> bool:
    return Glob.parse(pattern).fits(Place(name, root))


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("data/**", "data"),
        ("data/**", "data/a"),
        ("data/**", "data/a/b.csv"),
        ("data/**", "data/.hidden"),
        ("data/**", "./data//a"),
        ("data/**", "models/../data/a"),
        ("**", "anything/at/all"),
        ("**", "."),
        ("**/*.csv", "a.csv"),
        ("**/*.csv", "x/y/a.csv"),
        ("data/*", "data/a"),
        ("data/*", "data/.hidden"),
        ("data/*", "data/a\nb"),
        ("data/?.csv", "data/é.csv"),
        ("a/**/b", "a/b"),
        ("a/**/b", "a/x/y/b"),
        ("a/**/b/**/c", "a/b/b/c/c"),
        ("a/**/b*b/**", "a/bab/x"),
        ("[a-c]*.py", "b1.py"),
        ("[!a]", "b"),
        ("[[]x]", "[x]"),
        ("../shared/**", "../shared/a"),
        ("/srv/**", "/srv/a"),
        ("/srv/**", "//srv//a"),
        ("données/**", unicodedata.normalize("NFD", "données/a")),
        (unicodedata.normalize("NFD", "données/**"), "données/a"),
    ],
)
def test_it_fits(pattern, name):
    assert fits(pattern, name)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("data/**", "data2/a"),
        ("data/**", "Data/a"),
        ("data/**", "x/data/a"),
        ("data/**", "data/../models/x"),
        ("data/*", "data"),
        ("data/*", "data/a/b"),
        ("data", "data/a"),
        ("*.csv", "data/a.csv"),
        ("*.csv", "a.csv\n"),
        ("*.csv", "a.csv.gz"),
        ("?", "ab"),
        ("[a-z]", "A"),
        ("x[+-9]y", "x/y"),
        ("x[!a]y", "x/y"),
        ("**", "../a"),
        ("**", "/a"),
        ("../**", "a"),
        ("../shared/**", "../../shared/a"),
        ("/srv/**", "srv/a"),
        ("*", "."),
    ],
)
def test_it_does_not_fit(pattern, name):
    assert not fits(pattern, name)


def test_with_the_projects_folder_known_every_spelling_of_a_file_is_found():
    root = "/home/me/jobs"
    for name in ("data/a", "../jobs/data/a", "/home/me/jobs/data/a"):
        for pattern in ("data/**", "/home/*/jobs/data/*", "../jobs/data/**", "../**"):
            assert fits(pattern, name, root), (pattern, name)
    for pattern in ("data/**", "**"):
        assert not fits(pattern, "/home/me/other/data/a", root)
    assert fits("../../../**", "x", "/a/b")


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("", "empty"),
        ("data/", "ends with a slash"),
        ("data//a", "empty name"),
        ("./data", "relative to the project"),
        ("data/../x", ".. may only stand at the front"),
        ("a**", "stands alone"),
        ("***", "stands alone"),
        ("{a,b}", "list of patterns"),
        ("!a", "before this one"),
        ("a\\b", "forward slashes"),
        ("[abc", "not closed"),
        ("[]", "not closed"),
        ("[!]", "empty set"),
        ("[^a]", "turned round with !"),
        ("[z-a]", "wrong way round"),
        ("/", "empty name"),
        ("..", "empty name"),
        ("x" * (LONGEST + 1), "longer than"),
    ],
)
def test_what_could_be_misread_is_refused(pattern, says):
    with pytest.raises(ValueError, match=says.replace(".", r"\.")):
        Glob.parse(pattern)


def naive(pattern: list[str], name: list[str]) -> bool:
    """The definition, word by word, in exponential time."""
    if not pattern:
        return not name
    if pattern[0] == "**":
        return any(naive(pattern[1:], name[i:]) for i in range(len(name) + 1))
    return bool(name) and naive_component(pattern[0], name[0]) and naive(pattern[1:], name[1:])


def naive_component(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(naive_component(pattern[1:], text[i:]) for i in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and naive_component(pattern[1:], text[1:])


components = st.text("ab", min_size=1, max_size=4)
wild = st.one_of(st.just("**"), st.text("ab*?", min_size=1, max_size=5).filter(lambda t: "**" not in t))
patterns = st.lists(wild, min_size=1, max_size=5)
names = st.lists(components, min_size=1, max_size=5)


@given(patterns, names)
@example(["a*b*ab"], ["abab"])
@example(["**", "a", "**", "b"], ["a", "a", "b", "b"])
def test_it_agrees_with_the_definition(pattern, name):
    assert fits("/".join(pattern), "/".join(name)) == naive(pattern, name)


@given(patterns, patterns, names)
def test_what_is_covered_never_fits_alone(wide, narrow, name):
    first, second = Glob.parse("/".join(wide)), Glob.parse("/".join(narrow))
    place = Place("/".join(name))
    if first.covers(second) and second.fits(place):
        assert first.fits(place)
    if first.fits(place) and second.fits(place):
        assert first.overlaps(second)


@given(patterns, names, names)
def test_a_folder_that_nothing_fits_below_holds_nothing_that_fits(pattern, folder, rest):
    glob = Glob.parse("/".join(pattern))
    if not glob.may_fit_below(Place("/".join(folder))):
        assert not glob.fits(Place("/".join([*folder, *rest])))


@given(patterns, names)
def test_what_lies_outside_the_prefix_never_fits(pattern, name):
    glob = Glob.parse("/".join(pattern))
    whole = "/".join(name)
    if glob.fits(Place(whole)) and glob.prefix:
        assert whole == glob.prefix or whole.startswith(glob.prefix + "/")


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("*a" * 200 + "b", "a" * 5000),
        ("?*" * 200 + "b", "a" * 5000),
        ("**/" + "*a" * 200 + "b/**/c", "/".join(["a" * 200] * 200)),
        ("**/a/" * 100 + "b", "/".join(["a"] * 5000)),
        ("**/a/*/" * 60 + "b", "/".join(["a"] * 5000)),
        ("**/a/" * 100 + "*b*", "/".join(["a"] * 5000)),
    ],
)
def test_an_absurd_pattern_is_answered(pattern, name):
    assert not fits(pattern, name)  # a matcher that backtracks would not live to say so


def test_a_name_is_normal_in_one_way():
    assert [normal(n) for n in ("a//b/./c", "a/../b", "./", "//a", "../../a", "/..")] == ["a/b/c", "b", ".", "/a", "../../a", "/"]
