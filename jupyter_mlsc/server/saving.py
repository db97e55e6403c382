"""Notebooks are judged when they are saved: before, where the policy says that one may be refused; else afterwards, beside, and told by an event.

Rules kept: a save is refused by the policy's word alone, or where a scan that it asks for in `enforce` fails; whatever goes wrong in here besides
lets the save happen; what is scanned is what is about to be written; its bytes are parsed in the scanner's process, which holds no key.
"""

from __future__ import annotations

import base64
import json
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tornado.web import HTTPError

from jupyter_mlsc.errors import MlscError
from jupyter_mlsc.server import shapes
from jupyter_mlsc.server.desk import Desk
from jupyter_mlsc.verdict import Decision

if TYPE_CHECKING:
    from logging import Logger

    from jupyter_mlsc.results import SaveJudged
    from jupyter_mlsc.scan.finding import Finding
    from jupyter_mlsc.scan.process import ScanProcess

NOTEBOOK = ".ipynb"

REFUSED = 422
"""HTTP status of a save that is refused: the server understood the notebook, and does not take it as it is."""


class Saves:
    """The two hooks of the server's contents manager. ``tell`` sends an event; ``beside`` runs something in a thread, later."""

    def __init__(self, desk: Desk, tell: Callable[[shapes.SaveEvent], None], beside: Callable[[Callable[[], None]], None], log: Logger) -> None:
        self._desk = desk
        self._tell = tell
        self._beside = beside
        self._log = log
        self._scanning: ScanProcess | None = None
        self._lock = threading.Lock()

    def before(self, model: dict[str, Any], path: str, contents_manager: Any, **more: Any) -> None:
        """Judge what is about to be written. Raises HTTPError where the policy does not let it be saved."""
        del contents_manager, more
        if not path.endswith(NOTEBOOK) or model.get("type") == "directory":
            return
        try:
            judged = self._judge(path, model)
        except MlscError as err:
            # No policy says that it may be refused: the file that does not parse is told where the project is shown.
            self._log.warning("mlsc: %s is saved without having been judged: %s", path, err.message)
            self._tell(shapes.SaveEvent(notebook=path, outcome="unjudged", verdict=None, findings=0))
            return
        if judged is None or judged.decision is not Decision.BLOCK or judged.reason is None:
            return
        self._tell(shapes.SaveEvent(notebook=path, outcome="refused", verdict="block", findings=len(judged.findings)))
        raise HTTPError(REFUSED, f"{judged.reason.message}; {judged.reason.next}", reason=_one_line(judged.reason.message))

    def after(self, os_path: str, model: dict[str, Any], contents_manager: Any, **more: Any) -> None:
        """A notebook was saved: scan it beside, and tell how many findings there are."""
        del model, contents_manager, more
        if os_path.endswith(NOTEBOOK):
            self._beside(lambda: self._look(Path(os_path)))

    def end(self) -> None:
        """End the scanner's process."""
        with self._lock:
            if self._scanning is not None:
                self._scanning.__exit__(None, None, None)
                self._scanning = None

    def _judge(self, path: str, model: dict[str, Any]) -> SaveJudged | None:
        place = self._desk.places.locate(path)
        if self._desk.projects.is_supervised or self._desk.projects.root_at(place) is None:
            return None
        return self._desk.projects.fresh(place).judge_save(place, lambda name: self._findings(name, _content(model)))

    def _findings(self, name: str, content: bytes) -> Sequence[Finding]:
        from jupyter_mlsc.scan.process import ScanProcess

        with self._lock, tempfile.TemporaryFile() as file:
            if self._scanning is None:
                self._scanning = ScanProcess()
            file.write(content)
            file.flush()
            file.seek(0)
            return self._scanning.scan(name, file.fileno())

    def _look(self, place: Path) -> None:
        named = self._desk.places.named(place)
        if named is None or self._desk.projects.is_supervised or self._desk.projects.root_at(place) is None:
            return
        try:
            project = self._desk.projects.fresh(place)
            findings = self._desk.looks.findings(project, place, project.target(place).asked)
            judged = project.judge_save(place, lambda name: project.scan([place]).findings)
        except (MlscError, OSError) as err:
            self._log.warning("mlsc: %s was saved and could not be judged: %s", named, err)
            self._tell(shapes.SaveEvent(notebook=named, outcome="unjudged", verdict=None, findings=0))
            return
        verdict: shapes.VerdictWord | None = None if judged is None else judged.decision.value
        self._tell(shapes.SaveEvent(notebook=named, outcome="saved", verdict=verdict, findings=len(findings)))


def _content(model: dict[str, Any]) -> bytes:
    """The bytes that are about to be written. Raises ValueError for a part of a file, which cannot be judged."""
    if "chunk" in model:
        raise ValueError("it is sent in parts")
    content = model.get("content")
    if isinstance(content, str):
        return base64.b64decode(content) if model.get("format") == "base64" else content.encode("utf-8", "surrogatepass")
    return json.dumps(content).encode()


def _one_line(text: str) -> str:
    """A reason phrase as HTTP has it: one short line of printable ASCII."""
    return "".join(each if " " <= each <= "~" else "?" for each in text)[:200]
