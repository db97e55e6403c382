"""Workers that are started anew: processes in which no guard is on. No audit event tells of them; a forked worker is not here, it carries the guard along."""

from __future__ import annotations

from jupyter_mlsc.kernel.adapters.row import Row

ROWS: tuple[Row, ...] = (
    Row("multiprocessing.popen_spawn_posix", "Popen._launch", starts=True),
    Row("multiprocessing.popen_forkserver", "Popen._launch", starts=True),
    Row("joblib.externals.loky.backend.popen_loky_posix", "Popen._launch", starts=True),
    Row("loky.backend.popen_loky_posix", "Popen._launch", starts=True),
)
