"""Follows the kernels of a server: when a cell has ended, the ledger of its project is looked at. Nothing that a kernel says is believed.

Rules kept: a kernel is followed from its start on, by the server's own word that it started, restarted or ended; of its messages only the type and
the state are read, to know when to look; a message that is not signed with the kernel's own key is not even that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tornado.web import HTTPError

if TYPE_CHECKING:
    from logging import Logger

    from jupyter_events import EventLogger

ACTIONS = "https://events.jupyter.org/jupyter_server/kernel_actions/v1"
"""The event by which the Jupyter server says that a kernel started, restarted or was shut down."""


class Kernels:
    """Listens to every kernel of one server. ``hint`` is called with a place in the project whose record may have grown."""

    def __init__(self, manager: Any, sessions: Any, root: Path, hint: Callable[[Path], None], log: Logger) -> None:
        self._manager = manager
        self._sessions = sessions
        self._root = root
        self._hint = hint
        self._log = log
        self._streams: dict[str, tuple[Any, Any]] = {}
        self._pending: set[asyncio.Task[None]] = set()

    def begin(self, events: EventLogger) -> None:
        """Follow the kernels that run already, and those that the server will start."""
        for kernel_id in list(self._manager.list_kernel_ids()):
            self._follow(kernel_id)
        events.add_listener(schema_id=ACTIONS, listener=self._acted)

    def end(self) -> None:
        """Listen no more."""
        for kernel_id in list(self._streams):
            self._leave(kernel_id)

    @property
    def followed(self) -> frozenset[str]:
        """Ids of the kernels that are listened to."""
        return frozenset(self._streams)

    async def _acted(self, logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        kernel_id, action = data.get("kernel_id"), data.get("action")
        if data.get("status") == "error" or not isinstance(kernel_id, str):
            return
        if action in ("start", "restart"):
            self._follow(kernel_id)
        elif action == "shutdown":
            self._leave(kernel_id)
            await self._tell(kernel_id)

    def _follow(self, kernel_id: str) -> None:
        """Listen to a kernel; after a restart its ports may be others."""
        self._leave(kernel_id)
        try:
            kernel = self._manager.get_kernel(kernel_id)
        except (KeyError, HTTPError):
            return  # it ended before we came
        from jupyter_client.session import Session

        session = Session(key=kernel.session.key, signature_scheme=kernel.session.signature_scheme)
        stream = kernel.connect_iopub()
        stream.on_recv(lambda parts: self._heard(kernel_id, session, parts))
        self._streams[kernel_id] = (stream, kernel)

    def _leave(self, kernel_id: str) -> None:
        known = self._streams.pop(kernel_id, None)
        if known is not None and not known[0].closed():
            known[0].stop_on_recv()
            known[0].close()

    def _heard(self, kernel_id: str, session: Any, parts: list[bytes]) -> None:
        try:
            _, signed = session.feed_identities(parts)
            message = session.deserialize(signed)
        except (ValueError, TypeError, KeyError, IndexError) as err:
            self._log.debug("mlsc: a message of kernel %s was not understood: %s", kernel_id, err)
            return
        ended = message["msg_type"] == "status" and message["content"].get("execution_state") == "idle"
        if ended and message["parent_header"].get("msg_type") == "execute_request":
            task = asyncio.create_task(self._tell(kernel_id))
            self._pending.add(task)
            task.add_done_callback(self._pending.discard)

    async def _tell(self, kernel_id: str) -> None:
        """Hint at the project of the kernel's notebook, by the server's own list of sessions."""
        try:
            session = await self._sessions.get_session(kernel_id=kernel_id)
        except HTTPError:
            self._hint(self._root)  # a kernel without a notebook
            return
        path = str(session.get("path") or "").removeprefix("RTC:")
        self._hint(self._root / path if path and not path.startswith("/") and ".." not in path.split("/") else self._root)
