"""What every answer needs of the server: where its files are, the projects that are open, the passphrase."""

from __future__ import annotations

from dataclasses import dataclass, field

from jupyter_mlsc.server.looks import Looks
from jupyter_mlsc.server.places import Places
from jupyter_mlsc.server.projects import Projects
from jupyter_mlsc.server.vault import Vault

CHANNEL = "panel"
"""Through what a person decides here, as statements say it. What the page can do, JavaScript in a cell's output can do."""


@dataclass(frozen=True, slots=True)
class Desk:
    """One server."""

    places: Places
    projects: Projects
    vault: Vault
    looks: Looks = field(default_factory=Looks)
