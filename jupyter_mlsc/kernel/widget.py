"""What ``%mlsc_status``, ``%mlsc_lineage`` and ``%mlsc_impact`` give where a person sits in front of a kernel: an ipywidget with the words of the static form.

Rules kept: what is drawn is text, and nothing that the static form does not say; nothing is fetched; a page can only have the same question asked again, and
what a page writes into a widget reaches no value of ours. This file is imported when something is shown, since ipywidgets are not needed before.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from jupyter_mlsc.errors import MlscError
from jupyter_mlsc.verdict import printable

if TYPE_CHECKING:
    from jupyter_mlsc.display import Shown

VIEW = "application/vnd.jupyter-mlsc.view+json"
"""Beside the widget's own MIME type: the panel's extension shows the static form where the widget cannot be shown any more, as in a saved notebook."""

AGAIN = {"ask": "again"}
"""All that a page may say."""


def _beside(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


class ShownWidget(anywidget.AnyWidget):
    """A value that displays itself, as a widget. ``value`` is what it shows, the answer to ``ask``.

    ``selected`` is the path that was chosen in its tree, and ``search`` what is looked for; both may be set, observed and linked.
    """

    _esm = _beside("widget.js")
    _css = _beside("widget.css")

    shown = traitlets.Dict().tag(sync=True)
    selected = traitlets.Unicode("").tag(sync=True)
    search = traitlets.Unicode("").tag(sync=True)
    problem = traitlets.Unicode("").tag(sync=True)

    def __init__(self, answer: Shown, ask: Callable[[], Shown]) -> None:
        self._answer = answer
        self._ask = ask
        super().__init__(shown=_view(answer))
        self.on_msg(self._told)

    @property
    def value(self) -> Any:
        """What is shown."""
        return self._answer.value

    def again(self) -> None:
        """Ask anew. What goes wrong is shown with its next step, beside what was known."""
        try:
            answer = self._ask()
        except MlscError as err:
            self.problem = "\n".join(map(printable, str(err).splitlines()))
            return
        self._answer = answer
        self.problem = ""
        self.shown = _view(answer)

    def _told(self, widget: object, content: object, buffers: object) -> None:
        del widget, buffers
        if content == AGAIN:
            self.again()

    def __repr__(self) -> str:
        return self._answer.text()

    def _repr_html_(self) -> str:
        return self._answer.html()

    def _repr_svg_(self) -> str | None:
        return self._answer.svg

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        given = super()._repr_mimebundle_(**kwargs)
        assert given is not None  # it has a view
        data, metadata = given
        return {**data, VIEW: {}, "text/plain": repr(self), "text/html": self._repr_html_()}, metadata


def _view(answer: Shown) -> dict[str, Any]:
    assert answer.view is not None  # only what has one is made a widget
    return answer.view()
