"""Tensors: safetensors, which is inert, and torch's own files, which are pickles and so are loaded from private bytes under the allowlist."""

from __future__ import annotations

import inspect
import io
import struct
from pathlib import Path
from typing import Any

from jupyter_mlsc.errors import FormatError
from jupyter_mlsc.formats.format import Format, Opened, Source, Target, writable
from jupyter_mlsc.formats.libraries import library, reading, unsuitable, writing
from jupyter_mlsc.formats.recognition import TORCH_MAGIC, is_torch_zip, is_zip

_NUMPY_TYPES = frozenset({"BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64", "F16", "F32", "F64", "C64"})
LONGEST_HEADER = 100_000_000
"""What the safetensors library itself accepts for its JSON header, in bytes."""


def _recognise_safetensors(head: bytes, opened: Opened) -> bool:
    if len(head) < 10 or head[8:9] != b"{":
        return False
    length: int = struct.unpack("<Q", head[:8])[0]
    return 2 <= length <= LONGEST_HEADER and head[8:].lstrip(b"{ \n").startswith((b'"', b"}"))


def _load_safetensors(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    """A dict of names to numpy arrays; to torch tensors where the file has types that numpy lacks (bfloat16, float8)."""
    library("numpy", f"loading {source.name}")
    library("safetensors", f"loading {source.name}")
    with reading(source.name, "safetensors file"):
        header = _header(source)
        kind = "safetensors.numpy" if all(entry["dtype"] in _NUMPY_TYPES for entry in header.values()) else "safetensors.torch"
        loaded = _read(library(kind, f"loading {source.name}"), source)
        # In the order of their bytes, as `load_file` gives them.
        return {name: loaded[name] for name in sorted(header, key=lambda name: header[name]["data_offsets"])}


def _header(source: Source) -> dict[str, Any]:
    """The tensors that a file names, with their types and offsets."""
    import json

    stream = source.stream()
    length: int = struct.unpack("<Q", stream.read(8))[0]
    header = json.loads(stream.read(min(length, LONGEST_HEADER)))
    stream.seek(0)
    return {name: entry for name, entry in header.items() if name != "__metadata__"}


def _read(module: Any, source: Source) -> Any:
    path = source.descriptor_path()
    if path is not None and "backend" in inspect.signature(module.load_file).parameters:
        # Not mapped, as the library would do by itself: what is mapped changes when the file does, after the check.
        return module.load_file(path, backend="pread")
    return module.load(bytes(source.view()))


def _save_safetensors(obj: object, target: Target) -> None:
    numpy = library("numpy", "saving a safetensors file")
    library("safetensors", "saving a safetensors file")
    instead = "save a model's state_dict(), or a dict of names to numpy arrays; other objects as .joblib or .pt"
    if not isinstance(obj, dict) or not all(isinstance(name, str) for name in obj):
        raise unsuitable(obj, "a safetensors file", "a dict of names to arrays or tensors", instead)
    with writing("a safetensors file", instead):
        if all(isinstance(array, numpy.ndarray) for array in obj.values()):
            data = library("safetensors.numpy", "saving a safetensors file").save({name: numpy.ascontiguousarray(array) for name, array in obj.items()})
        else:
            torch = library("torch", "saving tensors")
            for array in obj.values():
                if not isinstance(array, torch.Tensor):
                    raise unsuitable(array, "a safetensors file", "a dict of names to arrays or tensors", instead)
            data = library("safetensors.torch", "saving tensors").save({name: tensor.contiguous() for name, tensor in obj.items()})
        writable(target).write(data)


def _recognise_torch(head: bytes, opened: Opened) -> bool:
    return is_torch_zip(head, opened) or TORCH_MAGIC.match(head) is not None or _is_torch_tar(head, opened)


def _is_torch_tar(head: bytes, opened: Opened) -> bool:
    """What torch wrote before 0.1.10: a tar archive of three files."""
    if head[257:262] != b"ustar" or isinstance(opened, Path):
        return False
    import tarfile

    opened.seek(0)
    try:
        with tarfile.open(fileobj=opened, mode="r:") as archive:
            return {"storages", "tensors", "pickle"} <= set(archive.getnames())
    except (tarfile.TarError, OSError, ValueError):
        return False


def _load_torch(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    """What ``torch.load(path, weights_only=False)`` gives. TorchScript archives and the oldest (tar) files load only where the allowlist is lifted."""
    torch = library("torch", f"loading {source.name}")
    from jupyter_mlsc.formats.strict_unpickler import StrictPickle
    from jupyter_mlsc.formats.unpickling import unpickling

    with reading(source.name, "torch file"):
        stream = source.private().stream()
        if not lifted:
            _refuse_what_no_list_can_judge(torch, source, stream)
        # torch's own default (weights_only) has a list too, but two lists would mean two answers.
        options: dict[str, Any] = {} if lifted else {"pickle_module": StrictPickle}
        # The tensors of a sealed copy are mapped: copying them once more would double the memory and the time.
        path = source.descriptor_path() if source.sealed is not None and _is_plain_zip(torch, stream) else None
        stream.seek(0)
        with unpickling(source.name, lifted=lifted, allow=allow):
            if path is not None:
                return torch.load(path, weights_only=False, mmap=True, **options)
            return torch.load(stream, weights_only=False, **options)


def _is_plain_zip(torch: Any, stream: Any) -> bool:
    """Whether this is what torch.save writes since 1.6, in which every tensor lies uncompressed; a TorchScript archive is not."""
    stream.seek(0)
    if not is_zip(stream.read(4)):
        return False
    stream.seek(0)
    return "constants.pkl" not in torch._C.PyTorchFileReader(stream).get_all_records()


def _refuse_what_no_list_can_judge(torch: Any, source: Source, stream: Any) -> None:
    ask = f"ask a person whom the policy trusts to inspect it and run: mlsc sign {source.name}"
    head = stream.read(4096)
    stream.seek(0)
    if is_zip(head):
        # torch's own reader, since another one could see other members in the same bytes.
        if "constants.pkl" in torch._C.PyTorchFileReader(stream).get_all_records():
            raise FormatError(f"{source.name} was not loaded: it is a TorchScript archive, whose code would come with it", next_step=ask)
        return
    import tarfile

    if tarfile.is_tarfile(stream):
        raise FormatError(f"{source.name} was not loaded: it is a torch file from before 0.1.10, which unpacks itself to disk", next_step=ask)


def _save_torch(obj: object, target: Target) -> None:
    torch = library("torch", "saving a torch file")
    with writing("a torch file", "save the model's state_dict() instead of the model, as .pt or .safetensors"):
        # torch writes through its own zip writer, which must not see a partial write fail halfway.
        buffer = io.BytesIO()
        torch.save(obj, buffer)
        writable(target).write(buffer.getbuffer())


FORMATS: tuple[Format, ...] = (
    Format(
        name="safetensors",
        families=frozenset({"safetensors"}),
        suffixes=(".safetensors",),
        runs_code=False,
        extra="models",
        recognise=_recognise_safetensors,
        load=_load_safetensors,
        save=_save_safetensors,
        library="safetensors, numpy (torch for bfloat16 and float8)",
        recognised_by="8 bytes of length, then `{`",
    ),
    Format(
        name="torch",
        families=frozenset({"torch", "pickle"}),
        suffixes=(".pt", ".pth"),
        runs_code=True,
        extra="torch",
        recognise=_recognise_torch,
        load=_load_torch,
        save=_save_torch,
        library="torch",
        recognised_by="zip with `data.pkl`, the legacy magic number, or the tar of before 0.1.10",
    ),
)
