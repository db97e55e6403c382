"""Model folders: a real tiny transformer saved and loaded, and the ways in which a folder could bring code along."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from jupyter_mlsc.errors import FormatError
from jupyter_mlsc.formats import Source, for_saving, identify

NOTHING: frozenset[str] = frozenset()


@pytest.fixture(scope="module")
def model() -> Any:
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    return BertForSequenceClassification(
        BertConfig(vocab_size=11, hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4, max_position_embeddings=8)
    ).eval()


@pytest.fixture
def folder(tmp_path: Path, model: Any) -> Path:
    path = tmp_path / "bert"
    path.mkdir()
    for_saving("bert", folder=True).save(model, path)
    return path


def _load(folder: Path, *, lifted: bool = False) -> Any:
    found = identify("bert", folder).format
    assert found is not None
    return found.load(Source("bert", folder=folder), lifted=lifted, allow=NOTHING)


def test_a_model_comes_back_as_it_was(folder: Path, model: Any) -> None:
    assert (folder / "model.safetensors").exists()
    loaded = _load(folder)
    assert type(loaded) is type(model)
    words = torch.tensor([[1, 2, 3]])
    assert torch.equal(loaded(words).logits, model(words).logits)


def test_a_folder_with_code_of_its_own_is_refused(folder: Path, tmp_path: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "evil.Model"}
    config["architectures"] = ["Model"]
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nclass Model: pass\n")
    with pytest.raises(FormatError, match="auto_map"):
        _load(folder)
    assert not (tmp_path / "ran").exists()


def test_a_folder_of_pickled_weights_only_is_refused(folder: Path, model: Any) -> None:
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(FormatError, match=r"pytorch_model\.bin"):
        _load(folder)


def test_an_architecture_that_is_no_model_of_transformers_is_not_called(folder: Path, tmp_path: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    for named in ("pipeline", "AutoTokenizer", "Trainer", "os", "__builtins__"):
        (folder / "config.json").write_text(json.dumps(config | {"architectures": [named]}))
        assert type(_load(folder)).__name__ == "BertModel"


@pytest.mark.parametrize("broken", ["config", "config_list", "weights", "no_weights"])
def test_a_broken_folder_is_a_format_error(folder: Path, broken: str) -> None:
    if broken.startswith("config"):
        (folder / "config.json").write_text("{" if broken == "config" else "[]")
    elif broken == "weights":
        (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:200])
    else:
        (folder / "model.safetensors").unlink()
    with pytest.raises(FormatError, match="bert"):
        _load(folder)
