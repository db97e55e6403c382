"""What a person does in the panel: sign, review, revoke, override, make a project, hand over the passphrase.

Rules kept: each is one call of `Project` with the channel ``panel``, on a project that is found anew, so that the policy of this moment decides; what
it would not count is refused before anything is signed; the passphrase is held by the vault alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from jupyter_mlsc.errors import ArtifactMissingError, SupervisionError, UsageError
from jupyter_mlsc.server import shapes, wording
from jupyter_mlsc.server.desk import CHANNEL, Desk

if TYPE_CHECKING:
    from jupyter_mlsc.keys import KeyEntry, KeyStore


def sign(desk: Desk, asked: shapes.SignRequest, parameters: Mapping[str, str]) -> shapes.Signatures:
    """Stand for artifacts of one project."""
    places = [desk.places.existing(path) for path in asked.paths]
    if len({desk.projects.root_at(place) for place in places}) > 1:
        raise UsageError("these paths lie in different projects", next_step="sign the paths of one project at a time")
    project = desk.projects.fresh(places[0])
    made = project.sign(places, kind=asked.kind, note=asked.note, channel=CHANNEL, passphrases=desk.vault.source, key=asked.key, only_if_counted=True)
    return shapes.Signatures(signed=tuple(wording.signed(each, project.root, desk.places) for each in made))


def review(desk: Desk, asked: shapes.ReviewRequest, parameters: Mapping[str, str]) -> shapes.Decided:
    """Approve or reject."""
    place = desk.places.existing(asked.path)
    project = desk.projects.fresh(place)
    approve = asked.decision == "approve"
    made = project.review(place, approve=approve, note=asked.note, channel=CHANNEL, passphrases=desk.vault.source, key=asked.key)
    return wording.decided(made, project.root, desk.places)


def revoke(desk: Desk, asked: shapes.RevokeRequest, parameters: Mapping[str, str]) -> shapes.Decided:
    """Revoke bytes by digest, all bytes of a path, or a key."""
    given = [each for each in (asked.digest, asked.path, asked.revoked_key) if each is not None]
    if len(given) != 1:
        raise UsageError("a revocation is of one thing", next_step="give exactly one of: digest, path, revoked_key")
    place = desk.places.locate(asked.path if asked.path is not None else asked.at)
    project = desk.projects.fresh(place)
    if asked.path is not None:
        reference = str(place)
    elif asked.digest is not None:
        reference = _of_form(asked.digest, ("sha256:", "dirhash:"), "a digest begins with sha256: or dirhash:")
    else:
        assert asked.revoked_key is not None  # one of the three is given
        if not asked.revoked_key.isalnum():
            raise UsageError("not the id of a key", next_step="a key's id has hex digits only: mlsc keys list")
        reference = asked.revoked_key
    made = project.revoke(reference, why=asked.why, channel=CHANNEL, passphrases=desk.vault.source, key=asked.key)
    return wording.decided(made, project.root, desk.places)


def _of_form(text: str, beginnings: tuple[str, ...], hint: str) -> str:
    if not text.startswith(beginnings):
        raise UsageError("not a digest", next_step=hint)
    return text


def override(desk: Desk, asked: shapes.OverrideRequest, parameters: Mapping[str, str]) -> shapes.Decided:
    """Make an exception."""
    place = desk.places.existing(asked.path)
    project = desk.projects.fresh(place)
    until = _moment(asked.until)
    made = project.override(place, why=asked.why, until=until, channel=CHANNEL, passphrases=desk.vault.source, key=asked.key)
    return wording.decided(made, project.root, desk.places)


def _moment(text: str) -> datetime:
    """A time with its zone; a date is the end of that day in UTC. Raises UsageError."""
    try:
        found = datetime.fromisoformat(text)
        if "T" not in text and " " not in text:
            return datetime.combine(found.date(), time(), UTC) + timedelta(days=1)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as err:
        raise UsageError(f"not a time: {text[:40]}", next_step="write it as 2030-01-31 or 2030-01-31T12:00:00Z") from err


def initialize(desk: Desk, asked: shapes.InitRequest, parameters: Mapping[str, str]) -> shapes.Initialized:
    """Make a project of a folder of this server."""
    from jupyter_mlsc.verbs.initializing import initialize as make

    _require_ours(desk)
    folder = desk.places.existing(asked.path)
    if not folder.is_dir():
        raise ArtifactMissingError(f"{asked.path} is no folder", next_step="name a folder")
    made = make(folder, desk.projects.environ, mode=asked.mode, name=asked.name, passphrases=desk.vault.source)
    return shapes.Initialized(
        project=desk.places.folder_of(made.root), project_id=made.project_id, identity=made.identity, key=made.key, created=tuple(made.created)
    )


def unlock(desk: Desk, asked: shapes.UnlockRequest, parameters: Mapping[str, str]) -> shapes.Lock:
    """Take the passphrase, if it opens the key."""
    _require_ours(desk)
    keys, entry = _vouching_key(desk, asked.path)
    desk.vault.unlock(asked.passphrase, keys, entry)
    return shapes.Lock(unlocked=True, key=None if entry is None else entry.id)


def lock(desk: Desk, asked: shapes.Nothing, parameters: Mapping[str, str]) -> shapes.Lock:
    """Forget the passphrase."""
    desk.vault.lock()
    return shapes.Lock(unlocked=desk.vault.is_open(None), key=None)


def _vouching_key(desk: Desk, path: str) -> tuple[KeyStore, KeyEntry | None]:
    """The key that signs in the project at a path; without a project the only one; None where there is none yet."""
    from jupyter_mlsc.home import Home
    from jupyter_mlsc.keys import KeyStore
    from jupyter_mlsc.vouching import key_to_sign_with

    place = desk.places.locate(path)
    root = desk.projects.root_at(place)
    keys = KeyStore(Home.find(desk.projects.environ, project=root))
    if not any(entry.role == "vouching" and not entry.retired for entry in keys.list()):
        return keys, None
    if root is None:
        return keys, keys.find("vouching")
    return keys, key_to_sign_with(desk.projects.fresh(place), None)


def _require_ours(desk: Desk) -> None:
    if desk.projects.is_supervised:
        raise SupervisionError("this server runs supervised, so nothing is signed through it", next_step="sign it in a terminal outside")
