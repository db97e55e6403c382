"""One supervised run, from the survey to the last statement: this file puts the parts together, and nothing is decided here."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from jupyter_mlsc.errors import MlscError, UsageError
from jupyter_mlsc.project import Project
from jupyter_mlsc.recording import SUPERVISED, Place, Run
from jupyter_mlsc.sandbox import linux
from jupyter_mlsc.sandbox.boot import END_TREE, SAYS_SUPERVISED, Spec, for_command
from jupyter_mlsc.sandbox.filter import program
from jupyter_mlsc.sandbox.gate import Gate
from jupyter_mlsc.sandbox.inherited import judge_standard_streams
from jupyter_mlsc.sandbox.launch import Launched, launch
from jupyter_mlsc.sandbox.messages import Messages
from jupyter_mlsc.sandbox.resolve import Resolver
from jupyter_mlsc.sandbox.survey import survey
from jupyter_mlsc.sandbox.syscalls import calls
from jupyter_mlsc.sandbox.tree import Tree

if TYPE_CHECKING:
    from jupyter_mlsc.sandbox.desk import CarryOut
    from jupyter_mlsc.sandbox.loop import Loop

_SECONDS_OF_OPENS = 0.4
"""How long a kernel that starts does nothing else, about."""
_GRACE = 2.0
"""Seconds that what is left of a tree gets to end by itself."""


def supervise(project: Project, spec: Spec, tell: Callable[[str], None], carry_out: CarryOut) -> int:
    """Run a command tree supervised, and return its exit status (128 and the number for a signal). ``carry_out`` is the command line, for who asks inside.

    Only for a machine that can (`features.probe`). Raises SupervisionError where the kernel refuses all the same, UsageError for a program that is not there.
    """
    with contextlib.ExitStack() as undo:
        return _supervise(project, spec, tell, carry_out, undo)


def _supervise(project: Project, spec: Spec, tell: Callable[[str], None], carry_out: CarryOut, undo: contextlib.ExitStack) -> int:
    executable = shutil.which(spec.argv[0], path=os.environ.get("PATH"))
    if executable is None:
        raise UsageError(f"{spec.argv[0]} was not found", next_step="check the command's name and PATH")
    environ = {**for_command(os.environ), SAYS_SUPERVISED: "1"}
    if spec.kernel:
        environ["JPY_PARENT_PID"] = str(os.getpid())  # a kernel that no front end started says so on its terminal
    policy = project.policy
    seen = survey(
        project.root,
        policy,
        policy.supervise,
        mlsc_home=project.home.path,
        environ=environ,
        command=spec.argv,
        executable=os.path.abspath(executable),
        hidden=spec.hidden,
    )
    if not spec.kernel:
        # A Jupyter server in the tree has a runtime folder of its own: who reads the one outside can run code in kernels outside.
        environ["JUPYTER_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="mlsc-runtime-")
        undo.callback(shutil.rmtree, environ["JUPYTER_RUNTIME_DIR"], ignore_errors=True)
    tables = calls()
    linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
    run = Run(project.project_id, SUPERVISED, program=os.path.abspath(executable))
    run.at(Place(notebook=spec.notebook))
    messages = Messages(tell)
    gate = Gate(project, run, seen.places, seen.linked, messages.tell)
    tree = Tree(os.getpid())
    resolver = Resolver(tree.contains, seen.aliases)
    judge_standard_streams(resolver, seen.places, gate, network=policy.supervise.network == "allow")
    launching = launch(
        spec.argv,
        executable,
        environ,
        rows=program(tables, network=policy.supervise.network == "allow"),
        seccomp_number=tables.inspected["seccomp"],
        grants=seen.grants,
    )
    linux.prctl(linux.PR_SET_DUMPABLE, 0)
    linux.drop_capabilities()
    from jupyter_mlsc.sandbox.answering import answering  # beside the command's process, which has its own to do until it asks

    launched = launching.launched()
    home = environ.get("HOME") or os.path.expanduser("~")
    loop, desk = answering(
        project,
        spec,
        run,
        seen,
        tables,
        home=home,
        descriptor=launched.listener,
        gate=gate,
        tree=tree,
        resolver=resolver,
        messages=messages,
        carry_out=carry_out,
    )
    if spec.kernel:
        # Its extension will say something. A kernel's own start asks nothing but opens, which wait for whatever this process computes.
        timer = threading.Timer(_SECONDS_OF_OPENS, desk.made)
        timer.daemon = True
        timer.start()
        undo.callback(timer.cancel)
    ending = _Ending(launched.pid, spec.parent)
    with _signals(ending):
        status = _serve(loop, launched, gate, ending)
    launched.ender.close()
    desk.close()
    gate.settle()
    try:
        project.end_run(run)
    except MlscError as err:
        tell(f"the end of this run was not recorded: {err}")
    return status if status >= 0 else 128 - status


class _Ending:
    """How a command comes to its end before its time."""

    def __init__(self, pid: int, parent: int | None) -> None:
        self._pid, self._parent = pid, parent
        self.at_once = False
        """Whether nothing that is left gets a moment to end by itself."""
        self.over = False
        """Whether the command was waited for: its number may be another process's now."""

    def signal(self, number: int, frame: object = None) -> None:
        """Send the command a signal."""
        del frame
        if not self.over:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def now(self, number: int = 0, frame: object = None) -> None:
        """Kill the command and all that it left behind."""
        del number, frame
        self.at_once = True
        self.signal(signal.SIGKILL)

    def with_parent(self) -> None:
        """End the run if it was to end with the process that started it, and that is gone."""
        if self._parent is not None and os.getppid() != self._parent:
            self.now()


def _serve(loop: Loop, launched: Launched, gate: Gate, ending: _Ending) -> int:
    """Answer until the command has ended, then end what is left of its tree."""
    statuses: list[int] = []

    def wait() -> None:
        os.waitid(os.P_PID, launched.pid, os.WEXITED | os.WNOWAIT)
        ending.over = True
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(launched.pid, 0)[1]))
        ender = launched.ender
        deadline = time.monotonic() + _GRACE
        while not ending.at_once and _signal_children(signal.SIGTERM, gate, ender.pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        ender.kill_all()
        deadline = time.monotonic() + _GRACE
        while _signal_children(signal.SIGKILL, gate, ender.pid) and time.monotonic() < deadline:
            time.sleep(0.02)  # who is being killed may still wait for a disk
        loop.stop()

    # The interpreter's own switch interval is longer than an answer takes.
    sys.setswitchinterval(0.0005)
    waiter = threading.Thread(target=wait, name="mlsc-wait", daemon=True)
    waiter.start()
    reaper = threading.Thread(target=_reap, args=(launched, gate, ending), name="mlsc-reap", daemon=True)
    reaper.start()
    loop.run()
    waiter.join()
    return statuses[0]


def _children() -> list[int]:
    found: list[int] = []
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError), open(f"/proc/self/task/{task}/children", encoding="ascii") as file:
            found += [int(pid) for pid in file.read().split()]
    return found


def _signal_children(number: signal.Signals, gate: Gate, ender: int) -> bool:
    """Signal what is left of the tree; orphans have become this process's own. True while there is any."""
    with gate.record:  # git, which the record asks, is a child for a moment too
        left = _reap_once(ender)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
    return bool(left)


def _reap_once(*spared: int) -> list[int]:
    left = []
    for pid in _children():
        if pid in spared:
            continue
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                left.append(pid)
    return left


def _reap(launched: Launched, gate: Gate, ending: _Ending) -> None:
    """Bury the orphans that this process adopted, and see whether it is one itself."""
    while True:
        time.sleep(0.5)
        ending.with_parent()
        if gate.record.acquire(blocking=False):
            try:
                _reap_once(launched.pid, launched.ender.pid)
            finally:
                gate.record.release()


@contextlib.contextmanager
def _signals(ending: _Ending) -> Iterator[None]:
    """An interrupt goes to the whole group, and the tree is served on; what asks this process to end asks the command."""
    taken: dict[signal.Signals, Callable[[int, object], None] | signal.Handlers] = {
        # A command may take the terminal for itself (tcsetpgrp(3)): what is told is written all the same.
        **dict.fromkeys((signal.SIGINT, signal.SIGQUIT, signal.SIGIO, signal.SIGTTOU), signal.SIG_IGN),
        **dict.fromkeys((signal.SIGTERM, signal.SIGHUP), ending.signal),
        END_TREE: ending.now,
    }
    before = {number: signal.signal(number, handler) for number, handler in taken.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
