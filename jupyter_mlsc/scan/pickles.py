"""Pickles: of every protocol, one after the other, with joblib's arrays between their opcodes, and with anything behind them.

Rules kept: bytes that are named like a pickle, or begin like one, are walked to their end or are a finding; any other bytes are tried as a pickle, since a
pickle needs no announcement, and count where they would call something or come to their end mark.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from jupyter_mlsc.formats.recognition import TORCH_MAGIC
from jupyter_mlsc.scan.finding import Finding, NotUnderstoodError
from jupyter_mlsc.scan.pickle_machine import PickleMachine, is_opcode
from jupyter_mlsc.scan.piece import Piece, Scanning
from jupyter_mlsc.scan.scanner import Scanner

SUFFIXES = (".pkl", ".pickle", ".pck", ".pcl", ".joblib", ".dill", ".cloudpickle")
_ANNOUNCED = re.compile(rb"\x80[\x00-\x05].", re.DOTALL)
_MOST_PICKLES = 100_000


def _announced(piece: Piece) -> bool:
    return _ANNOUNCED.match(piece.head) is not None and is_opcode(piece.head[2])


def _recognise(piece: Piece) -> bool:
    return _announced(piece) or TORCH_MAGIC.match(piece.head) is not None or (piece.lowered.endswith(SUFFIXES) and not is_packed(piece.head))


def _may_be(piece: Piece) -> bool:
    return bool(piece.head) and is_opcode(piece.head[0]) and not _recognise(piece)


def _scan(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    announced, claimed = _announced(piece), piece.lowered.endswith(SUFFIXES) and not is_packed(piece.head)
    tentative = not _recognise(piece)
    machine = PickleMachine(piece.stream, scanning.allow, piece.size, scanning.torchscript, tentative, scanning.spend_opcodes)
    fault = _walk(machine)
    # Other bytes can look like opcodes for a while: they count where they name something and then call it, or come to their end.
    if not tentative or (machine.named and (machine.finished or machine.calls_suspected)):
        for each in machine.suspicions.values():
            yield scanning.found(each.code, piece, "" if each.offset is None else f"offset {each.offset}", **dict(each.facts))
    if fault is not None and not machine.finished and (claimed or (announced and machine.globals_seen)):
        raise fault


def is_packed(head: bytes) -> bool:
    """Whether the bytes are a compressed layer or an archive: another scanner looks inside."""
    from jupyter_mlsc.formats import compression

    return compression.layer(head) is not None or head.startswith((b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c", b"ZF")) or head[257:262] == b"ustar"


def _walk(machine: PickleMachine) -> NotUnderstoodError | None:
    """Walk pickle after pickle; what ended the walk before the stream did, or None. What lies behind the last one is nothing that an unpickler reads."""
    for _ in range(_MOST_PICKLES):
        try:
            machine.walk()
        except NotUnderstoodError as err:
            return err
    return None


SCANNERS: tuple[Scanner, ...] = (
    Scanner("a pickle", _recognise, _scan, claims=SUFFIXES, streams=True),
    Scanner("perhaps a pickle", _may_be, _scan, streams=True, tries=True),
)
