"""The gate for what cells install: ``%pip``, ``!pip``, ``os.system`` and ``subprocess`` are read before they start, recorded, and held to ``[install]``.

Rules kept: what is read is the command that the notebook gives, in this process, and the script that it hands to a shell (``%%bash``); what a program
that it starts then installs is not seen here (a supervised run has the wall for that: its environment is read-only unless the policy says otherwise). A
command is judged before it runs.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import TYPE_CHECKING

from jupyter_mlsc.errors import BlockedInstallError
from jupyter_mlsc.predicates import InstallBody
from jupyter_mlsc.verdict import Mode

if TYPE_CHECKING:
    from jupyter_mlsc.policy.installing import InstallRequest
    from jupyter_mlsc.session import Session

_HINTS = ("pip", "uv", "conda", "mamba", "poetry")
_SHELLS = ("sh", "bash")
_LARGEST = 1 << 20
_DEEPEST = 12


class InstallGate:
    """One session's gate. ``tell`` says something to the person in front of the notebook."""

    def __init__(self, session: Session, tell: Callable[[str], None]) -> None:
        self._session, self._tell = session, tell

    def started(self, event: str, arguments: tuple[object, ...], frame: FrameType | None) -> None:
        """A program is about to start: an audit event with its arguments, and the frame that caused it. Raises BlockedInstallError."""
        command = _command(event, arguments, frame)
        if command is None:
            return
        parts = [command] if isinstance(command, str) else command
        shell = any(each in part for part in parts for each in _SHELLS)
        given = [command, *(_scripts(frame) if shell else ())]
        if not shell and not any(hint in part for part in parts for hint in _HINTS):
            return
        from jupyter_mlsc.policy.installing import requests_in

        for each in given:
            for request in requests_in(each, _lines):
                self._judge(request)

    def _judge(self, request: InstallRequest) -> None:
        policy = self._session.project.policy
        mode, why = policy.judge_install(request)
        decision = {Mode.ENFORCE: "block", Mode.WARN: "warn", Mode.OBSERVE: "allow"}[mode] if why else "allow"
        run = self._session.run
        run.installs += (
            InstallBody(request.installer, request.written, request.indexes, (*request.addresses, *request.unknown), request.hashed, decision, run.place.cell),
        )
        if not why or decision == "allow":
            return
        what = " ".join((request.installer, *(request.written or request.addresses or request.unknown)))
        if decision == "block":
            raise BlockedInstallError(f"the policy does not let this notebook install {what}: {'; '.join(why)}", next_step=_NEXT)
        self._tell(f"mlsc: the policy does not want this to be installed: {what}: {'; '.join(why)}\n  next: {_NEXT}")


_NEXT = "install it as the policy has it, or ask who keeps mlsc.toml to change [install]"


def _command(event: str, arguments: tuple[object, ...], frame: FrameType | None) -> str | list[str] | None:
    """What is started: a line for a shell, or the arguments of a program."""
    if event == "os.forkpty":
        # pexpect, by which IPython runs "!" and "%pip" lines in a kernel, forks first and starts the program in the child.
        for _ in range(_DEEPEST):
            if frame is None:
                return None
            if frame.f_code.co_name == "_spawn" and frame.f_globals.get("__name__") == "pexpect.pty_spawn":
                return _words([frame.f_locals.get("command"), *(frame.f_locals.get("args") or ())])
            frame = frame.f_back
        return None
    if event == "os.system":
        return _text(arguments[0])
    given = arguments[1] if len(arguments) > 1 else None
    if event == "os.spawn":
        given = arguments[2] if len(arguments) > 2 else None
    if isinstance(given, (str, bytes)):
        return _text(given)
    return _words(given) if isinstance(given, (list, tuple)) else None


_SCRIPTS = {("IPython.core.magics.script", "shebang"): "cell", ("subprocess", "run"): "input"}
"""Functions that hand a text to the program that they start, by their module, and which of their variables has it."""


def _scripts(frame: FrameType | None) -> Iterator[str]:
    """Texts that this thread, or the one that waits for it, hands to a shell: IPython starts a cell's script from a thread of its own."""
    others = [each for number, each in sys._current_frames().items() if number != threading.get_ident()]
    for each in (frame, *others):
        walked = each
        while walked is not None:
            name = _SCRIPTS.get((walked.f_globals.get("__name__", ""), walked.f_code.co_name))
            if name is not None and (text := _text(walked.f_locals.get(name))) is not None:
                yield text
            walked = walked.f_back


def _words(given: Iterable[object]) -> list[str]:
    return [text for text in map(_text, given) if text is not None]


def _text(given: object) -> str | None:
    return os.fsdecode(given) if isinstance(given, (str, bytes, os.PathLike)) else None


def _lines(name: str) -> list[str] | None:
    try:
        with open(os.path.expanduser(name), encoding="utf-8") as file:
            return file.read(_LARGEST).splitlines() if os.path.isfile(file.fileno()) else None
    except (OSError, UnicodeDecodeError, ValueError):
        return None
