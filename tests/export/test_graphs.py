"""Lineage and impact as Mermaid and DOT: the same graph in both, and names that are text, never syntax."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.export.graphs import impact_drawing, lineage_drawing
from jupyter_mlsc.lineage import InputEdge, LineageNode, Origin, Place, Production
from tests.held_statements import HeldStatements

A, B, C = (Digest("sha256", digit * 64) for digit in "abc")
TREE = Digest("dirhash", "d" * 64)
ORIGIN = Origin("0123456789abcdef", "n.ipynb", "4", "guarded", datetime(2026, 1, 1, tzinfo=UTC), "ada-runs", Digest("sha256", "e" * 64))
PRODUCTIONS = [
    Production("data/b.csv", B, ORIGIN, (InputEdge("data/a.csv", A, "1", "allow"),), True),
    Production("models/c.joblib", C, ORIGIN, (InputEdge("data/b.csv", B, "1", "warn"), InputEdge("data/a.csv", A, "1", "allow")), True),
]
GRAPH = HeldStatements(PRODUCTIONS)
REVOKED = HeldStatements(PRODUCTIONS, revoked=lambda digest: digest == A)
HOSTILE = [
    '"]; click n0 "javascript:alert(1)"',
    'x"];evil -> n0 [label="',
    "<img src=x onerror=alert(1)>",
    "a\nsubgraph evil\nend",
    "%%{init: {'securityLevel': 'loose'}}%%",
    "`**bold**`",
    "style:x#lt;b#gt;;",
    "back\\slash\\",
    "\\N\\l&lt;b&gt;",
    "\u202egpj.exe",
    "not-utf8-\udcff",
    "ends in a quote\\\"",
]  # fmt: skip


def test_lineage_in_mermaid_runs_from_inputs_to_outputs_and_draws_each_artifact_once_in_the_box_of_its_run() -> None:
    assert lineage_drawing(GRAPH.ancestors("models/c.joblib", C, depth=8)).text("mermaid").splitlines() == [
        "flowchart LR",
        f'    n2["data/a.csv<br/>{"a" * 12}"]',
        f'    subgraph r1["n.ipynb<br/>run 0123456789ab, guarded<br/>environment {"e" * 12}"]',
        f'        n0["models/c.joblib<br/>{"c" * 12}<br/>cell 4"]',
        f'        n1["data/b.csv<br/>{"b" * 12}<br/>cell 4"]',
        "    end",
        '    n2 -->|"allow"| n1',
        '    n1 -->|"warn"| n0',
        '    n2 -->|"allow"| n0',
    ]


def test_impact_in_dot_is_the_same_graph_from_the_other_end() -> None:
    impact = REVOKED.descendants("data/a.csv", A, depth=8)
    assert impact_drawing(impact).text("dot").splitlines() == [
        "digraph lineage {",
        "    rankdir=LR;",
        "    node [shape=box];",
        rf'    n0 [label="data/a.csv\n{"a" * 12}\nrevoked", color="#cf222e"];',
        "    subgraph cluster_1 {",
        rf'        label="n.ipynb\nrun 0123456789ab, guarded\nenvironment {"e" * 12}";',
        rf'        n1 [label="data/b.csv\n{"b" * 12}\ncell 4"];',
        rf'        n2 [label="models/c.joblib\n{"c" * 12}\ncell 4"];',
        "    }",
        "    n1 -> n2;",
        "    n0 -> n1;",
        "    n0 -> n2;",
        "}",
    ]


def test_a_file_and_its_folder_are_joined_by_a_dashed_line_without_a_head() -> None:
    file = LineageNode("data/images/1.png", A)
    drawing = lineage_drawing(LineageNode("data/images", TREE, files=(file,)))
    assert "    n1 -.- n0" in drawing.text("mermaid").splitlines()
    assert "    n1 -> n0 [style=dashed, dir=none];" in drawing.text("dot").splitlines()


def test_where_bytes_went_stands_on_them() -> None:
    at = ORIGIN.at
    places = (
        Place("promoted", "models/production/c.joblib", "ada", at, "models/c.joblib", "production"),
        Place("overridden", "models/c.joblib", "carol", at, until=at),
    )
    (label,) = [line for line in lineage_drawing(LineageNode("models/c.joblib", C, places=places)).text("dot").splitlines() if "n0 [" in line]
    assert r"\npromoted to models/production/c.joblib\nexception for models/c.joblib" in label


def hostile_drawings(name: str) -> list[str]:
    origin = replace(ORIGIN, run=name, notebook=name, cell=name)
    graph = HeldStatements([Production("out" + name, B, origin, (InputEdge(name, A, name, name),), True)])
    drawn = (lineage_drawing(graph.ancestors("out" + name, B, depth=8)), impact_drawing(graph.descendants(name, A, depth=8)))
    return [drawing.text(language) for drawing in drawn for language in ("mermaid", "dot")]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_stay_inside_their_label(name: str) -> None:
    label = r"(?:[\w ./,-]|#\d+;|<br/>)*"
    mermaid = re.compile(rf'flowchart LR|    subgraph r\d+\["{label}"\]|    end|(?:    )+n\d+\["{label}"\]|    n\d+ -->(?:\|"{label}"\|)? n\d+')
    string = r'"(?:[^"\\]|\\["\\n])*"'
    box = rf"    subgraph cluster_\d+ \{{|        label={string};|    \}}"
    dot = re.compile(rf"digraph lineage \{{|    rankdir=LR;|    node \[shape=box\];|(?:    )+n\d+(?: -> n\d+)?(?: \[label={string}\])?;|{box}|\}}")
    for text, line in zip(hostile_drawings(name), (mermaid, dot, mermaid, dot), strict=True):
        assert [each for each in text.split("\n") if not line.fullmatch(each)] == []
        assert "\u202e" not in text
        assert "\udcff" not in text
        assert len(text.split("\n")) == (6 if line is mermaid else 10)


def test_what_a_renderer_would_turn_into_another_character_is_shown_as_it_was_written() -> None:
    mermaid, dot = hostile_drawings("\u202e&lt;#lt;")[:2]
    assert 'n1["#92;u202e#38;lt#59;#35;lt#59;<br/>' in mermaid
    assert r'n1 [label="\\u202e&amp;lt;#lt;\n' in dot


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_graphviz_reads_two_nodes_and_one_edge_whatever_they_are_called(name: str) -> None:
    for text in hostile_drawings(name)[1::2]:
        ended = subprocess.run(["dot", "-Tplain"], input=text, capture_output=True, text=True, timeout=60, check=True)
        kinds = [line.split(" ", 1)[0] for line in ended.stdout.splitlines()]
        assert (kinds.count("node"), kinds.count("edge")) == (2, 1)
