"""Runs one of the other scanners on files, in the environment that has it: prints JSON, which files it would stop and how long it took.

    PEERS/bin/python benchmarks/scanner_peers.py TOOL FOLDER

It imports nothing of this project. A file counts as stopped where the tool reports an issue, or cannot read it and says so by its exit code or an error.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["PROMPTFOO_DISABLE_TELEMETRY"] = "1"
os.environ["NO_ANALYTICS"] = "1"

STOPPED, ERROR, PASSED = "stopped", "error", "passed"


def picklescan() -> Callable[[str], str]:
    from picklescan.scanner import scan_file_path  # type: ignore[import-not-found]

    def look(path: str) -> str:
        result = scan_file_path(path)
        if result.issues_count or result.infected_files:
            return STOPPED
        return ERROR if result.scan_err else PASSED

    return look


def fickling() -> Callable[[str], str]:
    import fickling as tool  # type: ignore[import-not-found]

    def look(path: str) -> str:
        try:
            return PASSED if tool.is_likely_safe(path) else STOPPED
        except Exception:  # noqa: BLE001  # it has no error of its own for what is no pickle
            return ERROR

    return look


def modelscan() -> Callable[[str], str]:
    from modelscan.modelscan import ModelScan  # type: ignore[import-not-found]

    tool = ModelScan()

    def look(path: str) -> str:
        result = tool.scan(path)
        if result["summary"]["total_issues"]:
            return STOPPED
        return ERROR if result["errors"] else PASSED

    return look


def modelaudit() -> Callable[[str], str]:
    from modelaudit.core import scan_model_directory_or_file  # type: ignore[import-not-found]

    def look(path: str) -> str:
        result = scan_model_directory_or_file(path)
        severities = {str(getattr(issue.severity, "value", issue.severity)) for issue in result.issues}
        if severities & {"critical", "high", "error"}:
            return STOPPED
        return ERROR if result.has_errors else PASSED

    return look


TOOLS: dict[str, Callable[[], Callable[[str], str]]] = {"picklescan": picklescan, "fickling": fickling, "modelscan": modelscan, "modelaudit": modelaudit}


def main() -> None:
    """Look at every file below the folder."""
    tool, folder = sys.argv[1], Path(sys.argv[2])
    answers: dict[str, Any] = {}
    told = io.StringIO()
    begun = time.perf_counter()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        look = TOOLS[tool]()
        ready = time.perf_counter()
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            try:
                answers[str(path.relative_to(folder))] = look(str(path))
            except Exception:  # noqa: BLE001  # what a tool does not foresee ends its run, which is an error to whoever called it
                answers[str(path.relative_to(folder))] = ERROR
    ended = time.perf_counter()
    sys.stdout.write(json.dumps({"answers": answers, "starts": ready - begun, "scans": ended - ready}))
    sys.stdout.flush()
    os._exit(0)  # some leave threads behind that talk to their makers


if __name__ == "__main__":
    main()
