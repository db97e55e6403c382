"""A real Docker: supervision in its containers, and its socket from inside a supervised tree. Only where a daemon runs.

The image is an empty one: the machine's own programs and this interpreter are shown in it, read-only.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Person

CHECKOUT = Path(__file__).resolve().parents[2]
PROFILE = CHECKOUT / "docs" / "seccomp-docker.json"
IMAGE = "mlsc-test-empty"
_LINKS = ("bin", "sbin", "lib", "lib64")
_READS = """
import json, socket
said = {}
for name in ("signed", "unsigned"):
    try:
        said[name] = open(f"data/{name}.csv").read()
    except PermissionError as err:
        said[name] = err.errno
with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
    said["connected"] = True
print(json.dumps(said))
"""
_TRIAL = """
mkdir -p $HOME/p/data && cd $HOME/p
m() { python -m jupyter_mlsc.cli "$@"; }
m init --mode enforce > /dev/null && echo a,b > data/signed.csv && echo c,d > data/unsigned.csv && m sign data/signed.csv > /dev/null || exit 9
m status --json | tr -d '\\n' && echo
m exec -- python -c "$READS" 2> told
echo $?
cat told
"""


def _docker(*arguments: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["docker", *arguments], input=given, capture_output=True, check=False, timeout=300)


def _runs_here() -> bool:
    try:
        return _docker("version").returncode == 0
    except OSError:
        return False


def _empty_image() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in _LINKS:
            if os.path.islink(f"/{name}"):
                link = tarfile.TarInfo(name)
                link.type, link.linkname = tarfile.SYMTYPE, os.readlink(f"/{name}")
                tar.addfile(link)
    return packed.getvalue()


@pytest.fixture(scope="module")
def image() -> Iterator[list[str]]:
    """The options and the name of an image that this interpreter runs in."""
    if not _runs_here():
        pytest.skip("no Docker daemon runs here")
    shown = {"/usr", "/etc", sys.prefix, sys.base_prefix, str(CHECKOUT), *(f"/{name}" for name in _LINKS if not os.path.islink(f"/{name}"))}
    assert _docker("import", "-", IMAGE, given=_empty_image()).returncode == 0
    binds = [option for place in sorted(shown) for option in ("--volume", f"{place}:{place}:ro")]
    variables = {"PATH": f"{sys.prefix}/bin:/usr/bin", "PYTHONPATH": str(CHECKOUT), "HOME": "/home", "MLSC_KEY_PASSPHRASE": "a passphrase", "READS": _READS}
    settings = [option for name, value in variables.items() for option in ("--env", f"{name}={value}")]
    yield ["--rm", "--network", "none", "--tmpfs", "/home:mode=1777", "--tmpfs", "/tmp", *binds, *settings]  # of the container
    _docker("image", "rm", "--force", IMAGE)


def _tried(image: list[str], *options: str) -> tuple[bool, int, dict[str, object], str]:
    """Whether status says that supervision works, the exit status of the command, what it said, and what was told on stderr."""
    done = _docker("run", *image, *options, IMAGE, "sh", "-c", _TRIAL)
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0, (lines, done.stderr)
    said = json.loads(lines[1]) if lines[1].startswith("{") else {}
    status = next(int(line) for line in lines[1:] if line.isdigit())
    return json.loads(lines[0])["supervision"]["available"], status, said, "\n".join(lines)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [[], ["--user", "4711", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only"]],
    ids=["root", "an ordinary user without anything"],
)
def test_with_the_profile_that_is_shipped_a_container_supervises(image: list[str], options: list[str]) -> None:
    available, status, said, told = _tried(image, "--security-opt", f"seccomp={PROFILE}", *options)
    assert (available, status) == (True, 0), told
    assert said == {"signed": "a,b\n", "unsigned": 13, "connected": True}
    assert "no statement names data/unsigned.csv [unsigned]" in told


@pytest.mark.slow
def test_with_the_runtimes_own_profile_it_works_or_is_refused_with_the_reason(image: list[str]) -> None:
    available, status, said, told = _tried(image)
    if available:
        assert (status, said) == (0, {"signed": "a,b\n", "unsigned": 13, "connected": True}), told
    else:
        assert (status, said) == (125, {}), told
        assert "are forbidden here, as by the seccomp profile of a container or unit: " in told


@pytest.mark.slow
def test_the_daemon_is_not_asked_from_inside(image: list[str], ada: Person) -> None:
    ada.write("data/secret.csv", "the marker of this test\n")
    host = subprocess.run(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"], capture_output=True, text=True, check=True).stdout.strip()
    asks = ["docker", "--host", os.environ.get("DOCKER_HOST", host), "run", *image, "--volume", f"{ada.root}:/p:ro", IMAGE, "cat", "/p/data/secret.csv"]
    plain = subprocess.run(asks, cwd=ada.root, env=ada.environ, capture_output=True, text=True, check=False, timeout=300)
    assert plain.stdout == "the marker of this test\n", plain.stderr
    done = ada.mlsc("exec", "--", *asks)
    assert done.returncode != 0
    assert "the marker" not in done.stdout
    assert "was refused to docker" in done.stderr
