"""ONNX models: one protobuf message that becomes an ``onnx.ModelProto``. Nothing is run: a session that runs it is made by who asked for it.

Rules: weights that lie in other files (external data) are refused, since those files were not checked; ``onnx`` itself would open them by names
that the model gives. Recognition walks the outermost fields of the message (protobuf's wire format) and nothing below them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jupyter_mlsc.errors import FormatError
from jupyter_mlsc.formats.format import Format, Source, Target, writable
from jupyter_mlsc.formats.libraries import library, reading, unsuitable, writing
from jupyter_mlsc.formats.recognition import is_onnx

_SINCE_OPSETS = 3
"""The version of the format since which ``opset_import``, which is written last, must be there."""
_EXTERNAL = 1
"""``TensorProto.DataLocation.EXTERNAL``."""


def _load(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    """What ``onnx.load(path)`` gives for a model in one file."""
    onnx = library("onnx", f"loading {source.name}")
    decoding = library("google.protobuf.message", f"loading {source.name}").DecodeError
    with reading(source.name, "ONNX model", decoding):
        model = onnx.load_model_from_string(bytes(source.view()))
        if not model.HasField("ir_version") or not model.HasField("graph"):
            raise ValueError("it holds no graph")
        if model.ir_version >= _SINCE_OPSETS and not model.opset_import:
            raise ValueError("it does not say which operators it uses, so it is cut off")
        outside = next((tensor for tensor in _tensors(model) if _is_external(tensor)), None)
        if outside is not None:
            place = next((entry.value for entry in outside.external_data if entry.key == "location"), "another file")
            raise FormatError(
                f"{source.name} was not loaded: the weights of {outside.name or 'a tensor'} lie in {place!r}, which was not checked with it",
                next_step="save the model as one file: onnx.save(model, path, save_as_external_data=False)",
            )
        return model


def _tensors(message: Any) -> Iterator[Any]:
    """Every tensor of a model: initializers, attributes, sub-graphs, functions and training parts."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        if part.DESCRIPTOR.full_name == "onnx.TensorProto":
            yield part
            continue
        for field, value in part.ListFields():
            if field.message_type is not None:
                waiting += value if hasattr(value, "append") else [value]


def _is_external(tensor: Any) -> bool:
    return tensor.data_location == _EXTERNAL or len(tensor.external_data) > 0


def _save(obj: object, target: Target) -> None:
    onnx = library("onnx", "saving an ONNX model")
    instead = "export the model first (torch.onnx.export, skl2onnx), or save it as .safetensors or .joblib"
    if not isinstance(obj, onnx.ModelProto):
        raise unsuitable(obj, "an ONNX model", "an onnx.ModelProto", instead)
    if any(_is_external(tensor) for tensor in _tensors(obj)):
        step = "load them into the model first: onnx.external_data_helper.load_external_data_for_model"
        raise FormatError("this model cannot be saved as one file: some of its weights lie in other files", next_step=step)
    encoding = library("google.protobuf.message", "saving an ONNX model").EncodeError
    with writing("an ONNX model", "a model of 2 GiB and more does not fit into one protobuf message: save its weights as .safetensors", encoding):
        data = obj.SerializeToString(deterministic=True)
    writable(target).write(data)


FORMATS: tuple[Format, ...] = (
    Format(
        name="onnx",
        families=frozenset({"onnx"}),
        suffixes=(".onnx",),
        runs_code=False,
        extra="onnx",
        recognise=is_onnx,
        load=_load,
        save=_save,
        library="onnx",
        recognised_by="a protobuf message with the fields of `ModelProto`",
    ),
)
