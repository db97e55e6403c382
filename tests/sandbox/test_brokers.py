"""Real programs outside that would do something for whoever asks, a terminal multiplexer, a key agent, a message bus: not for the tree."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mlsc.sandbox.features import probe
from tests.conftest import Person
from tests.sandbox.inside import inside

BROKERS = {
    "tmux": (["tmux", "-f", "/dev/null", "-S", "{at}", "new-session", "-d", "sleep 300"], ["tmux", "-S", "{at}", "run-shell", "touch {made}"]),
    "ssh-agent": (["ssh-agent", "-D", "-a", "{at}"], ["sh", "-c", "SSH_AUTH_SOCK={at} ssh-add -D && touch {made}"]),
    "dbus-daemon": (
        ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--address=unix:path={at}"],
        ["sh", "-c", "dbus-send --bus=unix:path={at} --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.ListNames && touch {made}"],
    ),
}
"""By name: how it is started with a socket ``at``, and how it is asked; ``made`` is there when it did as asked."""
needed = [name for name in BROKERS if shutil.which(name) is None]
pytestmark = [
    pytest.mark.skipif(not probe().complete, reason="this machine cannot supervise"),
    pytest.mark.skipif(bool(needed), reason=f"not installed: {', '.join(needed)}"),
]


def _filled(command: list[str], folder: Path, made: str) -> list[str]:
    return [part.format(at=folder / "socket", made=folder / made) for part in command]


@contextlib.contextmanager
def broker(name: str, folder: Path) -> Iterator[None]:
    """One of them, outside."""
    folder.mkdir()
    running = subprocess.Popen(_filled(BROKERS[name][0], folder, ""), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while not (folder / "socket").exists():
            assert time.monotonic() < deadline, f"{name} did not start"
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(0.02)
        yield
    finally:
        if name == "tmux":
            subprocess.run(["tmux", "-S", str(folder / "socket"), "kill-server"], check=False, capture_output=True)
        running.kill()
        running.wait()


ASKS = """
import subprocess
say([subprocess.run(json.loads(command), capture_output=True, timeout=60).returncode for command in where])
"""


def test_nobody_outside_is_asked_to_do_it(ada: Person, outside: Path) -> None:
    with contextlib.ExitStack() as running:
        for name in BROKERS:
            running.enter_context(broker(name, outside / name))
        found = inside(ada, ASKS, *(json.dumps(_filled(asks, outside / name, "inside")) for name, (_, asks) in BROKERS.items()))
        assert all(found), dict(zip(BROKERS, found, strict=True))
        for name, (_, asks) in BROKERS.items():
            assert not (outside / name / "inside").exists(), name
            done = subprocess.run(_filled(asks, outside / name, "outside"), check=False, capture_output=True, text=True)
            assert (outside / name / "outside").exists(), (name, done.stdout, done.stderr)
