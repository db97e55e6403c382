"""The kernel provisioner ``mlsc-supervised``: what Jupyter starts is a supervisor, and the kernel runs in its tree.

Rules kept: everything that starts kernels through jupyter_client gets the same (Jupyter servers, nbclient, nbconvert, papermill), for kernels of any
language; the kernel's connection file lies where no other tree may read it; nothing of the project or the kernel's environment is run out here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from jupyter_core.paths import jupyter_runtime_dir

from jupyter_mlsc.project_root import find_root
from jupyter_mlsc.sandbox.boot import END_TREE, SAYS_SUPERVISED, Spec, command_line, without_secrets
from jupyter_mlsc.sandbox.early import Early
from jupyter_mlsc.sandbox.jupyter_homes import prepare_profile

if TYPE_CHECKING:
    from jupyter_mlsc.sandbox.standby import Standby

_IPYTHON_KERNELS = frozenset({"ipykernel", "ipykernel_launcher"})
_USUAL = frozenset({"env", "cwd", "stdin", "stdout", "stderr", "independent", "kernel_id", "extra_arguments"})
"""What may be asked for a supervisor that is started before `launch_kernel`: what else there is, Popen takes."""
_SECONDS_ALONE = 3.0
"""How long a kernel has the processors for itself until the next supervisor is started."""
_SECONDS_TO_RECORD = 30.0
"""How long a supervisor whose tree was killed may hash and record what that wrote, before it is killed too."""


class SupervisedProvisioner(LocalProvisioner):
    """Starts kernels supervised. The project is the nearest one at or above the notebook's folder, which is the kernel's working directory."""

    _early: Early | None = None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Prepare what the kernel may not make itself: a connection file in the runtime folder, IPython's profile."""
        manager = self.parent
        if manager is not None and not manager.connection_file:
            # A temporary folder is everybody's, and who reads this file can run code in the kernel.
            runtime = Path(jupyter_runtime_dir())
            runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
            manager.connection_file = str(runtime / f"kernel-{self.kernel_id}.json")
        if sys.platform == "linux" and not self._starts_many() and _is_usual(kwargs) and not _is_supervised():
            prepared = await super(LocalProvisioner, self).pre_launch(env=kwargs.get("env") or os.environ.copy())  # the environment as it will be
            with contextlib.suppress(OSError):  # whoever starts one as always says what is wrong
                self._early = Early(without_secrets(prepared["env"]))
        try:
            return await super().pre_launch(**kwargs)
        except BaseException:
            self._end_early()
            raise

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start the supervisor with the kernel's own command. Raises UsageError where there is no project."""
        try:
            return await self._launch(cmd, kwargs)
        finally:
            self._end_early()

    async def _launch(self, cmd: list[str], kwargs: dict[str, Any]) -> KernelConnectionInfo:
        environ: dict[str, str] = dict(kwargs.get("env") or os.environ)
        if _is_supervised():
            return await super().launch_kernel(with_extension(cmd), **kwargs)  # the supervisor around the server decides its opens, too
        folder = str(kwargs.get("cwd") or os.getcwd())
        root = find_root(Path(folder))
        prepare_profile(environ)
        spec = Spec(
            tuple(with_extension(cmd)),
            folder,
            getattr(self.parent, "policy", None),  # of `mlsc run --policy`
            notebook=notebook_name(environ.get("JPY_SESSION_NAME"), root),
            parent=None if kwargs.get("independent") else os.getpid(),
            kernel=True,
            hidden=getattr(self.parent, "hidden", ()),  # of `mlsc replay`
        )
        kwargs["env"] = without_secrets(environ)
        taken = dict(kwargs["env"])  # as it is compared: what launches adds to it
        started: Early | Standby | None = self._early
        if sys.platform == "linux" and self._starts_many() and _is_usual(kwargs):
            from jupyter_mlsc.sandbox.standby import STANDBY  # only where it is used: who starts one kernel waits for what is imported

            started = STANDBY
            STANDBY.prepare(taken, after=_SECONDS_ALONE)
        process = None
        if started is not None:
            with _streams(kwargs.get("stdin"), kwargs.get("stdout"), kwargs.get("stderr")) as streams:
                process = None if streams is None else started.take(spec, taken, streams)
        if process is None:
            return await super().launch_kernel(command_line(spec), **kwargs)
        self._early = None
        self.process, self.pid, self.pgid, self.cwd = process, process.pid, process.pid, folder
        return self.connection_info

    def _end_early(self) -> None:
        early, self._early = self._early, None
        if early is not None:
            early.end()

    def _starts_many(self) -> bool:
        """Whether this kernel's manager belongs to one of many, as a server has it, which will want another."""
        from jupyter_client.multikernelmanager import MultiKernelManager

        return isinstance(getattr(self.parent, "parent", None), MultiKernelManager)

    async def kill(self, restart: bool = False) -> None:
        """End the whole tree at once, whatever it does. The supervisor sees to it and says in the ledger how the run ended; one that does not is killed."""
        process = self.process
        if process is None:
            return
        process.send_signal(END_TREE)
        for _ in range(int(_SECONDS_TO_RECORD / 0.05)):
            if process.poll() is not None:
                return
            await asyncio.sleep(0.05)
        await super().kill(restart)

    async def terminate(self, restart: bool = False) -> None:
        """Ask the kernel to end; the supervisor hands the question on."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)


def _is_usual(kwargs: dict[str, Any]) -> bool:
    return kwargs.keys() <= _USUAL and not kwargs.get("independent")


@contextlib.contextmanager
def _streams(*given: Any) -> Iterator[tuple[int, ...] | None]:
    """Descriptors for a child's 0 to 2, as jupyter_client's launcher reads what it is given; None where they are to be pipes to this process."""
    with contextlib.ExitStack() as undo:
        found: list[int] = []
        for number, stream in enumerate(given):
            if stream is None and number == 0:
                end, other = os.pipe()  # at its end from the beginning
                os.close(other)
                undo.callback(os.close, end)
            elif stream == subprocess.DEVNULL:
                end = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
                undo.callback(os.close, end)
            elif stream in (subprocess.PIPE, subprocess.STDOUT):
                yield None
                return
            else:
                end = number if stream is None else stream if isinstance(stream, int) else stream.fileno()
            found.append(end)
        yield tuple(found)


def _is_supervised() -> bool:
    if os.environ.get(SAYS_SUPERVISED) != "1":
        return False
    from jupyter_mlsc.inside import is_supervised  # who starts a kernel waits for all that is imported here

    return is_supervised(os.environ)


def notebook_name(session: str | None, root: Path) -> str | None:
    """A notebook as records name it, relative to the project. ``session`` is what a Jupyter server says: a path."""
    if not session:
        return None
    path = Path(session)
    return Path(os.path.relpath(path, root)).as_posix() if path.is_absolute() else path.as_posix()


def with_extension(cmd: Sequence[str]) -> list[str]:
    """An IPython kernel's command that loads this package's extension, where its interpreter has it; any other command as it is."""
    module = cmd[cmd.index("-m") + 1] if "-m" in cmd[:-1] else ""
    if module not in _IPYTHON_KERNELS or not _has_package(cmd[0]):
        return list(cmd)
    return [*cmd, "--ext=jupyter_mlsc"]


def _has_package(python: str) -> bool:
    """Whether this package is installed for an interpreter, told without running it."""
    if os.path.abspath(python) == os.path.abspath(sys.executable):
        return True
    prefix = Path(os.path.abspath(python)).parent.parent
    return any(prefix.glob("lib/python3*/site-packages/jupyter_mlsc-*.dist-info"))
