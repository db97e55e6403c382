"""TensorFlow SavedModel and frozen graphs: operators that read and write files, or call back into Python, are part of the graph and run with it.

Field numbers: saved_model.proto, meta_graph.proto, graph.proto, node_def.proto, function.proto. Keras's own metadata beside the graph are judged as a
Keras configuration is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from jupyter_mlsc.scan import wire
from jupyter_mlsc.scan.documents import json_of
from jupyter_mlsc.scan.finding import Finding, LimitReachedError, NotUnderstoodError
from jupyter_mlsc.scan.keras_configs import judged
from jupyter_mlsc.scan.piece import Piece, Scanning
from jupyter_mlsc.scan.scanner import Scanner

_LARGEST = 2 << 30
_OPERATOR = re.compile(r"[A-Za-z_>][A-Za-z0-9_.\\/>-]*")
_REACHES_OUT_NAMED = (
    "ReadFile WriteFile MatchingFiles PyFunc PyFuncStateless EagerPyFunc ShutdownDistributedTPU SaveV2 Save SaveSlices MergeV2Checkpoints "
    "WholeFileReader WholeFileReaderV2 TextLineReader TextLineReaderV2 FixedLengthRecordReader FixedLengthRecordReaderV2 TFRecordReader "
    "TFRecordReaderV2 TextLineDataset TFRecordDataset TFRecordDatasetV2 FixedLengthRecordDataset FixedLengthRecordDatasetV2 MatchingFilesDataset "
    "LMDBReader SqlDataset CSVDataset CSVDatasetV2 SaveDataset SaveDatasetV2 LoadDataset SnapshotDataset SnapshotDatasetV2 CacheDataset "
    "CacheDatasetV2 DebugIdentity DebugIdentityV2 DebugIdentityV3 WriteAudioSummary WriteGraphSummary CreateSummaryFileWriter "
    "CreateSummaryDbWriter RpcCall RpcClient RpcServer InitializeTableFromTextFile GcsConfigureBlockCache GcsConfigureCredentials Copy CopyHost"
)
_REACHES_OUT = frozenset(_REACHES_OUT_NAMED.split())
_SAVES_CHECKPOINTS = frozenset({"SaveV2", "MergeV2Checkpoints", "InitializeTableFromTextFile", "Save"})
"""In every SavedModel: its own functions to save and restore, which only run when they are called by name."""
_PRINTS = frozenset({"PrintV2"})
_HARMLESS_STREAMS = frozenset({"", "stderr", "stdout", "log(info)", "log(warning)", "log(error)"})


def _recognise(piece: Piece) -> bool:
    if piece.lowered in ("saved_model.pb", "keras_metadata.pb"):
        return True
    if not piece.lowered.endswith(".pb"):
        # A saved model under another name: its schema's version, then a graph that names its operators' tags.
        return piece.head.startswith(b"\x08\x01\x12") and b"serve" in piece.head and 0 <= piece.size <= _LARGEST and _is_saved_model(piece)
    return True


def _is_saved_model(piece: Piece) -> bool:
    return wire.is_message(memoryview(piece.rewound().read()), 100)


def _scan(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    if piece.size > _LARGEST:
        raise LimitReachedError("a message of more than 2 GiB")
    message = memoryview(piece.rewound().read())
    if piece.lowered == "keras_metadata.pb":
        yield from _keras(piece, scanning, message)
        return
    graphs = []
    for meta in wire.messages(message, 2):
        graphs += list(wire.messages(meta, 2)) if wire.is_message(meta) else []
    found = dict.fromkeys(_nodes(graphs or [message], scanning))
    if piece.lowered == "saved_model.pb" and not graphs:
        raise NotUnderstoodError("it holds no graph")
    for operator, stream in found:
        if operator in _PRINTS:
            if stream not in _HARMLESS_STREAMS:
                yield scanning.found("tensorflow-operator", piece, what=f"{operator} to {stream}")
        elif operator in _REACHES_OUT and operator not in _SAVES_CHECKPOINTS:
            yield scanning.found("tensorflow-operator", piece, what=operator)
        elif ">" in operator or "." in operator:
            yield scanning.found("tensorflow-custom", piece, what=operator)
    for meta in wire.messages(message, 2):
        yield from _objects(piece, scanning, meta)


def _nodes(graphs: list[memoryview], scanning: Scanning) -> Iterator[tuple[str, str]]:
    """The operators of graphs and of the functions in their libraries, with the stream that they print to."""
    for graph in graphs:
        bodies = [(graph, 1)]
        for library in wire.messages(graph, 2):
            bodies += [(function, 3) for function in wire.messages(library, 1)]
        for body, number in bodies:
            for node in wire.messages(body, number):
                scanning.spend_opcodes(1)
                operator = wire.text(node, 2)
                if not _OPERATOR.fullmatch(operator):
                    raise NotUnderstoodError("a node names no operator")
                yield operator, _output_stream(node) if operator in _PRINTS else ""


def _output_stream(node: memoryview) -> str:
    for entry in wire.messages(node, 5):
        if wire.text(entry, 1) == "output_stream":
            return "".join(wire.text(value, 2) for value in wire.messages(entry, 2))
    return ""


def _objects(piece: Piece, scanning: Scanning, meta: memoryview) -> Iterator[Finding]:
    """Keras layers that TensorFlow 2 describes in the graph of objects."""
    for objects in wire.messages(meta, 7):
        for node in wire.messages(objects, 1):
            for user in wire.messages(node, 4):
                described = wire.text(user, 3)
                if described.startswith("{") and '"class_name"' in described:
                    yield from judged(piece, scanning, json_of(_whole(user, 3)), wire.text(user, 1))


def _keras(piece: Piece, scanning: Scanning, message: memoryview) -> Iterator[Finding]:
    for node in wire.messages(message, 1):
        described = _whole(node, 5)
        if described:
            yield from judged(piece, scanning, json_of(described), wire.text(node, 3))


def _whole(message: memoryview, number: int) -> str:
    last = b""
    for value in wire.messages(message, number):
        last = bytes(value)
    return last.decode("utf-8", "replace")


SCANNERS: tuple[Scanner, ...] = (Scanner("a TensorFlow graph", _recognise, _scan),)
