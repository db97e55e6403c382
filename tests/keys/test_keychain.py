"""The keychain: only backends that keep secrets secret, and what the keychain holds is of no use alone."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.chainer import ChainerBackend
from keyring.errors import KeyringLocked

from jupyter_mlsc.errors import KeyUnavailableError
from jupyter_mlsc.keys import KeyStore, PassphraseSource, Secret
from jupyter_mlsc.keys.keychain import ALLOWED_BACKENDS, find_keychain

HERE = frozenset({__name__})


class MemoryKeychain(KeyringBackend):  # type: ignore[misc]  # the project has mypy skip keyring
    """Keeps items in memory; ``locked`` makes it refuse."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.items: dict[tuple[str, str], str] = {}
        self.locked = self.forgetful = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked("locked")
        return self.items.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked:
            raise KeyringLocked("locked")
        self.items[service, username] = password[:100] if self.forgetful else password


class PlaintextKeyring(MemoryKeychain):
    """Stands for keyrings.alt.file.PlaintextKeyring: same base, a module that no list allows."""


PlaintextKeyring.__module__ = "keyrings.alt.file"


@pytest.fixture
def chain() -> Iterator[MemoryKeychain]:
    before, mine = keyring.get_keyring(), MemoryKeychain()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(before)


@pytest.fixture
def keychained(store: KeyStore) -> KeyStore:
    return KeyStore(store.home, HERE)


def test_a_key_in_the_keychain_signs_and_nobody_is_asked(chain: MemoryKeychain, keychained: KeyStore) -> None:
    entry = keychained.new("vouching", "alice")
    assert entry.uri == f"keyring:jupyter_mlsc?key={entry.id}"
    signer = KeyStore(keychained.home, HERE).signer(entry)
    assert entry.public_key.verify(signer.sign(b"x"), b"x")


def test_neither_the_keychain_nor_the_folder_alone_has_the_key(chain: MemoryKeychain, keychained: KeyStore) -> None:
    entry = keychained.new("vouching", "alice")
    (item,) = chain.items.values()
    assert "BEGIN ENCRYPTED PRIVATE KEY" in item
    assert len(item.encode("utf-16-le")) < 2560  # what a Windows credential can hold
    files = [path for path in keychained.home.keys.iterdir() if path.name not in ("keys.json", ".lock")]
    assert [path.suffix for path in files] == [".secret"]
    assert b"PRIVATE KEY" not in files[0].read_bytes()
    files[0].write_bytes(b"0" * 64)
    with pytest.raises(KeyUnavailableError, match="wrong passphrase"):
        keychained.signer(entry)
    files[0].unlink()
    with pytest.raises(KeyUnavailableError, match="missing"):
        keychained.signer(entry)


def test_an_item_that_was_swapped_in_the_keychain_is_refused(chain: MemoryKeychain, keychained: KeyStore) -> None:
    alice, bob = keychained.new("vouching", "alice"), keychained.new("vouching", "bob")
    chain.items["jupyter_mlsc", alice.id] = chain.items["jupyter_mlsc", bob.id]
    (keychained.home.keys / f"vouching-{alice.id[:16]}.secret").write_bytes((keychained.home.keys / f"vouching-{bob.id[:16]}.secret").read_bytes())
    with pytest.raises(KeyUnavailableError, match="another key"):
        keychained.signer(alice)


def test_a_backend_that_no_list_names_is_never_used(chain: MemoryKeychain, store: KeyStore, given_passphrase: PassphraseSource) -> None:
    assert find_keychain() is None
    entry = store.new("vouching", "alice", passphrase=PassphraseSource(ask=lambda _: "typed"))
    assert entry.uri.startswith("file:")
    assert chain.items == {}
    with pytest.raises(KeyUnavailableError, match="no keychain"):
        store.new("vouching", "bob", passphrase=given_passphrase, storage="keychain")


@pytest.mark.parametrize("name", ["keyring.backends.fail.Keyring", "keyring.backends.null.Keyring"])
def test_backends_that_keep_nothing_are_never_used(name: str, chain: MemoryKeychain) -> None:
    keyring.set_keyring(keyring.core.load_keyring(name))
    assert find_keychain(ALLOWED_BACKENDS | HERE) is None


def test_plain_text_in_a_chain_is_passed_over(chain: MemoryKeychain, keychained: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = PlaintextKeyring()
    monkeypatch.setattr(ChainerBackend, "backends", [plain, chain])
    keyring.set_keyring(ChainerBackend())
    keychained.new("vouching", "alice")
    assert plain.items == {}
    assert len(chain.items) == 1


def test_a_chain_of_plain_text_only_is_no_keychain(chain: MemoryKeychain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ChainerBackend, "backends", [PlaintextKeyring()])
    keyring.set_keyring(ChainerBackend())
    assert find_keychain(ALLOWED_BACKENDS | HERE) is None


def test_a_passphrase_in_the_environment_means_the_file(chain: MemoryKeychain, keychained: KeyStore) -> None:
    source = PassphraseSource.from_environ({"MLSC_KEY_PASSPHRASE": "given"})
    assert keychained.new("vouching", "alice", passphrase=source).uri.startswith("file:")
    assert chain.items == {}


def test_a_locked_keychain_falls_back_to_a_file_and_says_so_when_it_must_not(chain: MemoryKeychain, keychained: KeyStore) -> None:
    chain.locked = True
    assert keychained.new("vouching", "alice", passphrase=PassphraseSource(ask=lambda _: "typed")).uri.startswith("file:")
    with pytest.raises(KeyUnavailableError, match="did not take the key"):
        keychained.new("vouching", "bob", storage="keychain")


def test_a_keychain_that_cuts_what_it_keeps_is_not_relied_on(chain: MemoryKeychain, keychained: KeyStore) -> None:
    chain.forgetful = True
    assert keychained.new("vouching", "alice", passphrase=PassphraseSource(Secret(b"x")), storage="auto").uri.startswith("file:")
    assert keychained.new("vouching", "bob", passphrase=PassphraseSource(ask=lambda _: "typed")).uri.startswith("file:")


def test_a_keychain_that_is_locked_emptied_or_gone_when_the_key_is_needed_is_said(chain: MemoryKeychain, keychained: KeyStore) -> None:
    entry = keychained.new("vouching", "alice")
    chain.locked = True
    with pytest.raises(KeyUnavailableError, match="KeyringLocked"):
        keychained.signer(entry)
    chain.locked = False
    chain.items.clear()
    with pytest.raises(KeyUnavailableError, match="holds no key"):
        keychained.signer(entry)
    with pytest.raises(KeyUnavailableError, match="none that may be used"):
        KeyStore(keychained.home).signer(entry)


def test_a_keyring_configuration_that_does_not_load_is_said(
    run_python: Callable[..., subprocess.CompletedProcess[str]], clean_environ: dict[str, str], tmp_path: Path
) -> None:
    code = """
from jupyter_mlsc.errors import MlscError
from jupyter_mlsc.keys.keychain import find_keychain
try:
    print(find_keychain())
except MlscError as err:
    print("refused:", err)
"""
    result = run_python(code, env={**clean_environ, "PYTHON_KEYRING_BACKEND": "no.such.Keyring"})
    assert result.stdout.startswith("refused: the keyring configuration"), result.stderr
