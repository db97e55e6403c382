"""The projects that a server has open, one for each root, and the threads in which they work: nothing that blocks runs on the event loop.

Rules kept: one thread at a time looks at an open project; what takes long, and what a person decides, works on a project that is found anew, so that
nothing waits for it and the policy is the one of that moment; a policy that changes on the disk, or is accepted elsewhere, is followed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_mlsc.errors import ArtifactError, MlscError, SupervisionError

if TYPE_CHECKING:
    from jupyter_mlsc.chronicle import News
    from jupyter_mlsc.project import Project

T = TypeVar("T")

_AT_ONCE = 500
"""Entries of a long record that are read between two turns of others."""

Fingerprint = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class LedgerNews:
    """What is new on a project's record: entries now, kinds of what is new, notebooks (names in the project) whose runs it names."""

    size: int
    kinds: tuple[str, ...]
    notebooks: tuple[str, ...]


class OpenProject:
    """A project that is kept open between requests."""

    def __init__(self, root: Path, environ: Mapping[str, str]) -> None:
        self.root = root
        self._environ = environ
        self._lock = threading.Lock()
        self._project: Project | None = None
        self._seen: Fingerprint = ()
        self._project_was_open = False
        self.is_closed = False
        """Whether the server ends: what takes long, and is waited for by nobody, stops."""
        self._size = 0
        self._kinds: dict[str, None] = {}
        self._notebooks: dict[str, None] = {}

    def note(self, kind: str) -> None:
        """Something changed that is no entry of the ledger: ``policy``, ``claims``, ``measured``; ``ledger`` is only a hint. Safe in any thread."""
        if kind == "claims":
            self.forget_verdicts()
        if kind != "ledger":
            self._kinds[kind] = None

    def take_news(self) -> LedgerNews | None:
        """What is new since this was asked last; None where nothing is. Raises as `looking`."""
        with self.looking():
            if not self._kinds:
                return None
            news = LedgerNews(self._size, tuple(self._kinds), tuple(self._notebooks))
            self._kinds, self._notebooks = {}, {}
            return news

    @contextmanager
    def looking(self) -> Iterator[Project]:
        """The project, for this thread alone, under the policy as it is now. Raises PolicyError, UsageError, LedgerError."""
        with self._lock:
            project = self._current()
            project.books.look_again()
            self._size = project.chronicle.follow().size
            yield project

    def _hear(self, news: News) -> None:
        """Keep what a look, whosever it was, found new on record."""
        self._kinds.update(dict.fromkeys(news.kinds))
        self._notebooks.update(dict.fromkeys(news.notebooks))

    def read_back(self) -> None:
        """Read the runs that are on record, some at a time, so that others get their turn and nobody waits for them who asks later."""
        try:
            is_read = False
            while not is_read and not self.is_closed:
                with self.looking() as project:
                    is_read = project.chronicle.read_back(_AT_ONCE)
        except MlscError:
            pass  # whoever asks is told

    def forget_verdicts(self) -> None:
        """Claim files changed: verdicts that were kept are made anew."""
        with self._lock:
            if self._project is not None:
                self._project.standings.forget()

    def close(self) -> None:
        """Close the ledger; what still reads it in a thread beside ends soon."""
        self.is_closed = True
        with self._lock:
            self._drop()

    def _current(self) -> Project:
        seen = self._fingerprint()
        if self._project is None or seen != self._seen:
            from jupyter_mlsc.project import Project

            self._drop()
            if self._project_was_open:
                self._kinds["policy"] = None
            self._project = Project.find(self.root, self._environ)
            self._project.chronicle.listeners.append(self._hear)
            self._project_was_open = True
            # What finding it wrote down (a signed change that was accepted) is seen too.
            self._seen = self._fingerprint()
        return self._project

    def _drop(self) -> None:
        project, self._project = self._project, None
        if project is not None and "books" in project.__dict__ and (ledger := project.books.ledger) is not None:
            ledger.close()

    def _fingerprint(self) -> Fingerprint:
        from jupyter_mlsc.home import Home
        from jupyter_mlsc.trust import ADMIN_POLICY, POLICY_FILE

        named = self._environ.get("MLSC_POLICY")
        files = [self.root / POLICY_FILE, ADMIN_POLICY, *([Path(named)] if named else [])]
        try:
            with os.scandir(Home.find(self._environ, project=self.root).accepted) as entries:
                files += sorted(Path(entry.path) for entry in entries)
        except FileNotFoundError:
            pass
        return tuple((str(path), *_state(path)) for path in files)


def _state(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return status.st_ino, status.st_mtime_ns, status.st_size


def _log_failure(done: Future[None]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        logging.getLogger(__name__).error("a task beside failed", exc_info=error)


class Projects:
    """All open projects of one server, for the user that it runs as."""

    def __init__(self, environ: Mapping[str, str], threads: int) -> None:
        self.environ = environ
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="mlsc-server")
        self._open: dict[Path, OpenProject] = {}
        self._waiting: dict[Hashable, asyncio.Future[Any]] = {}
        self._lock = threading.Lock()
        self.on_open: Callable[[OpenProject], None] = lambda opened: None
        """Called, in a worker's thread, with each project that is opened for the first time."""
        self.on_news: Callable[[OpenProject], None] = lambda opened: None
        """Called, in any thread, with a project of which something is new that no file tells."""
        self._measuring: set[Path] = set()
        self._slow = ThreadPoolExecutor(1, thread_name_prefix="mlsc-measuring")

    @property
    def is_supervised(self) -> bool:
        """Whether this server itself is watched by a supervisor, which alone has the ledger and the keys."""
        if "MLSC_SUPERVISED" not in self.environ:
            return False
        from jupyter_mlsc.inside import is_supervised

        return is_supervised(self.environ)

    async def work(self, task: Callable[[], T]) -> T:
        """Run something that blocks in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, task)

    async def share(self, question: Hashable, task: Callable[[], T]) -> T:
        """As `work`; who asks the same before it has begun gets that answer too, which is then no older than the question."""
        answer: asyncio.Future[T] | None = self._waiting.get(question)
        if answer is None:

            def begin() -> T:
                self._waiting.pop(question, None)
                return task()

            answer = self._waiting[question] = asyncio.ensure_future(self.work(begin))
        # One who goes away takes the answer from nobody.
        return await asyncio.shield(answer)

    def beside(self, task: Callable[[], None]) -> None:
        """Run something that nobody waits for, after what waits already. What it raises is logged."""
        self._slow.submit(task).add_done_callback(_log_failure)

    def root_at(self, near: Path) -> Path | None:
        """The root of the project that a place lies in, or None. Raises UsageError for a link from one project into another."""
        from jupyter_mlsc.project_root import enclosing_project

        return enclosing_project(near)

    def at(self, near: Path) -> OpenProject:
        """The open project that a place lies in. Raises UsageError where there is none, SupervisionError where a supervisor has it."""
        self._require_ours()
        from jupyter_mlsc.project_root import find_root

        root = find_root(near)
        with self._lock:
            known = self._open.get(root)
            if known is not None:
                return known
            made = self._open[root] = OpenProject(root, self.environ)
        self.on_open(made)
        self.beside(made.read_back)
        return made

    def fresh(self, near: Path) -> Project:
        """A project found anew, for this task alone. Raises as `at`, and PolicyError."""
        self._require_ours()
        from jupyter_mlsc.project import Project

        return Project.find(near, self.environ)

    def measure_later(self, opened: OpenProject, measure: Callable[[], None], path: Path) -> None:
        """Hash a large file that nobody waits for, one after the other; then its project has news."""

        def work() -> None:
            try:
                measure()
            except ArtifactError:
                pass  # the next look says what is wrong with it
            finally:
                self._measuring.discard(path)
            opened.note("measured")
            self.on_news(opened)

        if path not in self._measuring:
            self._measuring.add(path)
            self.beside(work)

    def close(self) -> None:
        """Wait for what is being done, refuse what waits, and close everything."""
        with self._lock:
            opened = list(self._open.values())
            self._open.clear()
        for each in opened:
            each.close()
        for pool in (self._pool, self._slow):
            pool.shutdown(wait=True, cancel_futures=True)
        for each in opened:
            each.close()  # what was under way may have opened it again

    def _require_ours(self) -> None:
        if self.is_supervised:
            raise SupervisionError(
                "this server runs supervised, so its projects are seen and changed from outside only", next_step="run mlsc in a terminal outside, or a server"
            )
