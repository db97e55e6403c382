"""Libraries that keep models, and the data that they train on, in files that native code opens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jupyter_mlsc.kernel.adapters.row import Arguments, Paths, Row, argument, attribute, paths_of, together, value_of


def _without_options(position: int, keyword: str) -> Paths:
    """The path in a text such as ``train.svm?format=libsvm#cache``."""

    def find(instance: Any, arguments: Arguments) -> Iterator[str]:
        for text in paths_of(value_of(arguments, position, keyword)):
            yield text.partition("#")[0].partition("?")[0]

    return find


def _without_scheme(position: int, keyword: str) -> Paths:
    """The path in a text such as ``quantized://train.bin``."""

    def find(instance: Any, arguments: Arguments) -> Iterator[str]:
        for text in paths_of(value_of(arguments, position, keyword)):
            yield text.partition("://")[2] or text

    return find


def _optimized_model(instance: Any, arguments: Arguments) -> Iterator[str]:
    yield from paths_of(getattr(value_of(arguments, 1, "sess_options"), "optimized_model_filepath", None))


_WRITES_FOLDER = argument(0, "save_directory")

ROWS: tuple[Row, ...] = (
    Row("torch", "save", writes=argument(1, "f")),
    Row("torch", "from_file", reads=argument(0, "filename")),
    Row("torch.jit", "load", reads=argument(0, "f")),
    Row("torch.jit", "save", writes=argument(1, "f")),
    Row("torch.jit", "RecursiveScriptModule.save", writes=argument(0, "f")),
    Row("torch.export", "load", reads=argument(0, "f")),
    Row("torch.export", "save", writes=argument(1, "f")),
    Row("safetensors", "safe_open", reads=argument(0, "filename")),
    Row("safetensors", "serialize_file", writes=argument(1, "filename")),
    Row("tokenizers", "Tokenizer.from_file", reads=argument(0, "path")),
    Row("tokenizers", "Tokenizer.save", writes=argument(0, "path")),
    # A folder that is read or written as one: every from_pretrained asks here for its files.
    Row("transformers.utils.hub", "cached_files", reads=argument(0, "path_or_repo_id")),
    Row("transformers.modeling_utils", "PreTrainedModel.save_pretrained", writes=_WRITES_FOLDER),
    Row("transformers.tokenization_utils_base", "PreTrainedTokenizerBase.save_pretrained", writes=_WRITES_FOLDER),
    Row("transformers.configuration_utils", "PreTrainedConfig.save_pretrained", writes=_WRITES_FOLDER),
    Row("transformers.processing_utils", "ProcessorMixin.save_pretrained", writes=_WRITES_FOLDER),
    # Seen by the audit hook too, but zipfile takes the refusal for 'this is no zip archive'.
    Row("keras.saving", "load_model", reads=argument(0, "filepath")),
    Row("xgboost", "Booster.load_model", reads=argument(0, "fname")),
    Row("xgboost", "Booster.save_model", writes=argument(0, "fname")),
    Row("xgboost", "DMatrix.__init__", reads=_without_options(0, "data")),
    Row("xgboost", "DMatrix.save_binary", writes=argument(0, "fname")),
    # Its Python code opens the model too, but only after the native code has read it.
    Row("lightgbm", "Booster.__init__", reads=argument(2, "model_file")),
    Row("lightgbm", "Booster.save_model", writes=argument(0, "filename")),
    Row("lightgbm", "Dataset.__init__", reads=argument(0, "data")),
    Row("lightgbm", "Dataset.construct", reads=attribute("data")),
    Row("lightgbm", "Dataset.save_binary", writes=argument(0, "filename")),
    Row("catboost", "CatBoost.load_model", reads=argument(0, "fname")),
    Row("catboost", "CatBoost.save_model", writes=argument(0, "fname")),
    Row("catboost", "Pool.__init__", reads=together(_without_scheme(0, "data"), _without_scheme(6, "column_description"))),
    Row("catboost", "Pool.save", writes=argument(0, "fname")),
    Row("onnx.checker", "check_model", reads=argument(0, "model")),
    Row("onnx.shape_inference", "infer_shapes_path", reads=argument(0, "model_path"), writes=argument(1, "output_path")),
    Row("onnxruntime", "InferenceSession.__init__", reads=argument(0, "path_or_bytes"), writes=_optimized_model),
)
