"""ONNX: a graph of operators. It runs nothing by itself; weights in other files are opened by names that the model gives, custom domains need other code.

Field numbers: onnx.proto3. Rules kept: a place outside the model's own folder is a finding; a custom domain is one below `high`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jupyter_mlsc.formats.recognition import is_onnx
from jupyter_mlsc.scan import wire
from jupyter_mlsc.scan.archives import leads_out
from jupyter_mlsc.scan.finding import Finding, LimitReachedError
from jupyter_mlsc.scan.piece import Piece, Scanning
from jupyter_mlsc.scan.scanner import Scanner

_GRAPH, _OPSETS, _FUNCTIONS, _TRAINING = 7, 8, 25, 20
_NODE, _INITIALIZER, _SPARSE = 1, 5, 15
_OP_TYPE, _ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_A_TENSOR, _A_GRAPH, _A_TENSORS, _A_GRAPHS, _A_SPARSE, _A_SPARSES = 5, 6, 10, 11, 22, 23
_T_NAME, _T_EXTERNAL, _T_LOCATION = 8, 13, 14
_EXTERNAL = 1
_OWN_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training", "com.microsoft", "com.microsoft.nchwc"})
_RUNS_CODE = frozenset({"PyOp", "PythonOp", "PyCustomOp"})
_LARGEST = 2 << 30
"""Protobuf's own limit for one message."""


def _recognise(piece: Piece) -> bool:
    return is_onnx(piece.head, piece.rewound())


def _scan(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    if piece.size > _LARGEST:
        raise LimitReachedError("a message of more than 2 GiB")
    model = memoryview(piece.rewound().read())
    domains: dict[str, None] = {}
    tensors: list[memoryview] = []
    code: dict[str, None] = {}
    for number, kind, value in wire.fields(model):
        if kind != wire.LENGTH or not isinstance(value, memoryview):
            continue
        if number == _OPSETS:
            domains.setdefault(wire.text(value, 1))
        elif number == _GRAPH:
            _walk(value, domains, tensors, code, scanning)
        elif number == _FUNCTIONS:
            domains.setdefault(wire.text(value, 10))
            for node in wire.messages(value, 7):
                _node(node, domains, tensors, code, scanning, [])
        elif number == _TRAINING:
            for graph in (*wire.messages(value, 1), *wire.messages(value, 2)):
                _walk(graph, domains, tensors, code, scanning)
    yield from _told(piece, scanning, domains, tensors, code)


def _told(piece: Piece, scanning: Scanning, domains: dict[str, None], tensors: list[memoryview], code: dict[str, None]) -> Iterator[Finding]:
    for operator in code:
        yield scanning.found("onnx-code", piece, what=operator)
    for domain in domains:
        if domain not in _OWN_DOMAINS:
            yield scanning.found("onnx-domain", piece, what=domain)
    inside = 0
    for tensor in tensors:
        entries = [(wire.text(each, 1), wire.text(each, 2)) for each in wire.messages(tensor, _T_EXTERNAL)]
        places = [value for key, value in entries if key == "location"]
        if not places and not _says_external(tensor):
            continue
        for place in places or [""]:
            if leads_out(place) or not place:
                yield scanning.found("onnx-outside", piece, wire.text(tensor, _T_NAME), what=place or "no file")
            else:
                inside += 1
    if inside:
        yield scanning.found("onnx-external", piece, count=inside)


def _says_external(tensor: memoryview) -> bool:
    return any(number == _T_LOCATION and value == _EXTERNAL for number, kind, value in wire.fields(tensor) if kind == wire.VARINT)


def _walk(graph: memoryview, domains: dict[str, None], tensors: list[memoryview], code: dict[str, None], scanning: Scanning) -> None:
    waiting = [graph]
    while waiting:
        here = waiting.pop()
        scanning.spend_members()
        for number, kind, value in wire.fields(here):
            if kind != wire.LENGTH or not isinstance(value, memoryview):
                continue
            if number == _NODE:
                _node(value, domains, tensors, code, scanning, waiting)
            elif number == _INITIALIZER:
                _keep_external(value, tensors)
            elif number == _SPARSE:
                for tensor in (*wire.messages(value, 1), *wire.messages(value, 2)):
                    _keep_external(tensor, tensors)


def _keep_external(tensor: memoryview, tensors: list[memoryview]) -> None:
    if any(number in (_T_EXTERNAL, _T_LOCATION) for number, _, _ in wire.fields(tensor)):
        tensors.append(tensor)


def _node(node: memoryview, domains: dict[str, None], tensors: list[memoryview], code: dict[str, None], scanning: Scanning, graphs: list[memoryview]) -> None:
    domain, operator = wire.text(node, _NODE_DOMAIN), wire.text(node, _OP_TYPE)
    domains.setdefault(domain)
    if operator in _RUNS_CODE:
        code.setdefault(f"{domain}.{operator}")
    for attribute in wire.messages(node, _ATTRIBUTE):
        for number, kind, value in wire.fields(attribute):
            if kind != wire.LENGTH or not isinstance(value, memoryview):
                continue
            if number in (_A_TENSOR, _A_TENSORS):
                _keep_external(value, tensors)
            elif number in (_A_SPARSE, _A_SPARSES):
                for tensor in (*wire.messages(value, 1), *wire.messages(value, 2)):
                    _keep_external(tensor, tensors)
            elif number in (_A_GRAPH, _A_GRAPHS):
                graphs.append(value)


SCANNERS: tuple[Scanner, ...] = (Scanner("an ONNX model", _recognise, _scan, claims=(".onnx",)),)
