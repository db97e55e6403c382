"""A drawing as SVG: laid out by Graphviz's ``dot``, and rebuilt from the little of it that a drawing needs.

Rules kept: what ``dot`` gives is taken apart and only listed elements and attributes are put together again, so that whatever an artifact is called there is
no script, no link and no style sheet in the picture; each artifact has a title; a picture has a name and says in words what it shows.
"""

from __future__ import annotations

import shutil
import subprocess
from xml.etree import ElementTree

from jupyter_mlsc.errors import DrawingError, MissingLibraryError
from jupyter_mlsc.export.graphs import Drawing
from jupyter_mlsc.verdict import printable

PATIENCE = 60.0
"""Seconds that a layout may take."""

_SVG = "http://www.w3.org/2000/svg"
_ELEMENTS = frozenset({"svg", "g", "title", "polygon", "polyline", "path", "ellipse", "text"})
_ATTRIBUTES = frozenset(
    {"class", "cx", "cy", "d", "fill", "font-family", "font-size", "height", "id", "points", "rx", "ry", "stroke", "stroke-dasharray", "stroke-width"}
    | {"text-anchor", "transform", "viewBox", "width", "x", "y"}
)


def svg(drawing: Drawing, title: str) -> str:
    """The drawing as an SVG document. Raises MissingLibraryError where there is no ``dot``, DrawingError where it fails or takes too long."""
    program = shutil.which("dot")
    if program is None:
        raise MissingLibraryError(
            "there is no dot here, which lays drawings out",
            next_step="install Graphviz (apt-get install graphviz, brew install graphviz), or take --format mermaid",
        )
    source = drawing.text("dot")
    try:
        done = subprocess.run([program, "-Tsvg"], input=source.encode("utf-8", "replace"), capture_output=True, check=True, timeout=PATIENCE)
        root = ElementTree.fromstring(done.stdout)  # noqa: S314  # dot's own output, which declares no entity
    except subprocess.TimeoutExpired as err:
        raise DrawingError(f"dot did not lay out {len(drawing.boxes)} artifacts in {PATIENCE:.0f} s", next_step="ask for less: --depth, --limit") from err
    except (subprocess.CalledProcessError, OSError, ElementTree.ParseError) as err:
        said = err.stderr.decode("utf-8", "replace").strip().splitlines()[:1] if isinstance(err, subprocess.CalledProcessError) else [str(err)]
        raise DrawingError(f"dot could not draw this: {' '.join(said)}", next_step="see its source: --format dot") from err
    return _document(root, printable(title), {name: ", ".join(map(printable, lines)) for name, lines in drawing.titles().items()})


def _document(root: ElementTree.Element, title: str, titles: dict[str, str]) -> str:
    ElementTree.register_namespace("", _SVG)
    rebuilt = _rebuilt(root, titles)
    assert rebuilt is not None  # dot's outermost element is svg
    rebuilt.set("role", "img")
    rebuilt.set("aria-labelledby", "title desc")
    for name, text in (("desc", "; ".join(titles.values())), ("title", title)):
        told = ElementTree.Element(f"{{{_SVG}}}{name}", {"id": name})
        told.text = text
        rebuilt.insert(0, told)
    return ElementTree.tostring(rebuilt, encoding="unicode")


def _rebuilt(element: ElementTree.Element, titles: dict[str, str]) -> ElementTree.Element | None:
    """The element with what is listed of it; None for one that is not. An arrow's title names its ends."""
    name = element.tag.removeprefix(f"{{{_SVG}}}")
    if name not in _ELEMENTS:
        return None
    made = ElementTree.Element(element.tag, {key: value for key, value in element.attrib.items() if key in _ATTRIBUTES})
    made.text, made.tail = element.text, element.tail
    if name == "title":
        made.text = " → ".join(titles.get(each, each) for each in (element.text or "").split("->"))
    made.extend(kept for child in element if (kept := _rebuilt(child, titles)) is not None)
    return made
