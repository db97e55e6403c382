"""What the magics show where a person sits in front of a kernel: an ipywidget beside the static form; without one, the static form."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any

import nbconvert
import nbformat
import pytest
from live_kernel import LiveKernel

from tests.conftest import Person

WIDGET = "application/vnd.jupyter.widget-view+json"
SHOWN = ["%mlsc_status", "%mlsc_lineage models/m.json", "%mlsc_impact data/train.csv"]
HOSTILE = "models/<img src=x onerror=alert(1)>.json"


@pytest.fixture(scope="module")
def worked(kernel: LiveKernel) -> LiveKernel:
    """The kernel, in which a data set was read and two models were saved."""
    kernel.run("train = %mlsc_load data/train.csv\nmodel = {'weights': [int(train['x'].sum())]}")
    for name in ("models/m.json", HOSTILE):
        assert kernel.run(f"%mlsc_save model '{name}'").error is None
    return kernel


def state_of(kernel: LiveKernel, code: str) -> dict[str, Any]:
    """What a page is told of the widget that an expression gives."""
    told = kernel.run(f"import json\nprint(json.dumps({code}.get_state()))").stdout
    state: dict[str, Any] = json.loads(told)
    return state


def words_of(shown: object) -> list[str]:
    """All text in what a widget shows."""
    if isinstance(shown, str):
        return [shown]
    if isinstance(shown, dict):
        return [word for key, each in shown.items() if key != "drawing" for word in words_of(each)]
    return [word for each in shown for word in words_of(each)] if isinstance(shown, list) else []


@pytest.mark.parametrize("magic", SHOWN)
def test_a_person_gets_a_widget_beside_the_static_form(worked: LiveKernel, magic: str) -> None:
    static = worked.run(magic)
    shown = worked.run(magic, answers=[])
    assert WIDGET not in static.data
    assert shown.error is None, shown.traceback
    assert re.fullmatch("[0-9a-f]{32}", shown.data[WIDGET]["model_id"])  # type: ignore[index]
    assert shown.text == static.text
    assert shown.html.partition("base64,")[0] == static.html.partition("base64,")[0]


def test_it_is_an_ipywidget_that_lies_in_a_box_and_is_linked_with_another(worked: LiveKernel) -> None:
    worked.run("story = %mlsc_lineage models/m.json", answers=[])
    done = worked.run(
        "import ipywidgets, traitlets\n"
        "field = ipywidgets.Text()\n"
        "box = ipywidgets.VBox([story, field])\n"
        "traitlets.link((story, 'selected'), (field, 'value'))\n"
        "story.set_state({'selected': 'data/train.csv'})\n"
        "print(field.value, box.children[0] is story, type(story.value).__name__)"
    )
    assert done.stdout == "data/train.csv True LineageNode\n", done.traceback


@pytest.mark.parametrize("magic", [*SHOWN, f"%mlsc_lineage '{HOSTILE}'"])
def test_a_page_is_told_nothing_that_the_static_form_does_not_say(worked: LiveKernel, magic: str) -> None:
    static = html.unescape(re.sub(r'src="data:[^"]*"', "", worked.run(magic).html))
    worked.run(f"shown = {magic}", answers=[])
    state = state_of(worked, "shown")
    assert {name for name in state if not name.startswith("_")} == {"layout", "tabbable", "tooltip", "shown", "selected", "search", "problem"}
    words = words_of(state["shown"])
    assert len(words) > 3
    for word in words:
        assert word in static or word in ("mlsc status",) or word.startswith("What "), word


def test_a_page_has_the_question_asked_again_and_nothing_else(worked: LiveKernel) -> None:
    worked.run("status = %mlsc_status", answers=[])
    before = state_of(worked, "status")
    worked.run("again = %mlsc_load 'data/two words.csv'")
    for content in ({"ask": "sign", "path": "data/stranger.csv"}, {"ask": "again", "more": 1}, "again", None, ["ask", "again"]):
        worked.tell_widget(model_of(worked, "status"), content)  # type: ignore[arg-type]
    assert state_of(worked, "status") == before
    worked.tell_widget(model_of(worked, "status"), {"ask": "again"})
    after = state_of(worked, "status")
    assert ["read", "data/two words.csv: allow"] in after["shown"]["facts"]
    assert "data/two words.csv: allow" in worked.run("print(repr(status))").stdout, "its text is what it shows"


def model_of(kernel: LiveKernel, code: str) -> str:
    return kernel.run(f"print({code}.model_id)").stdout.strip()


def test_what_a_page_writes_into_a_widget_reaches_no_value(worked: LiveKernel) -> None:
    worked.run("story = %mlsc_lineage models/m.json", answers=[])
    worked.run("story.set_state({'shown': {'title': 'all is well', 'facts': []}, 'value': 'forged', '_answer': 'forged'})")
    told = worked.run("print(type(story.value).__name__); print(repr(story))").stdout
    assert told.startswith("LineageNode\nmodels/m.json")


def test_what_goes_wrong_is_shown_and_what_was_known_stays(worked: LiveKernel) -> None:
    worked.run("from jupyter_mlsc.errors import UsageError\nstory = %mlsc_lineage models/m.json", answers=[])
    worked.run("def fails():\n    raise UsageError('the ledger is away \\x1b[2J', next_step='look for it')\nstory._ask = fails")
    worked.tell_widget(model_of(worked, "story"), {"ask": "again"})
    state = state_of(worked, "story")
    assert state["problem"].splitlines() == ["the ledger is away \\x1b[2J", "  next: look for it"]
    assert state["shown"]["tree"]["path"] == "models/m.json"


def test_showing_one_is_no_work_of_the_notebooks(worked: LiveKernel) -> None:
    worked.run("%mlsc_status", answers=[])
    assert "not seen" not in worked.run("%mlsc_status").text


def test_an_exported_page_shows_the_static_form(worked: LiveKernel) -> None:
    shown = worked.run(f"%mlsc_lineage '{HOSTILE}'", answers=[])
    cell = nbformat.v4.new_code_cell("…", outputs=[nbformat.v4.new_output("execute_result", shown.data)])
    page, _ = nbconvert.HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    assert "models/&lt;img src=x onerror=alert(1)&gt;.json · sha256:" in page
    assert "widget-view+json" not in page


def test_without_anywidget_the_static_form_is_shown_and_loading_imports_none_of_it(ada_with_data: Person, start: Callable[..., LiveKernel]) -> None:
    other = start(ada_with_data)
    other.run("%load_ext jupyter_mlsc")
    assert other.run("import sys; print([name for name in ('anywidget', 'ipywidgets') if name in sys.modules])").stdout == "[]\n"
    other.run("sys.modules['anywidget'] = None")
    shown = other.run("%mlsc_status", answers=[])
    assert set(shown.data) == {"text/plain", "text/html"}, shown.traceback
