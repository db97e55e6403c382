"""The graph over provenance statements, without a project: what was made from an artifact, level by level."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.lineage import ImpactNode, InputEdge, Origin, Production
from tests.held_statements import HeldStatements


def digest(letter: str) -> Digest:
    return Digest("sha256", f"{ord(letter):064x}")


def made(path: str, letter: str, *inputs: tuple[str, str], run: str = "run", after: int = 0) -> Production:
    """A production of bytes named by one letter from inputs ``(path, letter)``, so many minutes after the first."""
    origin = Origin(run, "n.ipynb", "1", "guarded", datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=after), "ada-runs")
    return Production(path, digest(letter), origin, tuple(InputEdge(name, digest(bytes_of), "0", "allow") for name, bytes_of in inputs), True)


def tree(node: ImpactNode) -> object:
    """Paths as nested lists; a branch that was cut shows why instead."""
    return [node.path, node.omitted or [tree(child) for child in node.outputs]]


def impact(*productions: Production, path: str = "a", letter: str = "a", depth: int = 8) -> object:
    return tree(HeldStatements(productions).descendants(path, digest(letter), depth=depth).artifact)


def test_what_was_made_is_followed_through_every_level() -> None:
    assert impact(made("b", "b", ("a", "a")), made("c", "c", ("b", "b"), after=1), made("x", "x", ("y", "y"))) == ["a", [["b", [["c", []]]]]]


def test_the_depth_cuts_and_says_so_only_where_there_was_more() -> None:
    chain = (made("b", "b", ("a", "a")), made("c", "c", ("b", "b")))
    assert impact(*chain, depth=2) == ["a", [["b", [["c", []]]]]]
    assert impact(*chain, depth=1) == ["a", [["b", "depth"]]]
    assert impact(*chain, depth=0) == ["a", "depth"]
    assert impact(*chain, path="c", letter="c", depth=0) == ["c", []]


def test_a_cycle_ends_where_it_closes() -> None:
    assert impact(made("a", "b", ("a", "a")), made("a", "a", ("a", "b"), after=1)) == ["a", [["a", [["a", "repeated"]]]]]
    assert impact(made("a", "a", ("a", "a"))) == ["a", [["a", "repeated"]]]


def test_the_same_bytes_under_another_name_are_the_same_bytes() -> None:
    assert impact(made("m", "m", ("copy", "a"))) == ["a", [["m", []]]]
    twice = impact(made("b", "b", ("a", "a")), made("copy", "b", ("a", "a"), after=1), made("m", "m", ("copy", "b"), after=2))
    assert twice == ["a", [["b", [["m", []]]], ["copy", "repeated"]]]


def test_what_is_reached_in_two_ways_is_listed_at_the_least_depth_so_that_a_depth_cuts_nothing_that_is_near() -> None:
    productions = (made("b", "b", ("a", "a")), made("c", "c", ("b", "b"), after=1), made("c", "c", ("a", "a"), after=2), made("d", "d", ("c", "c"), after=3))
    assert impact(*productions, depth=2) == ["a", [["b", [["c", "repeated"]]], ["c", [["d", []]]]]]


def test_an_output_that_was_made_anew_from_something_else_is_still_what_was_made_from_it() -> None:
    graph = HeldStatements([made("m", "m", ("a", "a"), run="first"), made("m", "m", ("b", "b"), run="second", after=1)])
    (output,) = graph.descendants("a", digest("a"), depth=1).artifact.outputs
    assert output.origin is not None
    assert output.origin.run == "first"


def test_the_same_output_of_many_runs_is_listed_once_with_the_newest() -> None:
    graph = HeldStatements(made("m", "m", ("a", "a"), run=f"run {after}", after=after) for after in (3, 9, 5))
    (output,) = graph.descendants("a", digest("a"), depth=1).artifact.outputs
    assert output.origin is not None
    assert output.origin.run == "run 9"


def test_the_answer_is_no_larger_than_the_graph_however_often_ways_meet() -> None:
    levels = 60  # each artifact of a level is made from both of the level above: 2 to the power of 60 ways lead down

    def artifact(level: int, side: int) -> tuple[str, str]:
        return f"{level}-{side}", chr(0x1000 + 2 * level + side)

    productions = [made(*artifact(level, side), artifact(level - 1, 0), artifact(level - 1, 1), after=level) for level in range(1, levels) for side in (0, 1)]
    result = HeldStatements(productions).descendants("0-0", digest(chr(0x1000)), depth=100).artifact

    def size(node: ImpactNode) -> int:
        return 1 + sum(size(child) for child in node.outputs)

    assert size(result) < 4 * levels


def test_bytes_that_are_revoked_are_marked_wherever_they_stand() -> None:
    graph = HeldStatements([made("b", "b", ("a", "a")), made("c", "c", ("b", "b"))], revoked=lambda each: each in (digest("a"), digest("c")))
    root = graph.descendants("a", digest("a"), depth=8).artifact
    (middle,) = root.outputs
    assert [node.revoked for node in (root, middle, *middle.outputs)] == [True, False, True]


def test_other_versions_of_the_name_from_which_something_was_made_are_told() -> None:
    graph = HeldStatements([made("b", "b", ("a", "1")), made("c", "c", ("a", "2"), after=1), made("d", "d", ("elsewhere", "3"), after=2)])
    assert graph.descendants("a", digest("a"), depth=8).other_versions == (digest("1"), digest("2"))
    assert graph.descendants("a", digest("2"), depth=8).other_versions == (digest("1"),)
