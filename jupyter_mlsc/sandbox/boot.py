"""How a supervisor is started: a process of its own, isolated from the user's Python settings and from the project's folder, with no secret in it.

Rules kept: ``python -I``, so that neither PYTHONPATH nor the working directory says what is imported; the package comes from where the starter's own
came from; what opens a key never reaches the supervisor's environment, nor the command's. Who starts a supervisor waits for what is imported here, and
again for what the supervisor imports: `msgspec` is the supervisor's alone.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from jupyter_mlsc.sandbox.desk import CarryOut

_BOOT = "import gc, sys; gc.disable(); sys.path.insert(0, sys.argv.pop(1)); import jupyter_mlsc; del sys.path[0]; from jupyter_mlsc.supervising import "
"""The folder is on the path for one import: it may be a project's own, and nothing else of it is to be imported. What is imported is no garbage."""
_SECRETS = ("PASSPHRASE", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "API_KEY", "COOKIE")
"""Parts of the names of environment variables that hold secrets."""
_NO_SECRETS = frozenset({"TOKENIZERS_PARALLELISM"})
_SOCKETS = frozenset({"SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "DOCKER_HOST", "TMUX", "STY", "WAYLAND_DISPLAY"})
"""Variables that name somebody outside who could be asked to do something."""

END_TREE = getattr(signal, "SIGUSR2", signal.SIGTERM)
"""The signal that asks a supervisor to kill its tree, and to record what that wrote."""


SAYS_SUPERVISED = "MLSC_SUPERVISED"
"""`wire.VARIABLE`, which is not imported for its name alone."""

_FOR_A_GUARD = ("MLSC_HOME", "MLSC_POLICY")


EARLY = "early"
"""Says that nobody waits for what a waiting supervisor says, and that it is to import no more than a kernel waits for."""
READY, TAKEN = b"r", b"t"
"""What a supervisor that waits says to who started it, and nothing else: that it has imported what it needs, and that it begins what it was told."""


class Spec(NamedTuple):
    """What a supervisor is to run, told as a JSON array.

    ``start`` is the folder whose project rules, ``policy`` one that is trusted by being named, ``notebook`` its name there. ``parent`` is the process that
    the run ends with, where it ends with one; ``kernel`` is true where the command is a kernel; ``hidden`` are files and folders that nothing inside may
    open besides those that are hidden anyway.
    """

    argv: tuple[str, ...]
    start: str
    policy: str | None = None
    notebook: str | None = None
    parent: int | None = None
    kernel: bool = False
    hidden: tuple[str, ...] = ()

    def encoded(self) -> str:
        """As it is told: each byte of a text is a character, since paths and arguments may be no UTF-8."""
        return json.dumps(_each_text(self, lambda text: os.fsencode(text).decode("latin-1")))


def decoded(told: str | bytes) -> Spec:
    """What was told. Raises msgspec.MsgspecError."""
    import msgspec

    return msgspec.convert(_each_text(msgspec.json.decode(told), lambda text: os.fsdecode(text.encode("latin-1", "replace"))), Spec)


def _each_text(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    return [_each_text(each, change) for each in value] if isinstance(value, list | tuple) else value


def command_line(spec: Spec) -> list[str]:
    """The command that starts a supervisor for this."""
    return [sys.executable, "-I", "-c", _BOOT + "main; main()", package_location(), spec.encoded()]


def waiting_command_line(channel: int, *, early: bool = False) -> list[str]:
    """The command that starts a supervisor that waits to be told what to run, over a channel that is this descriptor; ``early`` where that comes at once."""
    return [sys.executable, "-I", "-c", _BOOT + "wait; wait()", package_location(), str(channel), *([EARLY] if early else [])]


def package_location() -> str:
    """The folder that this package is imported from."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment for a supervisor: nothing that opens a key, a server or a Hub, and nobody outside to be asked."""
    return {name: value for name, value in environ.items() if name not in _SOCKETS and (name in _NO_SECRETS or not _is_secret(name))}


def for_command(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment for a supervised command: as `without_secrets`, and nothing of this package's own."""
    return {name: value for name, value in without_secrets(environ).items() if not name.startswith("MLSC_")}


def _is_secret(name: str) -> bool:
    return name.startswith("JPY_") or any(part in name.upper() for part in _SECRETS)


def run(spec: Spec, carry_out: CarryOut) -> None:
    """Supervise what ``spec`` describes, and exit with its status; 125 when supervision failed. ``carry_out`` is the command line."""
    from jupyter_mlsc.errors import MlscError, SupervisionError
    from jupyter_mlsc.project import Project
    from jupyter_mlsc.recording import SUPERVISED
    from jupyter_mlsc.sandbox.features import probe
    from jupyter_mlsc.sandbox.teller import Teller
    from jupyter_mlsc.verdict import Mode

    tell = Teller(sys.stderr.fileno()).tell
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # before there is anything to serve, an interrupt ends this without a traceback
    try:
        named = None if spec.policy is None else Path(spec.policy)
        project = Project.find(Path(spec.start), os.environ, policy_file=named, tier=SUPERVISED)
        machine = probe()
        if machine.complete:
            from jupyter_mlsc.sandbox.supervisor import supervise

            gc.freeze()
            gc.enable()
            status = supervise(project, spec, tell, carry_out)
        else:
            why = f"this machine cannot supervise: {'; '.join(machine.missing)}"
            if project.policy.mode is Mode.ENFORCE:
                raise SupervisionError(f"{why}; the mode is enforce, so nothing was run", next_step=machine.remedy)
            tell(f"{why}; the mode is {project.policy.mode}, so the command runs guarded, and its statements say so\n  next: {machine.remedy}")
            status = _run_guarded(spec)
    except MlscError as err:
        tell(str(err))
        status = SUPERVISION_FAILED
    sys.exit(status)


def _run_guarded(spec: Spec) -> int:
    """Run the command in this process's place, with what a guard inside needs to keep its record. Returns only where it cannot be run."""
    kept = {name: os.environ[name] for name in _FOR_A_GUARD if name in os.environ}
    try:
        os.execvpe(spec.argv[0], list(spec.argv), {**for_command(os.environ), **kept})  # noqa: S606  # the command that a person named
    except OSError as err:
        sys.stderr.write(f"mlsc: {spec.argv[0]} could not be executed: {err.strerror}\n")
        return SUPERVISION_FAILED


SUPERVISION_FAILED = 125
"""What `exec` exits with when the command was not run, or not to its end, because supervision failed."""
