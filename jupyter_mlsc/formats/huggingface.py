"""Model folders as Hugging Face lays them out: ``config.json`` and safetensors weights, loaded with transformers and never with code of their own.

Rules: nothing is fetched, nothing of the folder is imported (``trust_remote_code`` is false), weights come from safetensors only. A folder that
needs its own code (``auto_map``), or has only pickled weights, loads where a person's signature lifts that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_mlsc.errors import FormatError
from jupyter_mlsc.formats.format import Format, Opened, Source, Target
from jupyter_mlsc.formats.libraries import library, reading, unsuitable, writing


def _recognise(head: bytes, opened: Opened) -> bool:
    return isinstance(opened, Path) and (opened / "config.json").is_file()


def _load(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    folder = source.folder
    if folder is None:
        raise FormatError(f"{source.name} is a file, not a model folder", next_step="name the folder that holds config.json")
    transformers = library("transformers", f"loading {source.name}")
    library("torch", f"loading {source.name}")
    with reading(source.name, "Hugging Face model folder"):
        import json

        config = json.loads((folder / "config.json").read_bytes())
        if not isinstance(config, dict):
            raise TypeError("its config.json is no JSON object")
        _refuse_code(source.name, folder, config, lifted=lifted)
        kind = _model_class(transformers, config)
        return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=lifted, use_safetensors=None if lifted else True)


def _refuse_code(name: str, folder: Path, config: dict[str, Any], *, lifted: bool) -> None:
    if lifted:
        return
    ask = f"ask a person whom the policy trusts to inspect it and run: mlsc sign {name}"
    if "auto_map" in config:
        raise FormatError(f"{name} was not loaded: its config.json asks for Python code of its own (auto_map)", next_step=ask)
    if not any(folder.glob("*.safetensors")):
        pickled = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in folder.glob(pattern))
        if pickled:
            raise FormatError(f"{name} was not loaded: its weights are pickled ({pickled[0]}), and there are no safetensors", next_step=ask)
        raise FormatError(f"{name} has no weights: there is no .safetensors file in it", next_step="restore the folder from where it came from")


def _model_class(transformers: Any, config: dict[str, Any]) -> Any:
    """The class that the folder's ``architectures`` names, if it is one of transformers' own models; else AutoModel."""
    named = config.get("architectures") or []
    kind = getattr(transformers, named[0], None) if len(named) == 1 and isinstance(named[0], str) else None
    own = isinstance(kind, type) and issubclass(kind, transformers.PreTrainedModel) and kind.__module__.startswith("transformers.models.")
    return kind if own else transformers.AutoModel


def _save(obj: object, target: Target) -> None:
    transformers = library("transformers", "saving a model folder")
    if not isinstance(target, Path):
        raise FormatError("a Hugging Face model is saved as a folder", next_step="give the name of a folder, or save its state_dict() as .safetensors")
    if not isinstance(obj, transformers.PreTrainedModel):
        raise unsuitable(obj, "a model folder", "a transformers model", "save a torch model's state_dict() as .safetensors, a scikit-learn model as .joblib")
    with writing("a model folder", "save its state_dict() as .safetensors"):
        obj.save_pretrained(target, safe_serialization=True)


FORMATS: tuple[Format, ...] = (
    Format(
        name="huggingface",
        families=frozenset({"huggingface"}),
        suffixes=(),
        runs_code=True,
        extra="transformers",
        recognise=_recognise,
        load=_load,
        save=_save,
        library="transformers, torch",
        recognised_by="a folder with `config.json`",
        folder=True,
    ),
)
