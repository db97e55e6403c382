"""Known vulnerabilities asked of a service over the network, by pip-audit: only where somebody names the service.

Rules kept: pip-audit runs as a program of its own; an answer is kept for a stated time, and how old it is is told; no answer is an error, never a pass.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from jupyter_mlsc.errors import MissingLibraryError, MlscError
from jupyter_mlsc.policy.installing import normalized
from jupyter_mlsc.scan.environment.advisories import Advisory, Matched

Service = Literal["osv", "pypi"]
KEPT = timedelta(hours=24)
"""How long an answer for the same distributions is used again."""
SECONDS = 300


class _Vulnerability(msgspec.Struct):
    id: str
    fix_versions: list[str] = []
    aliases: list[str] = []
    description: str = ""


class _Dependency(msgspec.Struct):
    name: str
    version: str = ""
    vulns: list[_Vulnerability] = []
    skip_reason: str = ""


class _Report(msgspec.Struct):
    dependencies: list[_Dependency]


def ask(service: Service, packages: list[tuple[str, str]], cache: Path, environ: Mapping[str, str], now: datetime) -> Matched:
    """What the service says of ``packages`` (name, version). ``cache`` is a folder for answers.

    Raises MissingLibraryError without pip-audit, MlscError where there is no answer.
    """
    lines = "".join(f"{name}=={version}\n" for name, version in sorted(set(packages)))
    kept = cache / f"{service}-{hashlib.sha256(lines.encode()).hexdigest()}.json"
    told = _kept(kept, now)
    if told is None:
        report = _asked(service, lines, environ)
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept.write_bytes(json.dumps({"at": now.isoformat(), "report": json.loads(report)}).encode())
        told = (now, report)
    at, report = told
    read = msgspec.json.decode(report, type=_Report)
    found = [
        Advisory(normalized(one.name), one.version, each.id, tuple(each.aliases), " ".join(each.description.split())[:200], tuple(each.fix_versions))
        for one in read.dependencies
        for each in one.vulns
    ]
    unread = tuple(f"{one.name}: {one.skip_reason}" for one in read.dependencies if one.skip_reason)
    return Matched(tuple(sorted(found, key=lambda each: (each.package, each.id))), unread, at, len(read.dependencies))


def _kept(path: Path, now: datetime) -> tuple[datetime, bytes] | None:
    try:
        told = json.loads(path.read_bytes())
        at = datetime.fromisoformat(told["at"])
        return (at, json.dumps(told["report"]).encode()) if timedelta(0) <= now - at < KEPT else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _asked(service: Service, lines: str, environ: Mapping[str, str]) -> bytes:
    if importlib.util.find_spec("pip_audit") is None:
        raise MissingLibraryError("pip-audit is not installed, which asks services for advisories", next_step="pip install 'jupyter_mlsc[scan]'")
    with tempfile.TemporaryDirectory(prefix="mlsc-audit-") as folder:
        listed = Path(folder) / "requirements.txt"
        listed.write_text(lines, encoding="utf-8")
        command = [sys.executable, "-m", "pip_audit", "--format", "json", "--desc", "on", "--progress-spinner", "off", "--vulnerability-service", service]
        command += ["--no-deps", "--disable-pip", "--requirement", str(listed), "--cache-dir", os.path.join(folder, "cache")]
        try:
            done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False, stdin=subprocess.DEVNULL, env=dict(environ), cwd=folder)
        except (OSError, subprocess.TimeoutExpired) as err:
            raise MlscError(f"pip-audit gave no answer: {err}", next_step=_OFFLINE) from err
    # 1 says that there are vulnerabilities.
    if done.returncode not in (0, 1) or not done.stdout.strip().startswith(b"{"):
        why = (done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"it ended with the exit code {done.returncode}"])[-1]
        raise MlscError(f"pip-audit could not ask {service}: {why[:200]}", next_step=_OFFLINE)
    return done.stdout


_OFFLINE = "without a network name a database that lies here: mlsc scan --environment --advisories FOLDER"
