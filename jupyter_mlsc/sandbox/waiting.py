"""Calls that may wait for somebody else, made here on a caller's behalf: each in a thread of its own, and given up when the caller is.

Rules kept: nobody else's answer waits for one of these; a caller that was killed leaves nothing behind that waits on; a signal that the caller
would have been woken by wakes it, and the kernel restarts the call or not as it would have.
"""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Callable

from jupyter_mlsc.sandbox import caller
from jupyter_mlsc.sandbox.listener import Listener, Notification
from jupyter_mlsc.sandbox.resolve import error

POKE = signal.SIGRTMIN
"""Ends a waiting system call of one of this process's own threads; the process handles it, and does nothing."""
_ERESTARTSYS = 512
"""The kernel's own number for a call that a signal interrupted: it restarts the call, or answers EINTR, as the signal's handler was set up."""
_LOOK = 0.1
"""Seconds between two looks at whether a caller still waits."""
_MOST = 512


class _Wait:
    """One call under way."""

    def __init__(self, question: Notification) -> None:
        self.question = question
        self.thread = 0
        self.calling = False
        self.gone = False
        self.interrupted = False


class Waiting:
    """Makes calls that wait. `POKE` has to have a handler."""

    def __init__(self, listener: Listener, tell: Callable[[str], None]) -> None:
        self._listener, self._tell = listener, tell
        self._waits: set[_Wait] = set()
        self._changed = threading.Condition()
        self._watcher: threading.Thread | None = None

    def start(self, question: Notification, call: Callable[[], int], done: Callable[[], None]) -> None:
        """Answer with what ``call`` returns, or with the OSError that it raises; ``done`` is called in the end. Raises OSError EAGAIN for too many."""
        wait = _Wait(question)
        with self._changed:
            if len(self._waits) >= _MOST:
                done()
                raise error(errno.EAGAIN)
            self._waits.add(wait)
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, name="mlsc-watch", daemon=True)
                self._watcher.start()
            self._changed.notify()
        threading.Thread(target=self._work, args=(wait, call, done), name="mlsc-wait-for", daemon=True).start()

    def _work(self, wait: _Wait, call: Callable[[], int], done: Callable[[], None]) -> None:
        wait.thread = threading.get_ident()
        try:
            self._answer(wait, call)
        except Exception as err:  # noqa: BLE001  # whatever fails here, a caller waits for an answer, and the answer is no
            self._listener.fail(wait.question, errno.EACCES)
            self._tell(f"an error in the supervisor refused a system call ({wait.question.number}): {type(err).__name__}: {err}")
        finally:
            with self._changed:
                self._waits.discard(wait)
            done()

    def _answer(self, wait: _Wait, call: Callable[[], int]) -> None:
        number, value = errno.EINTR, 0
        while number == errno.EINTR and not (wait.gone or wait.interrupted):
            with self._changed:
                wait.calling = True
            try:
                value, number = call(), 0
            except OSError as err:
                number = err.errno or errno.EACCES
            finally:
                with self._changed:
                    wait.calling = False
        if number == 0:
            self._listener.succeed(wait.question, value)
        elif not wait.gone:
            self._listener.fail(wait.question, _ERESTARTSYS if number == errno.EINTR else number)

    def _watch(self) -> None:
        while True:
            with self._changed:
                while not self._waits:
                    self._changed.wait()
                self._changed.wait(_LOOK)
                for wait in self._waits:
                    wait.gone = wait.gone or not self._listener.is_waiting(wait.question)
                    wait.interrupted = wait.interrupted or (not wait.gone and caller.is_interrupted(wait.question.pid))
                    if wait.calling and (wait.gone or wait.interrupted):
                        # Under the lock: a thread that does not call any more must not be woken from what it does next.
                        signal.pthread_kill(wait.thread, POKE)
