"""Drawings as SVG: every artifact with a title, a name for the picture, and no script, link or style whatever an artifact is called."""

from __future__ import annotations

import os
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from jupyter_mlsc.artifacts import Digest
from jupyter_mlsc.errors import DrawingError, MissingLibraryError
from jupyter_mlsc.export.graphs import Drawing, impact_drawing, lineage_drawing
from jupyter_mlsc.graphviz import svg
from jupyter_mlsc.lineage import InputEdge, Origin, Production
from tests.held_statements import HeldStatements

A, B = (Digest("sha256", digit * 64) for digit in "ab")
NAMESPACE = "{http://www.w3.org/2000/svg}"
ALLOWED = {"svg", "g", "title", "desc", "polygon", "polyline", "path", "ellipse", "text"}
HOSTILE = [
    "<script>alert(1)</script>",
    "</text><script>alert(1)</script><text>",
    "x]]><svg onload=alert(1)>",
    '" onmouseover="alert(1)',
    '"]; n0 [URL="javascript:alert(1)"]; x [label="',
    "<<TABLE HREF='javascript:alert(1)'><TR><TD>x</TD></TR></TABLE>>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<!ENTITY x SYSTEM 'file:///etc/passwd'>&x;",
    "\u202egvs.exe",
    "\x00\x1b[31m",
    "not-utf8-\udcff",
]
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


def drawings(name: str) -> list[Drawing]:
    origin = Origin(name, name, name, name, datetime(2026, 1, 1, tzinfo=UTC), name)
    graph = HeldStatements([Production("out" + name, B, origin, (InputEdge(name, A, name, name),), True)])
    return [lineage_drawing(graph.ancestors("out" + name, B, depth=8)), impact_drawing(graph.descendants(name, A, depth=8))]


@needs_dot
def test_a_picture_has_a_name_and_each_artifact_and_each_run_a_title() -> None:
    root = ElementTree.fromstring(svg(drawings("data/a.csv")[0], "What outdata/a.csv was made from"))
    assert root.get("role") == "img"
    by_id = {element.get("id"): element for element in root.iter() if element.get("id")}
    named = [by_id[each].text for each in str(root.get("aria-labelledby")).split()]
    assert named[0] == "What outdata/a.csv was made from"
    assert "data/a.csv, aaaaaaaaaaaa" in str(named[1])
    titles = [element.text for element in root.iter(f"{NAMESPACE}title")]
    assert "data/a.csv, aaaaaaaaaaaa" in titles
    assert "data/a.csv, run data/a.csv, data/a.csv" in titles
    assert "data/a.csv, aaaaaaaaaaaa → outdata/a.csv, bbbbbbbbbbbb, cell data/a.csv" in titles


@needs_dot
@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_an_artifact_is_called_it_is_text_in_the_picture(name: str) -> None:
    for drawing in drawings(name):
        text = svg(drawing, f"What {name} was made from")
        root = ElementTree.fromstring(text)
        assert {element.tag.removeprefix(NAMESPACE) for element in root.iter()} <= ALLOWED
        attributes = {key for element in root.iter() for key in element.attrib}
        assert not {key for key in attributes if key.startswith("on") or "href" in key or key == "style"}
        assert "javascript:" not in " ".join(value for element in root.iter() for value in element.attrib.values())
        assert "<!" not in text
        assert "\u202e" not in text


def a_dot_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    """Put a program of this name before the real one."""
    program = tmp_path / "dot"
    program.write_text(f"#!/bin/sh\ncat > /dev/null\n{does}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")


def test_what_a_layout_program_brings_besides_a_drawing_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evil = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="alert(1)"><script>alert(1)</script><style>x</style>'
        '<a xlink:href="javascript:alert(1)"><text>x</text></a><foreignObject/><g onclick="alert(1)"><title>n0</title></g></svg>'
    )
    a_dot_that(tmp_path, monkeypatch, f"cat <<'END'\n{evil}\nEND")
    root = ElementTree.fromstring(svg(drawings("data/a.csv")[0], "title"))
    assert [element.tag.removeprefix(NAMESPACE) for element in root.iter()] == ["svg", "title", "desc", "g", "title"]
    assert {key for element in root.iter() for key in element.attrib} == {"role", "aria-labelledby", "id"}


def test_a_layout_program_that_fails_is_an_error_with_what_it_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_dot_that(tmp_path, monkeypatch, "echo 'out of memory' >&2; exit 3")
    with pytest.raises(DrawingError, match="out of memory"):
        svg(drawings("data/a.csv")[0], "title")
    a_dot_that(tmp_path, monkeypatch, "echo 'no picture'")
    with pytest.raises(DrawingError, match="could not draw"):
        svg(drawings("data/a.csv")[0], "title")


def test_without_a_layout_program_the_error_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingLibraryError) as caught:
        svg(drawings("data/a.csv")[0], "title")
    assert "apt-get install graphviz" in str(caught.value)
