"""Precision and recall of edges over the long notebooks, beside 'all inputs so far', as the table of docs/lineage.md: ``python -m tests.dataflow.counting``."""

from __future__ import annotations

from dataclasses import dataclass

from tests.dataflow.long_notebooks import LONG
from tests.dataflow.small import Small


@dataclass
class Count:
    """Edges of one notebook: by hand, those that the analysis names, those of 'all inputs so far', and how many of each are right."""

    true: int = 0
    named: int = 0
    right: int = 0
    everything: int = 0
    everything_right: int = 0
    precise: int = 0
    outputs: int = 0


def count(notebook: Small) -> Count:
    counted = Count()
    edges = {each.write.name.removeprefix("out/").partition(".")[0]: each for each in notebook.edges()}
    for name, letters in notebook.expected.items():
        found = edges[name]
        true = set(letters)
        named = {each.name[5] for each in found.reads if each.name.startswith("data/")}
        so_far = notebook.read_before(found.write.execution)
        counted.true += len(true)
        counted.named += len(named)
        counted.right += len(true & named)
        counted.everything += len(so_far)
        counted.everything_right += len(true & so_far)
        counted.precise += found.precise
        counted.outputs += 1
    return counted


def table() -> str:
    lines = [
        "| notebook | outputs | edges by hand | precision | recall | precise | precision of all inputs so far |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    total = Count()
    for notebook in LONG:
        each = count(notebook)
        lines.append(_line(notebook.title, each))
        for name in vars(total):
            setattr(total, name, getattr(total, name) + getattr(each, name))
    return "\n".join([*lines, _line("**all**", total)])


def _line(title: str, c: Count) -> str:
    return f"| {title} | {c.outputs} | {c.true} | {c.right / c.named:.2f} | {c.right / c.true:.2f} | {c.precise} of {c.outputs} | {c.everything_right / c.everything:.2f} |"


if __name__ == "__main__":
    print(table())
