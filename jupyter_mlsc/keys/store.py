"""This user's keys: an index of public facts, and the private keys behind URIs.

Rules kept here: a vouching key is always encrypted where it lies, in the operating system's keychain or else in a file under a
passphrase; run and log keys lie in 0600 files, as SSH host keys do, and sign unattended; whatever a URI opens must be the very key that
the index names; a passphrase given by the environment means the file, so that unattended work never touches a person's keychain.

A key in the keychain is encrypted once more with a random secret that lies in the key folder: neither a dump of the keychain nor a copy
of the folder is enough. It does not keep out a process of the same user while the keychain is unlocked; no local key store does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

from jupyter_mlsc.errors import KeyUnavailableError, UsageError
from jupyter_mlsc.home import Home
from jupyter_mlsc.keys import files, keychain, pkcs8
from jupyter_mlsc.keys.passphrase import PassphraseSource, Secret
from jupyter_mlsc.keys.public import KeyAlgorithm, PublicKey
from jupyter_mlsc.keys.signer import LocalSigner, Signer, generate, public_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from jupyter_mlsc.keys.signer import PrivateKey

Role = Literal["vouching", "run", "log"]
ROLES: tuple[Role, ...] = get_args(Role)

Storage = Literal["auto", "keychain", "file"]

INDEX_NAME = "keys.json"
INDEX_VERSION = 1
MAX_INDEX_BYTES = 4 * 1024 * 1024

_NAME = re.compile(r"[^\W_][\w.@+-]{0,63}\Z")
_NOBODY = PassphraseSource()
RUN_KEYS = {"guarded": "run", "supervised": "run-supervised"}
"""Names of the run keys by tier: no supervised tree can open either of them."""


class KeyEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the index says of a key. ``id`` is the fingerprint; ``public`` is base64 DER; ``uri`` says where the private key is."""

    id: str
    name: str
    role: Role
    algorithm: KeyAlgorithm
    created: datetime
    uri: str
    public: str
    retired: bool = False

    @property
    def public_key(self) -> PublicKey:
        """The public key itself. Raises UsageError when the index holds something else."""
        return PublicKey.parse(self.public)


class _Version(msgspec.Struct):
    version: int


class _Index(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    keys: tuple[KeyEntry, ...] = ()


class KeyStore(msgspec.Struct, frozen=True):
    """The keys of one user. ``allowed_backends`` are the modules of keyring backends that may hold a vouching key."""

    home: Home
    allowed_backends: frozenset[str] = keychain.ALLOWED_BACKENDS

    def list(self) -> tuple[KeyEntry, ...]:
        """All keys, retired ones too, oldest first. Nothing is unlocked. Raises KeyUnavailableError when the index cannot be read."""
        path = self._index
        content = files.read_if_any(path, MAX_INDEX_BYTES)
        if content is None:
            return ()
        try:
            version = msgspec.json.decode(content.reveal(), type=_Version).version
            if version != INDEX_VERSION:
                raise KeyUnavailableError(
                    f"the index of keys, {path}, has the version {version}; this program knows {INDEX_VERSION}", next_step="upgrade jupyter_mlsc"
                )
            keys = msgspec.json.decode(content.reveal(), type=_Index).keys
            wrong = next((entry.name for entry in keys if entry.public_key.key_id != entry.id), None)
        except (msgspec.DecodeError, UnicodeDecodeError, UsageError) as err:
            raise KeyUnavailableError(
                f"the index of keys, {path}, is damaged: {str(err).splitlines()[0]}", next_step="restore it from a backup; the keys themselves lie beside it"
            ) from err
        if wrong is not None:
            raise KeyUnavailableError(
                f"the index of keys, {path}, is damaged: the id of {wrong} is not that of its public key", next_step="restore it from a backup"
            )
        return keys

    def find(self, role: Role, name_or_id: str | None = None) -> KeyEntry:
        """One key by name, id or the beginning of an id (8 digits at least); without one, the only key of the role that is not retired.

        A retired key is found by its id only. Raises KeyUnavailableError when there is no such key, or several.
        """
        keys = [entry for entry in self.list() if entry.role == role]
        if name_or_id is None:
            found = [entry for entry in keys if not entry.retired]
        else:
            found = [entry for entry in keys if entry.name == name_or_id and not entry.retired]
            found = found or [entry for entry in keys if len(name_or_id) >= 8 and entry.id.startswith(name_or_id.lower())]
        if len(found) == 1:
            return found[0]
        if found:
            raise KeyUnavailableError(f"there are several {role} keys: {', '.join(entry.name for entry in found)}", next_step="say which one, by name or id")
        other = next((entry for entry in self.list() if entry.name == name_or_id and entry.role != role), None)
        if other is not None:
            takers = "export takes" if other.role == "log" else "export and rotate take"
            raise KeyUnavailableError(
                f"{name_or_id} is no {role} key but a {other.role} key", next_step=f"see them all: mlsc keys list; mlsc keys {takers} --role {other.role}"
            )
        what = f"no {role} key named {name_or_id!r}" if name_or_id is not None else f"no {role} key"
        step = f"mlsc keys new {name_or_id}" if name_or_id is not None and role == "vouching" else "mlsc init"
        raise KeyUnavailableError(f"there is {what} in {self.home.keys}", next_step=f"make one with: {step}; see them all: mlsc keys list")

    def new(self, role: Role, name: str, algorithm: str = "ecdsa-p256", passphrase: PassphraseSource = _NOBODY, *, storage: Storage = "auto") -> KeyEntry:
        """Make a key. A vouching key goes into the keychain, or into an encrypted file (always when the environment gives a passphrase).

        Raises UsageError for a name that is taken or not allowed, KeyUnavailableError when there is no place or no passphrase for it.
        """
        return self._add(role, name, generate(algorithm), passphrase, storage)

    def import_pem(
        self, pem: bytes, name: str, passphrase: PassphraseSource = _NOBODY, *, unlock: PassphraseSource | None = None, storage: Storage = "auto"
    ) -> KeyEntry:
        """Take in a person's private key (PKCS#8 or SEC1 PEM, encrypted or not); it is stored encrypted.

        ``unlock`` gives the passphrase of the text, where it differs from the one to store with. Raises UsageError for a key that is
        not accepted or is here already, KeyUnavailableError for a wrong passphrase.
        """
        what = f"the key to import as {name}"
        if len(pem) > pkcs8.MAX_PEM_BYTES:
            raise UsageError(f"{what} is larger than {pkcs8.MAX_PEM_BYTES} bytes, so it is no key", next_step="name a file in PEM form")
        key = pkcs8.private_key(Secret(pem), lambda: (unlock or passphrase).unlock(what), what)
        return self._add("vouching", name, key, passphrase, storage)

    def export_public(self, entry: KeyEntry) -> str:
        """The public key as PEM text."""
        return entry.public_key.pem()

    def rotate(
        self, name_or_id: str, passphrase: PassphraseSource = _NOBODY, *, role: Role = "vouching", storage: Storage = "auto"
    ) -> tuple[KeyEntry, KeyEntry]:
        """Make a new key under an old one's name and retire the old one, whose private key stays. Returns the new and the old entry.

        Raises UsageError for a log key, which its ledger knows by itself.
        """
        if role == "log":
            raise UsageError("a log key is not rotated: the ledger is known by it", next_step="rotate a vouching or a run key")
        old = self.find(role, name_or_id)
        if old.retired:
            raise UsageError(f"the key {old.name} ({old.id[:16]}) is retired already", next_step="see the keys: mlsc keys list")
        return self._add(role, old.name, generate(old.algorithm), passphrase, storage, retires=old), msgspec.structs.replace(old, retired=True)

    def signer(self, entry: KeyEntry, passphrase: PassphraseSource = _NOBODY, *, even_retired: bool = False) -> Signer:
        """Unlock a key. ``even_retired`` is for the one statement that a retired key must still make: that another follows it.

        Raises KeyUnavailableError when it is retired, locked, missing, not private, or not the key that the index names.
        """
        if entry.retired and not even_retired:
            raise KeyUnavailableError(f"the key {entry.name} ({entry.id[:16]}) is retired", next_step="sign with the key that replaced it: mlsc keys list")
        return open_signer(entry, Place(self.home.keys, passphrase, self.allowed_backends))

    def run_signer(self, tier: str = "guarded") -> Signer:
        """The signer of guarded or of supervised runs (ECDSA P-256), made at first need; it never asks. It vouches for nothing."""
        return self.signer(self._unattended("run", "ecdsa-p256", RUN_KEYS[tier]))

    def log_key(self) -> Ed25519PrivateKey:
        """The Ed25519 key that signs checkpoints of this user's ledgers, made at first need; it never asks."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        entry = self._unattended("log", "ed25519", "log")
        key = _read_file(_uri_parts(entry)[1], entry, Place(self.home.keys, _NOBODY, self.allowed_backends))
        _require_same(public_of(key), entry)
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyUnavailableError(f"the log key {entry.id[:16]} is no Ed25519 key", next_step=f"restore {self._index} from a backup")
        return key

    @property
    def _index(self) -> Path:
        return self.home.keys / INDEX_NAME

    def _unattended(self, role: Role, algorithm: KeyAlgorithm, name: str) -> KeyEntry:
        def existing() -> KeyEntry | None:
            return next((entry for entry in self.list() if (entry.role, entry.name) == (role, name) and not entry.retired), None)

        entry = existing()
        if entry is not None:
            return entry
        self._make_folder()
        with files.locked(self.home.keys):
            # Another process may have made it while this one waited for the lock.
            entry = existing()
            if entry is None:
                key = generate(algorithm)
                entry = self._register(role, name, public_of(key), self._keep(role, name, key, _NOBODY, "file"), None)
        return entry

    def _add(self, role: Role, name: str, key: PrivateKey, passphrase: PassphraseSource, storage: Storage, retires: KeyEntry | None = None) -> KeyEntry:
        public = public_of(key)
        self._check_new(role, name, public, retires)
        self._make_folder()
        # Outside of the lock: a person may take long over a passphrase or a keychain's question, and runs must not wait for that.
        uri = self._keep(role, name, key, passphrase, storage)
        with files.locked(self.home.keys):
            self._check_new(role, name, public, retires)
            return self._register(role, name, public, uri, retires)

    def _make_folder(self) -> None:
        self.home.make()
        files.make_folder(self.home.keys)

    def _check_new(self, role: Role, name: str, public: PublicKey, retires: KeyEntry | None) -> None:
        if not _NAME.match(name):
            raise UsageError(f"{name!r} is no name for a key", next_step="use letters, digits and . @ + - _, beginning with a letter or digit, at most 64")
        entries = self.list()
        if any(entry.id == public.key_id for entry in entries):
            raise UsageError(f"the key {public.key_id[:16]} is here already", next_step="see the keys: mlsc keys list")
        active = [entry.id for entry in entries if entry.name == name and entry.role == role and not entry.retired]
        if retires is None and active:
            raise UsageError(f"there is a {role} key named {name} already", next_step=f"choose another name, or replace the key: mlsc keys rotate {name}")
        if retires is not None and active != [retires.id]:
            raise UsageError(f"the key {name} was rotated by another process meanwhile", next_step="see the keys: mlsc keys list")

    def _keep(self, role: Role, name: str, key: PrivateKey, passphrase: PassphraseSource, storage: Storage) -> str:
        public = public_of(key)
        stem = f"{role}-{public.key_id[:16]}"
        if role != "vouching":
            return self._write(f"{stem}.pem", pkcs8.plain_pem(key))
        chain = self._keychain(passphrase, storage)
        if chain is not None:
            wrapping = Secret(os.urandom(32).hex().encode("ascii"))
            if keychain.put(chain, public.key_id, pkcs8.wrapped_pem(key, wrapping).decode("ascii")):
                self._write(f"{stem}.secret", wrapping)
                return f"keyring:{keychain.SERVICE}?key={public.key_id}"
            if storage == "keychain":
                raise KeyUnavailableError("the keychain of this session did not take the key", next_step="unlock it, or keep the key in an encrypted file")
        return self._write(f"{stem}.pem", Secret(pkcs8.encrypted_pem(key, passphrase.choose(f"the key {name}"))))

    def _register(self, role: Role, name: str, public: PublicKey, uri: str, retires: KeyEntry | None) -> KeyEntry:
        entry = KeyEntry(public.key_id, name, role, public.algorithm, datetime.now(UTC), uri, public.base64_der)
        kept = (msgspec.structs.replace(old, retired=True) if retires is not None and old.id == retires.id else old for old in self.list())
        # Last: until the index names it, a key that was half stored is nobody's key.
        text = msgspec.json.format(msgspec.json.encode(_Index(INDEX_VERSION, (*kept, entry))), indent=1)
        files.replace(self._index, Secret(text + b"\n"))
        return entry

    def _write(self, name: str, content: Secret) -> str:
        files.create(self.home.keys / name, content)
        return f"file:{name}"

    def _keychain(self, passphrase: PassphraseSource, storage: Storage) -> keychain.Keychain | None:
        if storage == "file" or (storage == "auto" and passphrase.is_given):
            return None
        found = keychain.find_keychain(self.allowed_backends)
        if found is None and storage == "keychain":
            raise KeyUnavailableError("this session has no keychain that may hold a key", next_step="keep the key in an encrypted file, under a passphrase")
        return found


class Place(msgspec.Struct, frozen=True):
    """What an opener of key URIs may need: the folder of key files, a passphrase, the keychains that may be used."""

    folder: Path
    passphrase: PassphraseSource
    allowed_backends: frozenset[str]


Opener = Callable[[str, KeyEntry, Place], Signer]
"""Takes what follows the scheme, the entry and the place; gives a signer or raises KeyUnavailableError."""


def open_signer(entry: KeyEntry, place: Place) -> Signer:
    """Open an entry's URI by the table of schemes. Raises KeyUnavailableError for an unknown scheme, or when another key answers."""
    scheme, rest = _uri_parts(entry)
    if scheme not in _OPENERS:
        raise KeyUnavailableError(
            f"the key {entry.name} is kept at {scheme}:, which this version cannot open", next_step=f"known are: {', '.join(sorted(_OPENERS))}"
        )
    signer = _OPENERS[scheme](rest, entry, place)
    _require_same(signer.public, entry)
    return signer


def _require_same(public: PublicKey, entry: KeyEntry) -> None:
    if public.key_id != entry.id:
        raise KeyUnavailableError(
            f"at {entry.uri} lies another key than {entry.name} ({entry.id[:16]})",
            next_step=_remedy(entry),
        )


def _remedy(entry: KeyEntry) -> str:
    if entry.role == "log":
        return "restore it from a backup"
    return f"restore it from a backup, or make a new one: mlsc keys rotate {entry.name}{' --role run' if entry.role == 'run' else ''}"


def _uri_parts(entry: KeyEntry) -> tuple[str, str]:
    scheme, _, rest = entry.uri.partition(":")
    return scheme, rest


def _read_file(rest: str, entry: KeyEntry, place: Place) -> PrivateKey:
    path = place.folder / rest  # an absolute path replaces the folder
    what = f"the key {entry.name} ({path})"
    pem = files.read(path, pkcs8.MAX_PEM_BYTES)
    if pkcs8.is_encrypted(pem) != (entry.role == "vouching"):
        state = "is not encrypted, as a vouching key must be" if entry.role == "vouching" else f"is encrypted, but a {entry.role} key signs unattended"
        raise KeyUnavailableError(f"{what} {state}", next_step=_remedy(entry))
    return pkcs8.private_key(pem, lambda: place.passphrase.unlock(f"the key {entry.name}"), what)


def _open_file(rest: str, entry: KeyEntry, place: Place) -> Signer:
    return LocalSigner(_read_file(rest, entry, place))


def _open_keyring(rest: str, entry: KeyEntry, place: Place) -> Signer:
    service, _, account = rest.partition("?key=")
    chain = keychain.find_keychain(place.allowed_backends)
    if chain is None:
        raise KeyUnavailableError(
            f"the key {entry.name} is in a keychain, and this session has none that may be used",
            next_step="log in to a desktop session, or import the key into a file: mlsc keys import",
        )
    wrapping = files.read(place.folder / f"{entry.role}-{entry.id[:16]}.secret", pkcs8.MAX_PEM_BYTES)
    pem = Secret(keychain.take(chain, service, account).encode("ascii", "replace"))
    return LocalSigner(pkcs8.private_key(pem, lambda: wrapping, f"the key {entry.name} (keychain)"))


_OPENERS: dict[str, Opener] = {"file": _open_file, "keyring": _open_keyring}
