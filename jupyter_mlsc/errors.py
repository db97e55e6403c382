"""The one error tree: what happened to what, why, and the next step; each maps to one exit code and one HTTP status.

Every error that a person can meet derives from :class:`MlscError`. Foreign exceptions are wrapped once, where they enter, with
``raise ... from err``. The exit codes are those of the command line's contract: 0 fine, 1 blocked or a check failed, 2 wrong usage or
bad policy, 3 it could not be done.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jupyter_mlsc.printing import printable

if TYPE_CHECKING:
    from jupyter_mlsc.verdict import Verdict


class MlscError(Exception):
    """Base of all errors of this package.

    ``message`` says what happened to what and why; ``next_step`` says what the reader can do about it, or is None. Both are one line each, and
    what does not print in them is escaped: they carry names that an attacker may have chosen.
    """

    def __init__(self, message: str, *, next_step: str | None = None) -> None:
        self.message = printable(message)
        self.next_step = None if next_step is None else printable(next_step)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message}\n  next: {self.next_step}" if self.next_step else self.message

    def __reduce__(self) -> tuple[object, ...]:
        """By its parts, since the constructors differ: a worker whose error could not be read would leave its pool waiting for ever."""
        return _restored, (type(self), self.args, self.__dict__)

    def _render_traceback_(self) -> list[str]:
        """The protocol by which IPython lets an error print itself: two lines for a person instead of frames of this package."""
        frame, line = self.__traceback__, None
        while frame is not None:
            if frame.tb_frame.f_globals.get("__name__") == "__main__":
                line = frame.tb_lineno
            frame = frame.tb_next
        return [f"{type(self).__name__}" + (f" in line {line} of the cell" if line is not None else ""), str(self)]

    @property
    def code(self) -> str:
        """A stable word for programs: the class's name without `Error`, in lower case with hyphens."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(self).__name__.removesuffix("Error")).lower()

    @property
    def exit_code(self) -> int:
        """The command line's exit status for this error."""
        return _row(type(self))[0]

    @property
    def http_status(self) -> int:
        """The REST interface's status for this error."""
        return _row(type(self))[1]


def _restored(kind: type[MlscError], args: tuple[object, ...], state: dict[str, object]) -> MlscError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


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

        super().__init__(f"{verdict.path} is blocked")
        self.message = summary(verdict)
        self.args = (self.message,)
        self.verdict = verdict

    def __str__(self) -> str:
        return self.message


class DecisionRefusedError(MlscError):
    """A decision that this person may not make, or that the policy would not count; nothing was signed."""


class BlockedInstallError(MlscError):
    """The policy's ``[install]`` does not accept what a notebook's command would install; nothing was installed.

    No OSError: Python's pty.fork takes one as a sign to try another way.
    """


class GuardError(MlscError, PermissionError):
    """The guard could not check a file that a library was about to open, and the mode is `enforce`."""

    def __str__(self) -> str:
        return MlscError.__str__(self)


class ArtifactError(MlscError):
    """An artifact that cannot be read whole and unchanged; the message names its path."""


class ArtifactMissingError(ArtifactError):
    """There is no artifact at this path."""


class ArtifactChangedError(ArtifactError):
    """An artifact changed while it was being read."""


class FormatError(MlscError):
    """Bytes that are not what their format asks for, or an object that the format cannot hold."""


class DeniedGlobalError(MlscError):
    """An artifact asked for a global, while it was unpickled, that no list allows; it was not imported and nothing of it ran.

    ``global_name`` is ``module.qualname`` as the artifact wrote it, ``artifact`` the name of the file.
    """

    def __init__(self, artifact: str, global_name: str, *, why: str | None = None, next_step: str | None = None) -> None:
        super().__init__(
            f"{artifact} was not loaded: it would use {global_name}, {why or 'which no list allows'}; nothing of it was run",
            next_step=next_step
            or f"ask a person whom the policy trusts to inspect it and run: mlsc sign {artifact} (or save it as safetensors, parquet or npz)",
        )
        self.artifact = artifact
        self.global_name = global_name


class MissingLibraryError(MlscError):
    """Something needs a library or a program that is not installed; the message says how to install it."""


class DrawingError(MlscError):
    """A graph could not be laid out."""


class KeyUnavailableError(MlscError):
    """A key is missing, locked, or held where it cannot be used."""


class AttestationError(MlscError):
    """An envelope, statement or signature that is malformed or does not verify."""


class LedgerError(MlscError):
    """The ledger cannot be read or written: missing, locked, unreadable, full disk, or from a newer version."""


class ReplayError(MlscError):
    """A recorded run that cannot be run again as it was: no record, other inputs, code that is gone. Nothing was stated."""


class AccessDeniedError(MlscError):
    """Whoever asks is not allowed to ask this."""


class SupervisionError(MlscError):
    """A command could not be put under supervision, or its supervision ended before it did."""


class LedgerTamperedError(LedgerError):
    """The ledger's contents contradict its own checkpoints, or a checkpoint that this user remembers."""


_TABLE: dict[type[MlscError], tuple[int, int]] = {
    MlscError: (3, 500),
    UsageError: (2, 400),
    PolicyError: (2, 422),
    PolicyUntrustedError: (2, 403),
    BlockedArtifactError: (1, 403),
    DecisionRefusedError: (1, 403),
    BlockedInstallError: (1, 403),
    GuardError: (3, 403),
    ArtifactError: (3, 422),
    ArtifactMissingError: (3, 404),
    ArtifactChangedError: (3, 409),
    FormatError: (3, 422),
    DeniedGlobalError: (1, 403),
    MissingLibraryError: (3, 501),
    DrawingError: (3, 500),
    KeyUnavailableError: (3, 423),
    AttestationError: (1, 422),
    LedgerError: (3, 503),
    LedgerTamperedError: (1, 409),
    ReplayError: (3, 409),
    AccessDeniedError: (1, 403),
    SupervisionError: (125, 501),
}


def _row(error: type[MlscError]) -> tuple[int, int]:
    return next(_TABLE[base] for base in error.__mro__ if base in _TABLE)
