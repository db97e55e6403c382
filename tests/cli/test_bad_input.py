"""Bad input and bad places: a clear message, the documented exit code, no traceback, and nothing lost."""

from __future__ import annotations

import json
import os
import pwd
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from here import mlsc
from places import fill, read_only, small_disk

from jupyter_mlsc.errors import UsageError
from jupyter_mlsc.home import Home
from tests.conftest import Person

SAVE = """
import sys, numpy, jupyter_mlsc as mlsc
try:
    mlsc.save(numpy.zeros(int(sys.argv[2])), sys.argv[1])
except mlsc.MlscError as err:
    print(type(err).__name__, err)
    sys.exit(err.exit_code)
"""

LOAD = """
import sys, jupyter_mlsc as mlsc
try:
    print("loaded", repr(mlsc.load(sys.argv[1])))
except mlsc.MlscError as err:
    print(type(err).__name__, err)
    sys.exit(err.exit_code)
"""


def python(person: Person, code: str, *arguments: str, within: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(
        [*within, sys.executable, "-c", code, *arguments], cwd=person.root, env=person.environ, capture_output=True, text=True, check=False, timeout=120
    )
    assert "Traceback" not in ended.stdout + ended.stderr, ended.stderr
    return ended


def refused(person: Person, *arguments: str, code: int) -> str:
    ended = mlsc(person, *arguments)
    assert ended.returncode == code, (arguments, ended.stdout, ended.stderr)
    assert "next: " in ended.stdout + ended.stderr, (arguments, ended.stderr)
    return ended.stdout + ended.stderr


def refused_by_a_process(person: Person, *arguments: str, code: int) -> str:
    ended = person.mlsc(*arguments)
    assert ended.returncode == code, (arguments, ended.stdout, ended.stderr)
    assert "Traceback" not in ended.stderr
    assert "next: " in ended.stdout + ended.stderr, (arguments, ended.stderr)
    return ended.stdout + ended.stderr


def rows(ledger: Path) -> list[str]:
    with sqlite3.connect(ledger) as connection:
        return list(connection.iterdump())


def test_files_that_are_empty_cut_off_or_no_files(ada: Person) -> None:
    import pandas as pd

    ada.write("data/empty.csv", b"")
    ada.write("data/header.csv", "x,y\n")
    ada.write("data/empty.parquet", b"")
    whole = ada.root / "data" / "whole.parquet"
    pd.DataFrame({"x": range(1000)}).to_parquet(whole)
    ada.write("data/cut.parquet", whole.read_bytes()[:-200])
    os.mkfifo(ada.root / "data" / "pipe.csv")
    assert "data/pipe.csv" in refused(ada, "sign", "data/pipe.csv", code=3)
    (ada.root / "data" / "pipe.csv").unlink()
    ada.sign("data/empty.csv", "data/header.csv", "data/empty.parquet", "data/cut.parquet")
    assert mlsc(ada, "verify", "data/empty.csv", "data/header.csv").returncode == 0
    empty = python(ada, LOAD, "data/empty.csv")
    assert (empty.returncode, "data/empty.csv" in empty.stdout, "next: " in empty.stdout) == (3, True, True), empty.stdout
    rows = python(ada, LOAD, "data/header.csv")
    assert rows.returncode == 0
    assert "Empty DataFrame" in rows.stdout
    for name in ("data/empty.parquet", "data/cut.parquet"):
        cut = python(ada, LOAD, name)
        assert cut.returncode == 3, cut.stdout
        assert name in cut.stdout
        assert "next: " in cut.stdout


def test_a_folder_where_a_file_is_expected(signed_dataset: Person) -> None:
    ada = signed_dataset
    (ada.root / "mlsc.d").mkdir()
    assert "mlsc.d: the policy cannot be read: Is a directory" in refused(ada, "verify", "--policy", "mlsc.d", code=2)
    assert "mlsc.d" in refused(ada, "policy", "check", "--policy", "mlsc.d", code=2)
    assert "data" in refused(ada, "keys", "import", "data", "--name", "x", code=3)
    assert "data could not be written: Is a directory" in refused(ada, "export", "data/train.csv", "--format", "oms", "-o", "data", code=3)
    assert "data could not be written: Is a directory" in refused(ada, "log", "prove", "0", "-o", "data", code=3)
    assert "nowhere/out.txt could not be written: its folder does not exist" in refused(ada, "log", "prove", "0", "-o", "nowhere/out.txt", code=3)
    assert "data/train.csv/x" in refused(ada, "verify", "data/train.csv/x", code=3)
    folder = python(ada, LOAD, "data")
    assert folder.returncode == 2
    assert "data is a folder" in folder.stdout


def test_a_folder_in_the_policy_s_place(person: Callable[..., Person]) -> None:
    ada = person("ada")
    (ada.root / "mlsc.toml").mkdir()
    assert "Is a directory" in refused(ada, "init", code=2)
    assert list((ada.root / "mlsc.toml").iterdir()) == []


def test_a_name_that_is_not_utf_8(signed_dataset: Person) -> None:
    ada = signed_dataset
    name = b"data/caf\xe9.csv"
    with open(os.path.join(os.fsencode(ada.root), name), "wb") as stream:
        stream.write(b"x\n1\n")
    for arguments in (["sign", os.fsdecode(name)], ["verify", os.fsdecode(name)], ["verify"], ["lineage", os.fsdecode(name)], ["impact", os.fsdecode(name)]):
        assert "caf\\xe9.csv has a name that is not UTF-8" in refused(ada, *arguments, code=3)


def test_a_full_disk_while_saving_loses_nothing(ada: Person) -> None:
    ada.save([1.0, 2.0], "models/small.json")
    with small_disk(ada.root / "derived", 1 << 20) as limited:
        before = ada.mlsc("log", "show", "--json").stdout
        full = python(ada, SAVE, "derived/big.npy", str(1 << 20), within=limited)
        assert full.returncode == 3, full.stdout
        assert "derived/big.npy could not be written: " in full.stdout
        assert "next: " in full.stdout
        assert list((ada.root / "derived").iterdir()) == []
        assert ada.mlsc("log", "show", "--json").stdout == before
        # What fits is saved, and a bigger version that does not fit leaves it as it is.
        assert python(ada, SAVE, "derived/big.npy", "100", within=limited).returncode == 0
        kept = (ada.root / "derived" / "big.npy").read_bytes()
        assert python(ada, SAVE, "derived/big.npy", str(1 << 20), within=limited).returncode == 3
        assert (ada.root / "derived" / "big.npy").read_bytes() == kept
        assert [path.name for path in (ada.root / "derived").iterdir()] == ["big.npy"]
    assert ada.mlsc("log", "verify").returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="a limit on files does not fill the disk of a ledger")
def test_a_full_disk_under_the_ledger_loses_nothing(person: Callable[..., Person]) -> None:
    ada = person("ada")
    with small_disk(ada.root, 1 << 20):
        assert ada.mlsc("init", "--mode", "enforce").returncode == 0
        ada.write("data/train.csv")
        assert ada.mlsc("sign", "data/train.csv").returncode == 0
        fill(ada.root / "filler")
        told = refused_by_a_process(ada, "sign", "data/train.csv", code=3)
        assert "full" in told
        (ada.root / "filler").unlink()
        assert ada.mlsc("sign", "data/train.csv").returncode == 0
        assert ada.mlsc("log", "verify").returncode == 0
        assert ada.mlsc("verify").returncode == 0


def test_a_project_that_cannot_be_written_can_be_read_and_verified(signed_dataset: Person) -> None:
    ada = signed_dataset
    with read_only(ada.root):
        assert ada.mlsc("verify").returncode == 0
        assert ada.mlsc("status").returncode == 0
        assert ada.mlsc("log", "verify").returncode == 0
        assert ada.mlsc("log", "show").returncode == 0
        told = refused_by_a_process(ada, "sign", "data/train.csv", code=3)
        assert "read-only" in told.lower() or "permission" in told.lower()
        saved = python(ada, SAVE, "models/m.npy", "3")
        assert saved.returncode == 3
        assert "next: " in saved.stdout
        assert "models/m.npy could not be written" in saved.stdout
        loaded = python(ada, LOAD, "data/train.csv")
        # Nothing can be recorded, and `enforce` loads nothing that it cannot record.
        assert loaded.returncode == 3, loaded.stdout
        assert "next: " in loaded.stdout
    assert ada.mlsc("log", "verify").returncode == 0
    assert python(ada, LOAD, "data/train.csv").returncode == 0


def test_a_save_that_cannot_be_recorded_leaves_the_old_version(ada: Person) -> None:
    assert python(ada, SAVE, "models/m.npy", "3").returncode == 0
    kept = (ada.root / "models" / "m.npy").read_bytes()
    with read_only(ada.root / ".mlsc"):
        for name in ("models/m.npy", "models/new.npy"):
            refused = python(ada, SAVE, name, "5")
            assert refused.returncode == 3, refused.stdout
            assert "next: " in refused.stdout
    assert (ada.root / "models" / "m.npy").read_bytes() == kept
    assert [path.name for path in (ada.root / "models").iterdir()] == ["m.npy"]
    assert ada.mlsc("log", "verify").returncode == 0
    assert ada.mlsc("verify", "models/m.npy").returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="a limit on files does not fill the disk of a ledger")
def test_a_load_that_could_not_be_recorded_is_recorded_the_next_time(person: Callable[..., Person]) -> None:
    ada = person("ada")
    with small_disk(ada.root / ".mlsc", 1 << 20):
        ada.init("warn")
        ada.write("data/train.csv")
        ada.sign("data/train.csv")
        run = ada.new_run()
        fill(ada.root / ".mlsc" / "filler")
        with pytest.warns(UserWarning, match="this load was not recorded: "):
            ada.load("data/train.csv", run)
        (ada.root / ".mlsc" / "filler").unlink()
        for _ in range(2):
            ada.load("data/train.csv", run)
        entries = json.loads(mlsc(ada, "log", "show", "--json").stdout)
    assert [entry["kind"] for entry in entries] == ["signature", "oms-signature", "profile", "run", "read"]


def test_a_folder_for_user_state_that_cannot_be_written(person: Callable[..., Person]) -> None:
    ada = person("ada")
    with read_only(ada.home):
        told = refused(ada, "init", code=2)
    assert "cannot make the folder for user state" in told
    assert not (ada.root / "mlsc.toml").exists()


def test_a_ledger_of_a_newer_version_is_left_alone(signed_dataset: Person) -> None:
    ada = signed_dataset
    ledger = ada.root / ".mlsc" / "ledger.db"
    with sqlite3.connect(ledger) as connection:
        connection.execute("update meta set value = '99' where name = 'schema'")
        assert connection.total_changes == 1
    before = rows(ledger)
    for arguments in (["verify"], ["status"], ["log", "show"], ["log", "verify"], ["sign", "data/train.csv"]):
        told = refused(ada, *arguments, code=3)
        assert "newer version" in told, told
    assert rows(ledger) == before


def test_a_ledger_that_is_no_database(signed_dataset: Person) -> None:
    ada = signed_dataset
    for file in (ada.root / ".mlsc").glob("ledger.db*"):
        file.unlink()
    (ada.root / ".mlsc" / "ledger.db").write_bytes(b"this is not SQLite\n" * 100)
    for arguments in (["log", "verify"], ["status"], ["sign", "data/train.csv"]):
        assert "ledger" in refused(ada, *arguments, code=3)


@pytest.mark.parametrize(
    "edit",
    [
        "update entry set record = replace(record, 'train', 'brain') where number = 1",
        "update entry set record = 7 where number = 1",
        "update entry set leaf_hash = 'a text' where number = 1",
        "update entry set signed_at = 'a text' where number = 1",
        "update envelope set content = 'a text' where entry = 1",
        "update node set hash = 3.5",
        "update checkpoint set note = x'ff00'",
        "insert into entry values (9223372036854775807, x'00', 1, x'00')",
    ],
)
def test_a_ledger_that_was_edited_into_other_types_is_told_by_the_audit(signed_dataset: Person, edit: str) -> None:
    ada = signed_dataset
    with sqlite3.connect(ada.root / ".mlsc" / "ledger.db") as connection:
        connection.execute(edit)
        assert connection.total_changes > 0
    told = refused(ada, "log", "verify", code=1)
    assert "✗ entry " in told


def test_variables_that_point_into_the_project_are_refused(signed_dataset: Person) -> None:
    ada = signed_dataset
    for name in ("MLSC_HOME", "MLSC_POLICY"):
        ended = ada.mlsc("verify", environ={**ada.environ, name: str(ada.root / "mlsc.toml")})
        assert ended.returncode == 2
        assert f"{name} points into the project" in ended.stderr
    assert ada.mlsc("verify", environ={**ada.environ, "MLSC_HOME": "relative"}).returncode == 2


def test_an_account_without_a_home_folder_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a container's `--user 4711` and systemd's `DynamicUser=` are: no HOME, and nobody knows the account."""

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(UsageError, match="this account has no home folder") as caught:
        Home.find({})
    assert "set MLSC_HOME, or HOME" in str(caught.value)
    assert Home.find({"MLSC_HOME": "/state"}).path == Path("/state")


def test_a_passphrase_that_is_wrong_or_empty_or_in_a_missing_file(signed_dataset: Person) -> None:
    ada = signed_dataset
    for given in ({"MLSC_KEY_PASSPHRASE": "wrong"}, {"MLSC_KEY_PASSPHRASE": ""}, {"MLSC_KEY_PASSPHRASE_FILE": "/nowhere/at/all"}):
        environ = {k: v for k, v in ada.environ.items() if "PASSPHRASE" not in k} | given
        ended = ada.mlsc("sign", "data/train.csv", environ=environ)
        assert ended.returncode == 3, ended.stderr
        assert "next: " in ended.stderr
        assert "Traceback" not in ended.stderr
        assert "wrong\n" not in ended.stderr


def test_what_is_missing(signed_dataset: Person) -> None:
    ada = signed_dataset
    for arguments in (
        ["verify", "data/missing.csv"],
        ["sign", "data/missing.csv"],
        ["lineage", "data/missing.csv"],
        ["impact", "data/missing.csv"],
        ["export", "data/missing.csv", "--format", "oms"],
        ["policy", "explain", "data/missing.csv"],
        ["keys", "import", "missing.pem", "--name", "x"],
    ):
        assert "does not exist" in refused(ada, *arguments, code=3)
    # One of several is missing: nothing is signed.
    before = mlsc(ada, "log", "show", "--json").stdout
    ada.write("data/other.csv")
    refused(ada, "sign", "data/other.csv", "data/missing.csv", code=3)
    assert mlsc(ada, "log", "show", "--json").stdout == before


def test_an_export_does_not_spoil_a_signed_folder(ada: Person) -> None:
    ada.write("data/train.csv")
    ada.write("data/images/one.txt", "1")
    ada.sign("data/train.csv", "data/images")
    assert mlsc(ada, "export", "data/images", "--format", "oms").returncode == 0
    assert mlsc(ada, "verify", "data/images").returncode == 0
    (ada.root / "data" / "images" / "model.sig").unlink()
    ada.sign("data")
    for path, place in (("data/train.csv", "data/train.csv.sig"), ("data/images", "data/images/model.sig")):
        assert f"{place} would be one file more in data" in refused(ada, "export", path, "--format", "oms", code=2)
        assert mlsc(ada, "export", path, "--format", "oms", "-o", "out.sig").returncode == 0
    assert mlsc(ada, "export", "data", "--format", "oms").returncode == 0
    assert mlsc(ada, "verify").returncode == 0


def test_a_private_key_that_is_none(ada: Person, tmp_path: Path) -> None:
    for content in (b"", b"not a key\n", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", os.urandom(3000)):
        file = tmp_path / "key.pem"
        file.write_bytes(content)
        refused(ada, "keys", "import", str(file), "--name", "x", code=3)
    assert "x" not in [line.split()[0] for line in mlsc(ada, "keys", "list").stdout.splitlines()]
