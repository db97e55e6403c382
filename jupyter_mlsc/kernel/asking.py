"""Who is asked for a passphrase in IPython: the front end of a kernel, by a field that shows nothing, or the terminal of a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.error import StdinNotImplementedError

from jupyter_mlsc.errors import KeyUnavailableError
from jupyter_mlsc.keys.passphrase import Ask, ask_on_terminal

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def passphrase_asker(shell: InteractiveShell) -> Ask:
    """The way to ask the person in front of this shell."""
    return ask_front_end if getattr(shell, "kernel", None) is not None else ask_on_terminal


def ask_front_end(prompt: str) -> str:
    """Ask through the kernel's protocol. Raises KeyUnavailableError where the front end takes no input, as headless runs do not."""
    import getpass

    try:
        # A kernel puts its own function here while a cell runs; it shows a password field in the notebook.
        return getpass.getpass(prompt)
    except StdinNotImplementedError as err:
        raise KeyUnavailableError(
            "the key is encrypted, no passphrase was given, and this front end cannot ask for one",
            next_step="run mlsc sign on a terminal, or set MLSC_KEY_PASSPHRASE_FILE before the kernel starts",
        ) from err
