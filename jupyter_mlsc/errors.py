"""The one error tree: what happened to what, why, and the next step; each maps to one exit code and one HTTP status.

Every error that a person can meet derives from :class:`MlscError`. Foreign exceptions are wrapped once, where they enter, with
``raise ... from err``. The exit codes are those of the command line's contract: 0 fine, 1 blocked or a check failed, 2 wrong usage or
bad policy, 3 it could not be done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mlsc.verdict import Verdict


class MlscError(Exception):
    """Base of all errors of this package.

    ``message`` says what happened to what and why; ``next_step`` says what the reader can do about it, or is None.
    """

    def __init__(self, message: str, *, next_step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message}\n  next: {self.next_step}" if self.next_step else self.message

    @property
    def exit_code(self) -> int:
        """The command line's exit status for this error."""
        return _row(type(self))[0]

    @property
    def http_status(self) -> int:
        """The REST interface's status for this error."""
        return _row(type(self))[1]


class UsageError(MlscError):
    """A call that cannot be carried out as it was asked for: a bad argument, a missing project, an unknown name."""


class PolicyError(MlscError):
    """A policy that does not parse or asks for what this version cannot check; it names the file and the line."""

    def __init__(self, message: str, *, file: str, line: int | None = None, next_step: str | None = None) -> None:
        place = f"{file}:{line}" if line is not None else file
        super().__init__(f"{place}: {message}", next_step=next_step)
        self.file = file
        self.line = line


class PolicyUntrustedError(MlscError):
    """The project's policy was never accepted by this user, so it cannot say whom to trust."""


class BlockedArtifactError(MlscError, PermissionError):
    """The policy does not let this artifact through. ``verdict`` has the reasons; nothing was loaded or written."""

    def __init__(self, verdict: Verdict) -> None:
        from jupyter_mlsc.verdict import summary

        super().__init__(summary(verdict))
        self.verdict = verdict

    def __str__(self) -> str:
        return self.message


class ArtifactError(MlscError):
    """An artifact that cannot be read whole and unchanged; the message names its path."""


class ArtifactMissingError(ArtifactError):
    """There is no artifact at this path."""


class ArtifactChangedError(ArtifactError):
    """An artifact changed while it was being read."""


class FormatError(MlscError):
    """Bytes that are not what their format asks for, or an object that the format cannot hold."""


class MissingLibraryError(MlscError):
    """A format needs a library that is not installed; the message names the extra to install."""


class KeyUnavailableError(MlscError):
    """A key is missing, locked, or held where it cannot be used."""


class AttestationError(MlscError):
    """An envelope, statement or signature that is malformed or does not verify."""


class LedgerError(MlscError):
    """The ledger cannot be read or written: missing, locked, unreadable, full disk, or from a newer version."""


class LedgerTamperedError(LedgerError):
    """The ledger's contents contradict its own checkpoints, or a checkpoint that this user remembers."""


_TABLE: dict[type[MlscError], tuple[int, int]] = {
    MlscError: (3, 500),
    UsageError: (2, 400),
    PolicyError: (2, 422),
    PolicyUntrustedError: (2, 403),
    BlockedArtifactError: (1, 403),
    ArtifactError: (3, 422),
    ArtifactMissingError: (3, 404),
    ArtifactChangedError: (3, 409),
    FormatError: (3, 422),
    MissingLibraryError: (3, 501),
    KeyUnavailableError: (3, 423),
    AttestationError: (1, 422),
    LedgerError: (3, 503),
    LedgerTamperedError: (1, 409),
}


def _row(error: type[MlscError]) -> tuple[int, int]:
    return next(_TABLE[base] for base in error.__mro__ if base in _TABLE)
