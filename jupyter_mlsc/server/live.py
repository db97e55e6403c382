"""Live changes: what is new on a project's record is told to every client as an event, and never by whom it was only claimed.

Rules kept: whatever wakes this up (a file that changed, a cell that ended) is a hint to look, and nothing of it is passed on: the event says what the
ledger says; nothing is polled; looking is done in a thread, one look at a time for each project, and hints that come meanwhile make one more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlsc.errors import MlscError
from jupyter_mlsc.server import shapes
from jupyter_mlsc.server.contract import EVENTS
from jupyter_mlsc.server.desk import Desk
from jupyter_mlsc.server.ledgers import watch

if TYPE_CHECKING:
    from logging import Logger

    from jupyter_events import EventLogger

    from jupyter_mlsc.server.projects import OpenProject

SCHEMAS = Path(__file__).parent / "events"

MOST_NOTEBOOKS = 100
"""Notebooks that one event lists."""

_ID_OF = {kind: schema for schema, kind in EVENTS.items()}


class Live:
    """Watches the open projects of one server. Used on the event loop only, but for `opened`."""

    def __init__(self, desk: Desk, events: EventLogger, log: Logger) -> None:
        self._desk = desk
        self._events = events
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._tasks: dict[Path, asyncio.Task[None]] = {}
        self._looking: set[Path] = set()
        self._again: set[Path] = set()
        self._background: set[asyncio.Task[Any]] = set()
        self._is_ended = False
        for schema in sorted(SCHEMAS.glob("*.yaml")):
            events.register_event_schema(schema)
        desk.projects.on_open = self.opened
        desk.projects.on_news = self.hinted

    def opened(self, project: OpenProject) -> None:
        """A project was opened, in any thread: watch it from now on."""
        self._loop.call_soon_threadsafe(self._watch, project)

    def hinted(self, project: OpenProject) -> None:
        """Something may be new, says any thread."""
        self._loop.call_soon_threadsafe(self.hint, project)

    def begin(self, near: Path) -> None:
        """Open the project at a place, where there is one, so that it is watched before anybody asks."""
        self._keep(self._open(near, then=self.hint))

    def hint(self, project: OpenProject) -> None:
        """Something may be new: look."""
        if self._is_ended:
            return
        if project.root in self._looking:
            self._again.add(project.root)
            return
        self._looking.add(project.root)
        self._keep(self._look(project))

    def hint_at(self, near: Path) -> None:
        """Something may be new in the project that a place lies in."""
        if not self._is_ended:
            self._keep(self._open(near, then=self.hint))

    def tell(self, event: shapes.SaveEvent) -> None:
        """`emit` from any thread."""
        self._loop.call_soon_threadsafe(self.emit, event)

    def emit(self, event: shapes.LedgerEvent | shapes.SaveEvent) -> None:
        """Send an event to all clients that are subscribed."""
        self._events.emit(schema_id=_ID_OF[type(event)], data=msgspec.json.decode(msgspec.json.encode(event)))

    async def end(self) -> None:
        """Stop watching, for good: kernels that end with the server, and looks that are cut off, have news to the last."""
        self._is_ended = True
        tasks = [*self._tasks.values(), *self._background]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()

    def _watch(self, project: OpenProject) -> None:
        if project.root not in self._tasks and not self._is_ended:
            self._tasks[project.root] = asyncio.create_task(watch(project, self._desk.projects.environ, self._changed(project), self._log))

    def _changed(self, project: OpenProject) -> Callable[[frozenset[str]], None]:
        def changed(what: frozenset[str]) -> None:
            for kind in what:
                project.note(kind)
            self.hint(project)

        return changed

    async def _open(self, near: Path, then: Callable[[OpenProject], None] | None = None) -> None:
        projects = self._desk.projects

        def find() -> OpenProject | None:
            return None if projects.is_supervised or projects.root_at(near) is None else projects.at(near)

        try:
            project = await projects.work(find)
        except MlscError as err:
            self._log.info("mlsc: the project at %s is not watched: %s", near, err.message)
            return
        if project is not None and then is not None:
            then(project)

    async def _look(self, project: OpenProject) -> None:
        try:
            event = await self._desk.projects.work(lambda: self._event(project))
            if event is not None:
                self.emit(event)
        except MlscError as err:
            # The routes tell it to whoever asks; clients are told that there is something to ask for.
            self._log.info("mlsc: %s could not be looked at: %s", project.root, err.message)
            self.emit(shapes.LedgerEvent(project=self._desk.places.folder_of(project.root), size=0, kinds=("policy",), notebooks=()))
        finally:
            self._looking.discard(project.root)
            if project.root in self._again:
                self._again.discard(project.root)
                self.hint(project)

    def _event(self, project: OpenProject) -> shapes.LedgerEvent | None:
        """What is new since the last event, in a worker's thread; None where nothing is."""
        news = project.take_news()
        if news is None:
            return None
        named = [self._desk.places.named(project.root / each) for each in news.notebooks]
        notebooks = tuple(each for each in named if each is not None)
        return shapes.LedgerEvent(
            project=self._desk.places.folder_of(project.root),
            size=news.size,
            kinds=news.kinds,
            notebooks=notebooks if len(notebooks) <= MOST_NOTEBOOKS else (),
        )

    def _keep(self, work: Any) -> None:
        """Run something beside; a task that nobody holds may be collected before it ends."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
