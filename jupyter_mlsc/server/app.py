"""The extension of the Jupyter server: its settings, its routes, what begins and ends with the server."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Bool, Int

if TYPE_CHECKING:
    from jupyter_mlsc.server.desk import Desk
    from jupyter_mlsc.server.kernels import Kernels
    from jupyter_mlsc.server.live import Live


class MlscExtension(ExtensionApp):
    """Serves what the panel shows, and judges notebooks when they are saved."""

    name = "jupyter_mlsc"
    app_name = "jupyter_mlsc"
    description = "What a project's ledger and policy say of the artifacts of a notebook."
    extension_url = "/mlsc/api/docs"
    load_other_extensions = True

    threads = Int(4, help="Threads in which files are hashed and ledgers read.").tag(config=True)
    judge_saves = Bool(True, help="Judge notebooks when they are saved.").tag(config=True)

    live: Live | None = None
    kernels: Kernels | None = None

    def initialize_settings(self) -> None:
        """Make the desk; no project is looked for yet."""
        from jupyter_mlsc.server.handlers import DESK

        self.settings[DESK] = self._make_desk()

    def initialize_handlers(self) -> None:
        """Add the routes."""
        from jupyter_mlsc.server.handlers import handlers

        self.handlers.extend(handlers())

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """The server's loop runs: follow its kernels and the projects."""
        await super()._start_jupyter_server_extension(serverapp)  # type: ignore[no-untyped-call]  # the server's has no types
        from jupyter_mlsc.server.handlers import DESK
        from jupyter_mlsc.server.kernels import Kernels
        from jupyter_mlsc.server.live import Live

        desk: Desk = self.settings[DESK]
        self.live = Live(desk, serverapp.event_logger, self.log)
        self.kernels = Kernels(serverapp.kernel_manager, serverapp.session_manager, desk.places.root, self.live.hint_at, self.log)
        self.kernels.begin(serverapp.event_logger)
        self.live.begin(desk.places.root)

    async def stop_extension(self) -> None:
        """The server ends: listen no more, close what is open."""
        from jupyter_mlsc.server.handlers import DESK

        if self.kernels is not None:
            self.kernels.end()
        if self.live is not None:
            await self.live.end()
        desk: Desk = self.settings[DESK]
        await asyncio.get_running_loop().run_in_executor(None, desk.projects.close)

    def _make_desk(self) -> Desk:
        from jupyter_mlsc.server.desk import Desk
        from jupyter_mlsc.server.places import Places
        from jupyter_mlsc.server.projects import Projects
        from jupyter_mlsc.server.vault import Vault

        assert self.serverapp is not None  # the server makes the extension
        environ = dict(os.environ)
        contents: Any = self.serverapp.contents_manager
        root = getattr(contents, "root_dir", None) or self.serverapp.root_dir
        return Desk(Places(Path(os.path.realpath(root)), bool(contents.allow_hidden)), Projects(environ, self.threads), Vault(environ))
