"""Summaries: what they hold of a cell's code and what not, their bounds, the way back from a record, and modules of the project as inputs."""

from __future__ import annotations

import msgspec
import pytest

from jupyter_mlsc.dataflow import Execution, ReadAt, WriteAt, from_record, summarize, to_record, trace


def test_a_summary_holds_no_literal_but_names_of_files() -> None:
    source = (
        "key = 'sk-very-secret'\nurl = 'https://user:word@host.example/a.csv'\nn = 123456\nf = f'{key}-tail'\n"
        "x = pd.read_csv('data/train.csv', sep=';', password='hunter2')\ny = db.sql(\"select a from t where name = 'Bob Smith'\")"
    )
    text = msgspec.json.encode(to_record(summarize(source))).decode()
    for hidden in ("sk-very", "user:word", "123456", "tail", "hunter2", "Bob", "Smith", "https"):
        assert hidden not in text
    assert "data/train.csv" in text


@pytest.mark.parametrize(
    "source", ["x = 1\n" * 60_000, "x = [" * 150 + "]" * 150, "x = " + "+".join("a" * 1) + "(" * 300 + ")" * 300, "\x00", "this is no python"]
)
def test_what_cannot_be_summarised_is_unknown_and_says_why(source: str) -> None:
    assert summarize(source).unknown


def test_a_long_sum_is_no_deep_one() -> None:
    assert summarize("x = " + " + ".join(["a"] * 2_000)).unknown is None


def test_a_summary_comes_back_from_its_record() -> None:
    summary = summarize("async def f(*a, k=1, **m):\n    with open('x.txt') as g:\n        return [y async for y in g if (z := y)]\n%time f()\n!ls {z}")
    assert from_record(to_record(summary)) == summary


@pytest.mark.parametrize(
    "record", [None, {}, {"version": 2, "body": []}, {"version": 1, "body": [["?"]]}, {"version": 1, "body": [["no", 1]]}, {"version": "x"}]
)
def test_a_record_that_is_no_summary_is_unknown(record: dict[str, object] | None) -> None:
    found = from_record(record)
    assert found.unknown or record == {}


def test_a_run_without_a_summary_falls_back() -> None:
    executions = [Execution(from_record(None)), Execution(summarize("x.to_csv('out.csv')"))]
    (edges,) = trace(executions, [ReadAt(0, "a.csv"), ReadAt(0, "b.csv")], [WriteAt(1, "out.csv")])
    assert (len(edges.reads), edges.precise, edges.why) == (2, False, "a cell without a summary")


def test_the_source_of_a_module_reaches_what_the_module_computed() -> None:
    cells = [
        "import pandas as pd\nfrom churnlib import clean\na = pd.read_csv('a.csv')",
        "b = clean(a)\nb.to_csv('b.csv')",
        "c = pd.read_csv('c.csv')\nc.to_csv('d.csv')",
    ]
    reads = [ReadAt(0, "a.csv"), ReadAt(0, "churnlib/__init__.py", is_module=True), ReadAt(2, "c.csv")]
    first, second = trace([Execution(summarize(cell)) for cell in cells], reads, [WriteAt(1, "b.csv"), WriteAt(2, "d.csv")])
    assert {each.name for each in first.reads} == {"a.csv", "churnlib/__init__.py"}
    assert {each.name for each in second.reads} == {"c.csv"}
