"""Where the passphrase of an encrypted key comes from: the environment, a file that it names, or a person who is asked.

Rules kept here: nothing asks on a stream that is no terminal; an empty passphrase is refused; a secret shows in no repr, message,
pickle or local variable of a traceback.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from jupyter_mlsc.errors import KeyUnavailableError

PASSPHRASE_VARIABLE = "MLSC_KEY_PASSPHRASE"  # noqa: S105  # the name of a variable, no secret
PASSPHRASE_FILE_VARIABLE = "MLSC_KEY_PASSPHRASE_FILE"  # noqa: S105  # the name of a variable, no secret

MAX_PASSPHRASE_BYTES = 4096

_BOTH = f"set {PASSPHRASE_VARIABLE}, or {PASSPHRASE_FILE_VARIABLE} to a file that only you can read, or run the command on a terminal"

Ask = Callable[[str], str]
"""Shows a prompt to a person and returns what was typed, unseen. May raise KeyUnavailableError when there is nobody to ask."""


class Secret:
    """Bytes that never show: not in repr or str, not in a pickle. ``reveal`` hands them out; do not bind its result to a name."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The bytes themselves, to be passed straight on."""
        return self._value

    def same_as(self, other: Secret) -> bool:
        """True when both hold the same bytes; both were typed by the same person, so timing tells nobody anything."""
        return self._value == other._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret(hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not copied or pickled")


def ask_on_terminal(prompt: str) -> str:
    """Ask the person at the terminal, without echo. Raises KeyUnavailableError, unasked, when standard input is no terminal."""
    # getpass opens /dev/tty even when standard input is a pipe, so a script with a terminal somewhere would hang: look first.
    if not _is_terminal():
        raise KeyUnavailableError("the key is encrypted, no passphrase was given, and standard input is no terminal to ask on", next_step=_BOTH)
    import getpass

    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(prompt)
        except getpass.GetPassWarning as err:
            raise KeyUnavailableError("this terminal cannot hide what is typed, so no passphrase was asked for", next_step=_BOTH) from err
        except EOFError as err:
            raise KeyUnavailableError("no passphrase was typed", next_step=_BOTH) from err


def _is_terminal() -> bool:
    try:
        return sys.stdin is not None and sys.stdin.isatty()
    except ValueError:  # a closed stream
        return False


@dataclass(frozen=True, slots=True)
class PassphraseSource:
    """Where a passphrase may come from, in this order: ``variable``, ``file``, ``ask``. With none of them there is none.

    It is built once, before user code runs. The file is read when a passphrase is needed.
    """

    variable: Secret | None = None
    file: Path | None = None
    ask: Ask | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], ask: Ask | None = ask_on_terminal) -> PassphraseSource:
        """Read both variables. ``ask`` is who may be asked besides; None where nobody may."""
        value, file = environ.get(PASSPHRASE_VARIABLE), environ.get(PASSPHRASE_FILE_VARIABLE)
        return cls(None if value is None else Secret(os.fsencode(value)), Path(os.path.abspath(file)) if file else None, ask)

    @classmethod
    def take_from_environ(cls, environ: MutableMapping[str, str], ask: Ask | None = ask_on_terminal) -> PassphraseSource:
        """As `from_environ`, and remove both variables, so that code which runs later does not find them."""
        source = cls.from_environ(environ, ask)
        environ.pop(PASSPHRASE_VARIABLE, None)
        environ.pop(PASSPHRASE_FILE_VARIABLE, None)
        return source

    @property
    def is_given(self) -> bool:
        """True when the environment gives a passphrase, so that nobody need be asked."""
        return self.variable is not None or self.file is not None

    def unlock(self, key: str) -> Secret:
        """The passphrase of an existing key. ``key`` says which, for the prompt. Raises KeyUnavailableError when there is none."""
        return self._given() or self._asked(f"Passphrase of {key}: ")

    def choose(self, key: str) -> Secret:
        """A passphrase for a new key; a person is asked twice. Raises KeyUnavailableError when there is none, or the two differ."""
        given = self._given()
        if given is not None:
            return given
        first = self._asked(f"New passphrase for {key}: ")
        if not first.same_as(self._asked("The same passphrase again: ")):
            raise KeyUnavailableError("the two passphrases differ, so no key was made", next_step="run the command again")
        return first

    def _given(self) -> Secret | None:
        if self.variable is not None:
            return _not_empty(self.variable, PASSPHRASE_VARIABLE)
        return None if self.file is None else _not_empty(_read(self.file), f"the first line of {self.file}")

    def _asked(self, prompt: str) -> Secret:
        if self.ask is None:
            raise KeyUnavailableError("the key is encrypted, no passphrase was given, and there is nobody to ask", next_step=_BOTH)
        return _not_empty(Secret(self.ask(prompt).encode("utf-8", "surrogateescape")), "the passphrase")


def _not_empty(secret: Secret, where: str) -> Secret:
    if not secret:
        raise KeyUnavailableError(f"{where} is empty, and a key is never kept without a passphrase", next_step=_BOTH)
    return secret


def _read(path: Path) -> Secret:
    try:
        with open(path, "rb") as stream:
            if os.name == "posix" and os.fstat(stream.fileno()).st_mode & 0o077:
                warnings.warn(f"the passphrase file {path} can be read by other users; run: chmod 600 {path}", stacklevel=4)
            # The first line only, as other tools take it; a line that is too long is refused rather than cut.
            secret = Secret(stream.readline(MAX_PASSPHRASE_BYTES + 1).rstrip(b"\r\n"))
    except OSError as err:
        raise KeyUnavailableError(f"cannot read the passphrase file {path}: {err.strerror}", next_step=_BOTH) from err
    if len(secret.reveal()) > MAX_PASSPHRASE_BYTES:
        raise KeyUnavailableError(f"the first line of {path} is longer than {MAX_PASSPHRASE_BYTES} bytes", next_step=_BOTH)
    return secret
