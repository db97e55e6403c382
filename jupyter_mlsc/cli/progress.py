"""A progress bar on stderr that appears only when the work has taken a second."""

from __future__ import annotations

import time

QUIET_SECONDS = 1.0


class Bar:
    """Called with (bytes done, bytes in all); draws with rich once a second has passed."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._drawn: tuple[object, object] | None = None

    def __call__(self, done: int, total: int) -> None:
        """Show how far the work is."""
        if self._drawn is None:
            now = time.monotonic()
            if self._began is None:
                self._began = now  # the work begins with its first report, not with what was imported for it
            if done >= total or now - self._began < QUIET_SECONDS:
                return
            self._begin(total)
        from rich.progress import Progress, TaskID

        assert self._drawn is not None
        progress, task = self._drawn
        assert isinstance(progress, Progress)
        progress.update(TaskID(int(str(task))), completed=done, total=total)
        if done >= total:
            progress.stop()

    def _begin(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

        progress = Progress(BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True)
        task = progress.add_task("hashing", total=total)
        progress.start()
        self._drawn = (progress, task)
