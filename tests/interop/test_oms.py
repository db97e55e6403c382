"""Signatures cross over: what we sign passes the `model_signing` command, what it signs passes ours, and neither takes a change.

The command is looked for in the folder that MLSC_INTEROP_BIN names, else in .venv-interop/bin; without it these tests are skipped.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path

import pytest

from jupyter_mlsc.attestation import open_envelope
from jupyter_mlsc.digests import measure
from jupyter_mlsc.errors import AttestationError
from jupyter_mlsc.export.oms import oms_bundle, oms_manifest, read_oms_bundle
from jupyter_mlsc.keys.pkcs8 import plain_pem
from jupyter_mlsc.keys.signer import LocalSigner, generate

COMMAND = Path(os.environ.get("MLSC_INTEROP_BIN") or Path(__file__).parents[2] / ".venv-interop" / "bin") / "model_signing"

pytestmark = pytest.mark.skipif(not COMMAND.exists(), reason=f"no model_signing command at {COMMAND}: install it there or set MLSC_INTEROP_BIN")

ODD_NAMES = (
    "with space.bin",
    "ünïcode-é.bin",
    "e\u0301.bin",
    "percent%20.bin",
    "-dash",
    "quote'\".txt",
    "back\\slash",
    "a/x.bin",
    "a-b/x.bin",
    "Z/deep/er/f",
    ".hidden",
    "😀",
)


class Pair:
    """A key in both tools' hands, and an artifact to sign."""

    def __init__(self, folder: Path, algorithm: str) -> None:
        key = generate(algorithm)
        self.signer = LocalSigner(key)
        self.private, self.public, self.signature = folder / "private.pem", folder / "public.pem", folder / "out.sig"
        self.private.write_bytes(plain_pem(key).reveal())
        self.public.write_text(self.signer.public.pem())

    def they_accept(self, artifact: Path) -> bool:
        arguments = map(str, ("verify", "key", artifact, "--signature", self.signature, "--public_key", self.public))
        result = subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=False)
        return result.returncode == 0 and "Verification succeeded" in result.stdout + result.stderr

    def they_sign(self, artifact: Path) -> None:
        subprocess.run([COMMAND, "sign", "key", artifact, "--signature", self.signature, "--private_key", self.private], capture_output=True, check=True)

    def we_accept(self, artifact: Path) -> bool:
        try:
            bundle = read_oms_bundle(self.signature.read_bytes())
            opened = open_envelope(bundle.envelope, {self.signer.public.key_id: self.signer.public})
        except AttestationError:
            return False
        return bool(opened.verified) and oms_manifest(opened.statement).compare(measure(artifact), artifact.name).same

    def we_sign(self, artifact: Path) -> None:
        self.signature.write_bytes(oms_bundle(measure(artifact), artifact.name, self.signer))


def make_file(folder: Path) -> Path:
    path = folder / "model.bin"
    path.write_bytes(b"weights")
    return path


def make_tree(folder: Path) -> Path:
    root = folder / "model"
    for name in ODD_NAMES:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (root / ".gitattributes").write_text("ignored by both")
    (root / "empty").touch()
    return root


def a_file_of(artifact: Path) -> Path:
    return artifact if artifact.is_file() else artifact / "a/x.bin"


@pytest.fixture(params=[make_file, make_tree], ids=["file", "tree"])
def artifact(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made: Path = request.param(tmp_path)
    return made


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521"])
def test_what_we_sign_they_accept_until_it_changes(algorithm: str, artifact: Path, tmp_path: Path) -> None:
    pair = Pair(tmp_path, algorithm)
    pair.we_sign(artifact)
    assert pair.they_accept(artifact)
    a_file_of(artifact).write_bytes(b"changed")
    assert not pair.they_accept(artifact)


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521"])
def test_what_they_sign_we_accept_until_it_changes(algorithm: str, artifact: Path, tmp_path: Path) -> None:
    pair = Pair(tmp_path, algorithm)
    pair.they_sign(artifact)
    assert pair.we_accept(artifact)
    a_file_of(artifact).write_bytes(b"changed")
    assert not pair.we_accept(artifact)


def test_a_file_that_is_added_taken_away_or_renamed_is_refused_by_both(tmp_path: Path) -> None:
    root, pair = make_tree(tmp_path), Pair(tmp_path, "ecdsa-p256")
    pair.we_sign(root)
    accepted = []

    def ask() -> None:
        accepted.append((pair.we_accept(root), pair.they_accept(root)))

    ask()
    (root / "added").write_text("")
    ask()
    (root / "added").unlink()
    (root / "-dash").rename(root / "-dush")
    ask()
    (root / "-dush").unlink()
    ask()
    assert accepted == [(True, True), (False, False), (False, False), (False, False)]


def test_a_bundle_that_was_changed_is_refused_by_both(tmp_path: Path) -> None:
    path, pair = make_file(tmp_path), Pair(tmp_path, "ecdsa-p256")
    (tmp_path / "elsewhere").mkdir()
    stranger = Pair(tmp_path / "elsewhere", "ecdsa-p256")
    pair.we_sign(path)
    stranger.we_sign(path)
    good = json.loads(pair.signature.read_bytes())
    ours, theirs = good["dsseEnvelope"], json.loads(stranger.signature.read_bytes())["dsseEnvelope"]
    payload = base64.b64encode(base64.b64decode(ours["payload"]).replace(b'"name":"model.bin"', b'"name":"other.bin"')).decode()
    assert payload != ours["payload"]
    for envelope in ({**ours, "payload": payload}, {**ours, "signatures": theirs["signatures"]}, {**ours, "payloadType": "text/plain"}, theirs):
        pair.signature.write_text(json.dumps({**good, "dsseEnvelope": envelope}))
        assert (pair.we_accept(path), pair.they_accept(path)) == (False, False)
