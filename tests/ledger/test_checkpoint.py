"""Signed notes and checkpoints against published vectors, and everything that is nearly one."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jupyter_mlsc.errors import LedgerError, LedgerTamperedError
from jupyter_mlsc.ledger.checkpoint import (
    LogKey,
    Verifier,
    is_key_name,
    open_checkpoint,
    open_note,
    read_proof,
    read_unverified,
    sign_checkpoint,
    sign_note,
    write_proof,
)

VECTOR = json.loads((Path(__file__).parents[1] / "vectors" / "checkpoint" / "signed_note.json").read_text())
PETER = Verifier.parse(VECTOR["vkey"])
TEXT, LINE, OTHER = VECTOR["text"], VECTOR["signature_line"], VECTOR["other_signature_line"]
NOTE = TEXT + "\n" + LINE


def published_key() -> LogKey:
    seed = base64.b64decode(VECTOR["seed_with_type"])[1:]
    return LogKey.from_private(VECTOR["name"], Ed25519PrivateKey.from_private_bytes(seed))


def test_the_published_note_is_what_we_sign() -> None:
    key = published_key()
    assert key.verifier.vkey == VECTOR["vkey"]
    assert sign_note(TEXT, key, key.verifier.key_id) == NOTE


def test_the_published_note_opens() -> None:
    assert open_note(NOTE, PETER) == TEXT
    assert open_note(NOTE + OTHER, PETER) == TEXT
    assert open_note(TEXT + "\n" + OTHER + LINE, Verifier.parse(VECTOR["other_vkey"])) == TEXT


@pytest.mark.parametrize(
    "note",
    [
        TEXT,
        TEXT + "\n",
        TEXT + "\n" + LINE[:-1],
        "\x01" + NOTE,
        "\t" + NOTE,
        NOTE.replace("\n", "\r\n"),
        TEXT + "\n" + LINE.replace("PeterNeumann", "Bad Name"),
        TEXT + "\n" + LINE.replace("PeterNeumann", "Bad+Name"),
        NOTE + "Unexpected line.\n",
        NOTE + "\n",
        TEXT + "\n" + LINE.replace("\N{EM DASH}", "-"),
        TEXT + "\n" + LINE.replace("=\n", "\n"),
        TEXT + "\n" + LINE.replace("AM=", "AN="),
        TEXT + "\n" + LINE[:60] + "ABCD" + LINE[60:],
        TEXT + "\n" + OTHER,
        TEXT + "\n" + LINE * 65,
        NOTE.replace("answer", "Answer"),
        TEXT + "\n" + LINE + LINE.replace("RyyBwJ", "RyyCwJ"),
        "\n" + LINE,
        "",
    ],
)
def test_what_is_nearly_the_published_note_is_refused(note: str) -> None:
    with pytest.raises(LedgerTamperedError):
        open_note(note, PETER)


def test_sixteen_signatures_are_read() -> None:
    assert open_note(TEXT + "\n" + OTHER * 15 + LINE, PETER) == TEXT


def test_no_part_and_no_neighbour_of_a_verification_key_is_one() -> None:
    vkey = VECTOR["vkey"]
    mangled = {vkey[:end] for end in range(len(vkey))} | {vkey[begin:] for begin in range(1, len(vkey))}
    mangled |= {vkey[:place] + chr(ord(vkey[place]) + 1) + vkey[place + 1 :] for place in range(len(vkey))}
    for text in [*mangled, *VECTOR["refused_vkeys"], vkey.replace("c74f", "C74F"), vkey + "\n"]:
        with pytest.raises(LedgerError):
            Verifier.parse(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b", "a\x00"])
def test_names_that_a_note_cannot_carry_are_refused(name: str) -> None:
    assert not is_key_name(name)
    with pytest.raises(LedgerError):
        Verifier.of(name, PETER.public)


@pytest.fixture
def log_key(key: Ed25519PrivateKey) -> LogKey:
    return LogKey.from_private("mlsc.local/origin", key)


def signed(log_key: LogKey, text: str) -> str:
    return sign_note(text, log_key, log_key.verifier.key_id)


def test_a_checkpoint_says_origin_size_and_root(log_key: LogKey) -> None:
    made = sign_checkpoint(log_key, log_key.verifier.key_id, 20852163, bytes(32))
    assert made.note.startswith("mlsc.local/origin\n20852163\n" + "A" * 43 + "=\n\n\N{EM DASH} mlsc.local/origin ")
    assert open_checkpoint(made.note, log_key.verifier) == made


ROOT = "A" * 43 + "="


@pytest.mark.parametrize(
    "text",
    [
        "mlsc.local/origin\n1\n",
        f"mlsc.local/origin\n01\n{ROOT}\n",
        f"mlsc.local/origin\n-1\n{ROOT}\n",
        f"mlsc.local/origin\n+1\n{ROOT}\n",
        f"mlsc.local/origin\n1_0\n{ROOT}\n",
        f"mlsc.local/origin\n\u0661\n{ROOT}\n",
        f"mlsc.local/origin\n{'9' * 30}\n{ROOT}\n",
        f"mlsc.local/origin\n1\n{ROOT[:-1]}\n",
        "mlsc.local/origin\n1\nAAAA\n",
        f"mlsc.local/origin\n1\n{'A' * 42}B=\n",
        f"mlsc.local/origin\n1\n{ROOT}\n\nextension\n",
        f"\n1\n{ROOT}\n",
        f"mlsc.local/another\n1\n{ROOT}\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint_of_this_log_is_refused(log_key: LogKey, text: str) -> None:
    with pytest.raises(LedgerTamperedError):
        open_checkpoint(signed(log_key, text), log_key.verifier)


def test_extension_lines_are_kept_and_signed(log_key: LogKey) -> None:
    note = signed(log_key, f"mlsc.local/origin\n1\n{ROOT}\nextension\n")
    assert open_checkpoint(note, log_key.verifier).extensions == ("extension",)
    with pytest.raises(LedgerTamperedError):
        open_checkpoint(note.replace("extension", "Extension"), log_key.verifier)


def test_another_key_of_the_same_name_is_not_the_logs(log_key: LogKey) -> None:
    impostor = LogKey.from_private(log_key.name, Ed25519PrivateKey.generate())
    note = sign_checkpoint(impostor, log_key.verifier.key_id, 3, bytes(32)).note
    with pytest.raises(LedgerTamperedError, match="is wrong"):
        open_checkpoint(note, log_key.verifier)
    note = sign_checkpoint(impostor, impostor.verifier.key_id, 3, bytes(32)).note
    with pytest.raises(LedgerTamperedError, match="is not signed by"):
        open_checkpoint(note, log_key.verifier)


def test_the_specifications_own_checkpoint_is_read() -> None:
    note = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    )
    checkpoint = read_unverified(note)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)


def test_a_proof_file_is_read_as_it_was_written(log_key: LogKey) -> None:
    note = sign_checkpoint(log_key, log_key.verifier.key_id, 5, bytes(32)).note
    for proof in ((), (b"a" * 32, b"b" * 32)):
        for extra in (None, b"", b"more"):
            text = write_proof(3, proof, note, extra)
            parsed = read_proof(text)
            assert (parsed.index, parsed.proof, parsed.note, parsed.extra) == (3, proof, note, extra)
    assert write_proof(3, (bytes(32),), note) == f"c2sp.org/tlog-proof@v1\nindex 3\n{ROOT}\n\n{note}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v2\nindex 3\n\nnote",
        "c2sp.org/tlog-proof@v1\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex 03\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex 3\nAAAA\n\nnote",
        "c2sp.org/tlog-proof@v1\nextra !\nindex 3\n\nnote",
        f"c2sp.org/tlog-proof@v1\nindex 3\n{ROOT}\n",
    ],
)
def test_what_is_no_proof_file_is_refused(text: str) -> None:
    with pytest.raises(LedgerError):
        read_proof(text)
