"""The key store: keys made, found, rotated and imported; the run key made once by many; and what happens to those who meddle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from jupyter_mlsc.errors import KeyUnavailableError, UsageError
from jupyter_mlsc.keys import ALGORITHMS, KeyStore, PassphraseSource, PublicKey, Secret
from jupyter_mlsc.keys.pkcs8 import encrypted_pem, plain_pem
from jupyter_mlsc.keys.signer import LocalSigner, generate, public_of

NOBODY = PassphraseSource()


def texts(store: KeyStore) -> bytes:
    return b"".join(path.read_bytes() for path in store.home.keys.iterdir())


def change_index(store: KeyStore, change: Callable[[dict[str, object]], None]) -> None:
    path = store.home.keys / "keys.json"
    index = json.loads(path.read_bytes())
    change(index)
    path.write_text(json.dumps(index))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_vouching_key_is_made_kept_encrypted_and_signs(algorithm: str, store: KeyStore, given_passphrase: PassphraseSource) -> None:
    entry = store.new("vouching", "alice", algorithm, given_passphrase)
    assert b"BEGIN PRIVATE KEY" not in texts(store)
    assert b"correct horse" not in texts(store)
    again = KeyStore(store.home)
    assert again.list() == (entry,)
    assert again.find("vouching") == again.find("vouching", "alice") == again.find("vouching", entry.id[:8]) == entry
    signer = again.signer(entry, given_passphrase)
    assert signer.public == entry.public_key
    assert PublicKey.parse(again.export_public(entry)).verify(signer.sign(b"x"), b"x")


def test_nothing_of_a_signer_shows(store: KeyStore, given_passphrase: PassphraseSource) -> None:
    import pickle

    signer = store.signer(store.new("vouching", "alice", passphrase=given_passphrase), given_passphrase)
    assert repr(signer) == f"LocalSigner(ecdsa-p256, {signer.public.key_id[:16]})"
    with pytest.raises(TypeError):
        pickle.dumps(signer)


def test_without_a_passphrase_or_a_keychain_no_vouching_key_is_made(store: KeyStore) -> None:
    with pytest.raises(KeyUnavailableError, match="nobody to ask") as caught:
        store.new("vouching", "alice", passphrase=NOBODY, storage="file")
    assert "MLSC_KEY_PASSPHRASE_FILE" in (caught.value.next_step or "")
    assert store.list() == ()
    assert [path.name for path in store.home.keys.iterdir()] == []


def test_a_headless_process_is_refused_and_asks_nothing(
    store: KeyStore, given_passphrase: PassphraseSource, run_python: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    store.new("vouching", "alice", passphrase=given_passphrase)
    code = """
import os
from jupyter_mlsc.errors import MlscError
from jupyter_mlsc.home import Home
from jupyter_mlsc.keys import KeyStore, PassphraseSource
store, source = KeyStore(Home.find(os.environ)), PassphraseSource.from_environ(os.environ)
for attempt in (lambda: store.signer(store.find("vouching"), source), lambda: store.new("vouching", "bob", passphrase=source)):
    try:
        attempt()
    except MlscError as err:
        print("refused", err.exit_code, "MLSC_KEY_PASSPHRASE_FILE" in str(err))
"""
    result = run_python(code, start_new_session=True)
    assert (result.stdout, result.stderr) == ("refused 3 True\n" * 2, "")


def test_a_wrong_passphrase_unlocks_nothing(store: KeyStore, given_passphrase: PassphraseSource) -> None:
    entry = store.new("vouching", "alice", passphrase=given_passphrase)
    with pytest.raises(KeyUnavailableError, match="wrong passphrase") as caught:
        store.signer(entry, PassphraseSource(Secret(b"hunter2")))
    assert "hunter2" not in str(caught.value)


def test_a_vouching_key_that_was_put_there_in_plain_text_is_refused(store: KeyStore, given_passphrase: PassphraseSource) -> None:
    entry = store.new("vouching", "alice", passphrase=given_passphrase)
    path = store.home.keys / entry.uri.removeprefix("file:")
    path.write_bytes(plain_pem(generate("ecdsa-p256")).reveal())
    with pytest.raises(KeyUnavailableError, match="not encrypted"):
        store.signer(entry, given_passphrase)


def test_another_key_in_a_keys_place_is_refused(store: KeyStore, given_passphrase: PassphraseSource) -> None:
    entry = store.new("vouching", "alice", passphrase=given_passphrase)
    path = store.home.keys / entry.uri.removeprefix("file:")
    path.write_bytes(encrypted_pem(generate("ecdsa-p256"), Secret(b"correct horse battery staple")))
    with pytest.raises(KeyUnavailableError, match="another key"):
        store.signer(entry, given_passphrase)


@pytest.mark.parametrize("role", ["run", "log"])
def test_another_key_in_an_unattended_keys_place_is_refused(role: str, store: KeyStore) -> None:
    store.run_signer()
    store.log_key()
    entry = store.find(role)  # type: ignore[arg-type]  # one of the roles
    (store.home.keys / entry.uri.removeprefix("file:")).write_bytes(plain_pem(generate(entry.algorithm)).reveal())
    with pytest.raises(KeyUnavailableError, match="another key"):
        store.run_signer() if role == "run" else store.log_key()


@pytest.mark.parametrize("uri", ["awskms:alias/x", "hsm:2?label=x", "nonsense", ""])
def test_an_unknown_scheme_says_which_are_known(uri: str, store: KeyStore) -> None:
    store.run_signer()
    entry = msgspec.structs.replace(store.find("run"), uri=uri)
    with pytest.raises(KeyUnavailableError, match="this version cannot open") as caught:
        store.signer(entry)
    assert caught.value.next_step == "known are: file, keyring"


def test_a_key_file_that_others_can_read_signs_nothing(store: KeyStore) -> None:
    store.run_signer()
    (store.home.keys / store.find("run").uri.removeprefix("file:")).chmod(0o644)
    with pytest.raises(KeyUnavailableError, match="0644"):
        store.run_signer()


def test_a_linked_key_file_signs_nothing(store: KeyStore, tmp_path: Path) -> None:
    store.run_signer()
    path = store.home.keys / store.find("run").uri.removeprefix("file:")
    path.rename(tmp_path / "moved.pem")
    path.symlink_to(tmp_path / "moved.pem")
    with pytest.raises(KeyUnavailableError, match="symlink"):
        store.run_signer()


def test_a_run_key_is_made_once_and_never_asks(store: KeyStore) -> None:
    signer = store.run_signer()
    assert store.run_signer().public == signer.public
    assert signer.public.algorithm == "ecdsa-p256"
    assert store.find("run").role == "run"


def test_the_log_key_is_ed25519_and_stays(store: KeyStore) -> None:
    assert public_of(store.log_key()) == public_of(store.log_key())
    assert store.find("log").algorithm == "ed25519"


def test_eight_processes_that_need_the_run_key_at_once_get_one(tmp_path: Path, clean_environ: dict[str, str], store: KeyStore) -> None:
    code = """
import os, sys
from jupyter_mlsc.home import Home
from jupyter_mlsc.keys import KeyStore
from jupyter_mlsc.keys.signer import public_of
store = KeyStore(Home.find(os.environ))
import cryptography.hazmat.primitives.asymmetric.ec, cryptography.hazmat.primitives.serialization
sys.stdout.write("ready\\n"); sys.stdout.flush()
sys.stdin.readline()
print(store.run_signer().public.key_id, public_of(store.log_key()).key_id)
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environ)
        for _ in range(8)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60) for process in processes]
    assert len({out for out, _ in answers}) == 1, answers
    assert sorted(entry.role for entry in store.list()) == ["log", "run"]
    assert sorted(path.suffix for path in store.home.keys.iterdir() if not path.name.startswith(".")) == [".json", ".pem", ".pem"]


def test_keys_made_at_once_by_many_threads_are_all_listed(store: KeyStore) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        entries = list(pool.map(lambda number: store.new("run", f"run-{number}"), range(24)))
    assert {entry.id for entry in store.list()} == {entry.id for entry in entries}


def test_rotation_retires_the_old_key_and_keeps_it(store: KeyStore, given_passphrase: PassphraseSource) -> None:
    old = store.new("vouching", "alice", passphrase=given_passphrase)
    new, retired = store.rotate("alice", given_passphrase)
    assert retired == msgspec.structs.replace(old, retired=True)
    assert store.list() == (retired, new)
    assert store.find("vouching") == store.find("vouching", "alice") == new
    assert store.find("vouching", old.id) == retired
    with pytest.raises(KeyUnavailableError, match="retired"):
        store.signer(retired, given_passphrase)
    assert store.signer(retired, given_passphrase, even_retired=True).public.key_id == old.id
    with pytest.raises(UsageError, match="retired already"):
        store.rotate(old.id, given_passphrase)


def test_a_run_key_rotates_and_a_log_key_does_not(store: KeyStore) -> None:
    before = store.run_signer().public
    store.log_key()
    store.rotate("run", role="run")
    assert store.run_signer().public != before
    with pytest.raises(UsageError, match="ledger"):
        store.rotate("log", role="log")


def test_names_are_checked_and_taken_once(store: KeyStore, given_passphrase: PassphraseSource) -> None:
    store.new("vouching", "alice", passphrase=given_passphrase)
    with pytest.raises(UsageError, match="already"):
        store.new("vouching", "alice", passphrase=given_passphrase)
    for name in ("", "a b", "../x", "a/b", "x" * 65, "-x", "a\n"):
        with pytest.raises(UsageError, match="no name"):
            store.new("vouching", name, passphrase=given_passphrase)


def test_several_keys_must_be_told_apart(store: KeyStore, given_passphrase: PassphraseSource) -> None:
    store.new("vouching", "alice", passphrase=given_passphrase)
    store.new("vouching", "alice-2", passphrase=given_passphrase)
    with pytest.raises(KeyUnavailableError, match="several vouching keys: alice, alice-2"):
        store.find("vouching")
    with pytest.raises(KeyUnavailableError, match="no vouching key named 'carol'"):
        store.find("vouching", "carol")
    with pytest.raises(KeyUnavailableError, match="no run key"):
        store.find("run")


@pytest.mark.parametrize("pem_passphrase", [None, "theirs"])
def test_an_imported_key_is_kept_encrypted_under_our_passphrase(pem_passphrase: str | None, store: KeyStore, given_passphrase: PassphraseSource) -> None:
    key = generate("ecdsa-p384")
    theirs = PassphraseSource(Secret(b"theirs"))
    pem = plain_pem(key).reveal() if pem_passphrase is None else encrypted_pem(key, Secret(b"theirs"))
    entry = store.import_pem(pem, "alice", given_passphrase, unlock=theirs)
    assert entry.algorithm == "ecdsa-p384"
    assert b"BEGIN PRIVATE KEY" not in texts(store)
    signature = store.signer(entry, given_passphrase).sign(b"x")
    assert public_of(key).verify(signature, b"x")
    with pytest.raises(UsageError, match="already"):
        store.import_pem(pem, "alice-2", given_passphrase, unlock=theirs)


def test_what_is_too_large_for_a_key_is_not_imported(store: KeyStore) -> None:
    with pytest.raises(UsageError, match="larger than"):
        store.import_pem(b"x" * 100_000, "alice")


def test_an_index_that_is_damaged_newer_or_open_to_others_is_refused(store: KeyStore) -> None:
    store.run_signer()
    path = store.home.keys / "keys.json"
    good = path.read_bytes()
    for damage in (b"", b"{", b"[]", b'{"version": 1, "keys": [{}]}', good.replace(b'"run"', b'"king"'), good[:-20], b"\xff" + good):
        path.write_bytes(damage)
        with pytest.raises(KeyUnavailableError, match="damaged"):
            store.list()
    path.write_bytes(b'{"version": 2, "keys": [], "more": true}')
    with pytest.raises(KeyUnavailableError, match="version 2"):
        store.list()
    path.write_bytes(good)
    path.chmod(0o666)
    with pytest.raises(KeyUnavailableError, match="0666"):
        store.list()


def test_an_index_that_gives_a_key_another_id_is_refused(store: KeyStore) -> None:
    store.run_signer()
    other = LocalSigner(generate("ecdsa-p256")).public
    change_index(store, lambda index: index["keys"][0].update(public=other.base64_der))  # type: ignore[index]
    with pytest.raises(KeyUnavailableError, match="not that of its public key"):
        store.run_signer()
    change_index(store, lambda index: index["keys"][0].update(public="AAAA"))  # type: ignore[index]
    with pytest.raises(KeyUnavailableError, match="damaged"):
        store.list()


def test_a_home_that_is_not_there_has_no_keys_and_is_not_made_by_looking(store: KeyStore) -> None:
    assert store.list() == ()
    assert not store.home.path.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_home_that_cannot_be_written_to_is_named(store: KeyStore, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match=str(store.home.path)):
        store.run_signer()
    tmp_path.chmod(0o700)


def test_a_file_in_the_homes_place_is_named(store: KeyStore) -> None:
    store.home.path.mkdir()
    store.home.keys.write_text("")
    with pytest.raises(KeyUnavailableError, match=str(store.home.keys)):
        store.run_signer()


@pytest.mark.parametrize(
    ("role", "name", "step"),
    [
        ("vouching", "alice", "restore it from a backup, or make a new one: mlsc keys rotate alice"),
        ("run", "run", "restore it from a backup, or make a new one: mlsc keys rotate run --role run"),
        ("log", "log", "restore it from a backup"),
    ],
)
def test_the_way_out_of_a_key_that_cannot_be_used_works(role: str, name: str, step: str, store: KeyStore, given_passphrase: PassphraseSource) -> None:
    store.new("vouching", "alice", passphrase=given_passphrase)
    store.run_signer()
    store.log_key()
    entry = store.find(role, name)  # type: ignore[arg-type]  # one of the roles
    another = generate(entry.algorithm)
    other = encrypted_pem(another, Secret(b"correct horse battery staple")) if role == "vouching" else plain_pem(another).reveal()
    (store.home.keys / entry.uri.removeprefix("file:")).write_bytes(other)
    with pytest.raises(KeyUnavailableError, match="another key") as caught:
        store.log_key() if role == "log" else store.signer(entry, given_passphrase)
    assert caught.value.next_step == step
    if role == "log":
        return
    fresh, _ = store.rotate(name, given_passphrase, role=role)  # type: ignore[arg-type]
    assert store.signer(fresh, given_passphrase).public.key_id == fresh.id
