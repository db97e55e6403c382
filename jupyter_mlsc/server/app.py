"""The extension of the Jupyter server: its settings, its routes, what begins and ends with the server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Bool, Int

if TYPE_CHECKING:
    from jupyter_mlsc.server.desk import Desk


class MlscExtension(ExtensionApp):
    """Serves what the panel shows, and judges notebooks when they are saved."""

    name = "jupyter_mlsc"
    app_name = "jupyter_mlsc"
    description = "What a project's ledger and policy say of the artifacts of a notebook."
    extension_url = "/mlsc/api/docs"
    load_other_extensions = True

    threads = Int(4, help="Threads in which files are hashed and ledgers read.").tag(config=True)
    judge_saves = Bool(True, help="Judge notebooks when they are saved.").tag(config=True)

    def initialize_settings(self) -> None:
        """Make the desk; no project is looked for yet."""
        from jupyter_mlsc.server.handlers import DESK

        self.settings[DESK] = self._make_desk()

    def initialize_handlers(self) -> None:
        """Add the routes."""
        from jupyter_mlsc.server.handlers import handlers

        self.handlers.extend(handlers())

    async def stop_extension(self) -> None:
        """The server ends: close what is open."""
        from jupyter_mlsc.server.handlers import DESK

        desk: Desk = self.settings[DESK]
        desk.projects.close()

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
