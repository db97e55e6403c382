"""Which version of a project's policy rules: the one that this user accepted, or one that its policy-admins signed since.

A policy is the trust root, and a folder may come from anybody, so a file counts only when its text was accepted for its project id. Signed
changes follow one another as TUF's roots do (TUF specification 5.3): each names its predecessor's digest and a higher counter, and is signed
by a person who is `policy-admin` in the accepted version. Only :class:`AcceptedPolicies` touches files.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec

from jupyter_mlsc.errors import PolicyError
from jupyter_mlsc.policy.document import parse_policy
from jupyter_mlsc.policy.rules import PolicyLayer
from jupyter_mlsc.policy.ruling import is_policy_admin
from jupyter_mlsc.verdict import Reason, reason

State = Literal["accepted", "changed", "untrusted"]
_TRUST_AGAIN = "read mlsc.toml, then accept it anew: mlsc policy trust"


class Accepted(msgspec.Struct, frozen=True):
    """A policy that this user accepted: its text as it was, and when and for which ledger that happened."""

    project_id: str
    text: bytes
    digest: str
    counter: int
    ledger_origin: str | None
    accepted_at: datetime


class PolicyChange(msgspec.Struct, frozen=True):
    """A signed step from one version of a policy to the next; ``keys`` are the ids of the keys whose signatures were verified."""

    project: str
    predecessor: str
    digest: str
    counter: int
    keys: tuple[str, ...]


class ToAccept(msgspec.Struct, frozen=True):
    """A version that signed changes lead to: keep it as the accepted one. ``signers`` are the names of the admins who signed."""

    project_id: str
    text: bytes
    digest: str
    counter: int
    signers: tuple[str, ...]


class Resolution(msgspec.Struct, frozen=True):
    """The layer that rules, how it came to, what every face must say, and what to keep."""

    layer: PolicyLayer
    state: State
    notes: tuple[Reason, ...] = ()
    to_accept: ToAccept | None = None


def resolve(
    text: str | bytes,
    file: str,
    accepted: Accepted | None,
    changes: Callable[[PolicyLayer], Iterable[PolicyChange]],
    *,
    families: Collection[str] | None = None,
) -> Resolution:
    """Choose between the project's file and the accepted version. ``changes`` gives the signed changes, told the accepted version.

    The file is parsed first: raises PolicyError when it cannot be used, whatever was accepted. In the state `untrusted` the layer is the
    file's and trusts nobody.
    """
    found = parse_policy(text, file, "project", families=families)
    if accepted is None or accepted.project_id != found.project_id:
        return Resolution(msgspec.structs.replace(found, accepted=False), "untrusted", (reason("policy-untrusted"),))
    if accepted.digest == found.digest:
        return Resolution(msgspec.structs.replace(found, counter=accepted.counter), "accepted")
    try:
        ruling = msgspec.structs.replace(parse_policy(accepted.text, file, "project"), counter=accepted.counter)
    except PolicyError as err:
        raise PolicyError("the version of the policy that you accepted cannot be used by this version", file=file, next_step=_TRUST_AGAIN) from err
    step = _signed_step(found.digest, ruling, changes(ruling))
    if step is None:
        return Resolution(ruling, "changed", (reason("policy-changed"),))
    signers = tuple(ruling.owners[key].name for key in step.keys if is_policy_admin(ruling, key))
    kept = ToAccept(accepted.project_id, found.text.encode(), found.digest, step.counter, signers)
    return Resolution(msgspec.structs.replace(found, counter=step.counter), "accepted", (), kept)


def _signed_step(wanted: str, ruling: PolicyLayer, changes: Iterable[PolicyChange]) -> PolicyChange | None:
    """The last of a chain of changes from the accepted version to the wanted digest.

    Every step must be signed by an admin of the accepted version: the texts in between are not at hand, so nobody whom they may have named
    is believed.
    """
    reached = {ruling.digest: ruling.counter}
    signed = (c for c in changes if c.project == ruling.project_id and any(is_policy_admin(ruling, key) for key in c.keys))
    # Counters only rise along a chain, so one pass in their order finds every version that can be reached.
    for change in sorted(signed, key=lambda c: (c.counter, c.digest, c.keys)):
        if change.predecessor in reached and change.counter > reached[change.predecessor]:
            if change.digest == wanted:
                return change
            reached.setdefault(change.digest, change.counter)
    return None


class AcceptedPolicies(msgspec.Struct, frozen=True):
    """The folder that keeps the accepted versions: one record for each project id, which names the text beside it."""

    folder: Path

    def current(self, project_id: str) -> Accepted | None:
        """The accepted version, or None. Raises PolicyError when what was kept is damaged or cannot be read."""
        record = self._record(project_id)
        try:
            kept = json.loads(record.read_bytes())
            accepted = Accepted(
                kept["project"],
                (self.folder / _text_name(project_id, kept["digest"])).read_bytes(),
                kept["digest"],
                int(kept["counter"]),
                kept["ledger"],
                datetime.fromisoformat(kept["accepted"]),
            )
        except FileNotFoundError as err:
            if err.filename == str(record):
                return None
            raise PolicyError("the text of the policy that you accepted is missing", file=str(err.filename), next_step=_TRUST_AGAIN) from err
        except OSError as err:
            raise PolicyError(f"the accepted policy cannot be read: {err.strerror}", file=str(record), next_step="give yourself the right to read it") from err
        except (ValueError, KeyError, TypeError, AttributeError) as err:
            raise PolicyError("the record of the policy that you accepted is damaged", file=str(record), next_step=_TRUST_AGAIN) from err
        if accepted.project_id != project_id or "sha256:" + sha256(accepted.text).hexdigest() != accepted.digest:
            raise PolicyError("the copy of the policy that you accepted was changed since", file=str(record), next_step=_TRUST_AGAIN)
        return accepted

    def accept(self, project_id: str, text: str | bytes, counter: int, ledger_origin: str | None, now: datetime) -> Accepted:
        """Keep a text as the accepted version. Files are private, complete or absent. Raises PolicyError when they cannot be written.

        Earlier texts stay: they are small, they are history, and another process may be reading one.
        """
        raw = text.encode() if isinstance(text, str) else text
        digest = "sha256:" + sha256(raw).hexdigest()
        accepted = Accepted(project_id, raw, digest, counter, ledger_origin, now)
        kept = {"project": project_id, "digest": digest, "counter": counter, "ledger": ledger_origin, "accepted": now.isoformat()}
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The text first: a record never names a text that is not there.
            _write(self.folder / _text_name(project_id, digest), raw)
            _write(self._record(project_id), json.dumps(kept, indent=1).encode() + b"\n")
        except OSError as err:
            raise _not_kept(self.folder, err) from err
        return accepted

    def project_at(self, root: Path) -> str | None:
        """The id of the project that this user knows in a folder, or None. Raises PolicyError when that cannot be read.

        Without it, the policy of a project that the user accepted elsewhere could be put into this one, and would be an accepted one.
        """
        place = self._place(root)
        try:
            return place.read_text("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as err:
            raise PolicyError("the record of which project is in this folder cannot be read", file=str(place), next_step=_TRUST_AGAIN) from err

    def settle(self, root: Path, project_id: str) -> None:
        """Remember which project is in a folder. Raises PolicyError when it cannot be kept."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(self._place(root), project_id.encode())
        except OSError as err:
            raise _not_kept(self.folder, err) from err

    def unsettle(self, root: Path) -> None:
        """Forget which project is in a folder: it is a copy, and goes away."""
        self._place(root).unlink(missing_ok=True)

    def _place(self, root: Path) -> Path:
        return self.folder / f"{_stem(os.path.realpath(root))}.place"

    def _record(self, project_id: str) -> Path:
        return self.folder / f"{_stem(project_id)}.json"


def _not_kept(folder: Path, err: OSError) -> PolicyError:
    step = "make room, or set MLSC_HOME to a folder that you can write to"
    return PolicyError(f"the accepted policy cannot be kept: {err.strerror}", file=str(folder), next_step=step)


def _stem(project_id: str) -> str:
    # An id comes from a file that anybody may have written: hashed, it can name no other path, whatever the file system folds.
    return sha256(project_id.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _text_name(project_id: str, digest: str) -> str:
    return f"{_stem(project_id)}-{Path(digest.removeprefix('sha256:')).name[:32]}.toml"


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
