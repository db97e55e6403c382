"""Real stores for the ledger's tests: SQLite files, and a PostgreSQL server of our own that lives as long as the tests."""

from __future__ import annotations

import glob
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from disks import mount
from ledger_entries import Intruder

from jupyter_mlsc.ledger import CheckpointMemory, Ledger


@pytest.fixture(scope="session")
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def memory(tmp_path: Path) -> CheckpointMemory:
    return CheckpointMemory(tmp_path / "home" / "checkpoints.db")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """URL of a server without a database name, or a skip that says what is missing."""
    folders = [os.path.dirname(found)] if (found := shutil.which("pg_ctl")) else []
    folders += sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    if not folders:
        pytest.skip("PostgreSQL is not installed (no pg_ctl on the PATH nor in /usr/lib/postgresql)")
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'jupyter_mlsc[postgresql]'")
    as_server: list[str] = []
    if os.geteuid() == 0:
        if shutil.which("runuser") is None:
            pytest.skip("PostgreSQL does not run as root, and there is no runuser")
        as_server = ["runuser", "-u", "postgres", "--"]
    folder = Path(tempfile.mkdtemp(prefix="mlsc-postgresql-"))
    if as_server:
        shutil.chown(folder, "postgres", "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(program: str, *arguments: str) -> None:
        command = [*as_server, os.path.join(folders[0], program), "-D", str(folder / "data"), *arguments]
        subprocess.run(command, check=True, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=120)

    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' -c fsync=off -c full_page_writes=off -c shared_buffers=16MB"
    try:
        run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions")
        run("pg_ctl", "start", "--wait", "--log", str(folder / "log"), "-o", options)
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}"
        finally:
            run("pg_ctl", "stop", "--wait", "--mode=immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def new_database(postgresql_server: str) -> Callable[[], str]:
    """Makes an empty schema and gives its URL: to a ledger, a database of its own."""
    import psycopg

    def make() -> str:
        name = f"ledger_{os.urandom(6).hex()}"
        with psycopg.connect(f"{postgresql_server}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return f"{postgresql_server}/postgres?options=-csearch_path%3D{name}"

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a ledger can be made; the same tests run for every store."""
    if request.param == "sqlite":
        return str(tmp_path / "project" / "ledger.db")
    return str(request.getfixturevalue("new_database")())


@pytest.fixture
def ledger(place: str, key: Ed25519PrivateKey, memory: CheckpointMemory) -> Iterator[Ledger]:
    made = Ledger.create(place, key, memory)
    yield made
    made.close()


@pytest.fixture
def intruder(place: str) -> Intruder:
    return Intruder(place)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A folder, and what makes it read-only: by permissions, or as a file system for root, whom permissions do not stop."""
    folder = tmp_path / "folder"
    with ExitStack() as after:
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            if shutil.which("mount") is None or not mount(folder, "size=8m"):
                pytest.skip("root is not stopped by permissions, and cannot mount a file system here")
            after.callback(subprocess.run, ["umount", "--lazy", str(folder)], check=True)

            def close() -> None:
                subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        else:
            folder.mkdir()
            after.callback(folder.chmod, 0o700)

            def close() -> None:
                for file in folder.iterdir():
                    file.chmod(0o400)
                folder.chmod(0o500)

        yield folder, close
