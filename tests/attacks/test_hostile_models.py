"""A model file that would run code: refused unless a person whom the policy trusts stands for exactly these bytes, in every mode."""

from __future__ import annotations

import io
import pickle
import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from jupyter_mlsc.errors import BlockedArtifactError, DeniedGlobalError, FormatError
from tests.attacks.forgery import accept, assert_refused, codes, plant, provenance, run_key, stranger, vouch, vouching_key
from tests.attacks.payload import Payload
from tests.conftest import Person


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """What a payload makes when it runs."""
    return tmp_path / "ran"


def test_a_hostile_pickle_saved_by_a_run_is_refused_when_it_is_loaded_again(ada: Person, marker: Path) -> None:
    """By the same run, to which it is its own output, and by the next, to which it is a verified build."""
    run = ada.new_run()
    ada.save(Payload(marker), "models/m.pkl", run)
    assert ada.verify("models/m.pkl").verified
    for again in (run, ada.new_run()):
        with pytest.raises(DeniedGlobalError):
            ada.load("models/m.pkl", again)
    assert not marker.exists()
    ada.save(pd.DataFrame({"x": [1]}), "models/honest.pkl", run)
    assert list(ada.load("models/honest.pkl").x) == [1]


@pytest.mark.parametrize("mode", ["enforce", "warn", "observe"])
@pytest.mark.parametrize("path", ["models/m.pkl", "models/m.joblib", "data/d.pickle", "m.pkl"])
def test_a_hostile_pickle_that_nobody_signed_runs_in_no_mode(ada: Person, marker: Path, mode: str, path: str) -> None:
    if mode != "enforce":
        accept(ada, change=lambda text: text.replace('mode = "enforce"', f'mode = "{mode}"'))
    ada.write(path, pickle.dumps(Payload(marker)))
    with pytest.raises((DeniedGlobalError, BlockedArtifactError)):
        ada.load(path)
    assert not marker.exists()


def test_what_a_stranger_or_a_run_signed_lifts_nothing(ada: Person, marker: Path) -> None:
    accept(ada, change=lambda text: text.replace('mode = "enforce"', 'mode = "observe"'))
    ada.write("models/m.pkl", pickle.dumps(Payload(marker)))
    plant(ada, vouch(ada, "models/m.pkl", stranger()))
    plant(ada, vouch(ada, "models/m.pkl", run_key(ada)))
    plant(ada, provenance(ada, "models/m.pkl", run_key(ada)))
    with pytest.raises(DeniedGlobalError):
        ada.load("models/m.pkl")
    assert not marker.exists()


def test_a_persons_signature_on_other_bytes_or_another_name_lifts_nothing(ada: Person, marker: Path) -> None:
    accept(ada, change=lambda text: text.replace('mode = "enforce"', 'mode = "observe"'))
    ada.write("models/m.pkl", pickle.dumps(Payload(marker)))
    ada.sign("models/m.pkl")
    shutil.copy(ada.root / "models/m.pkl", ada.root / "models/other.pkl")
    with pytest.raises(DeniedGlobalError):
        ada.load("models/other.pkl")
    ada.write("models/m.pkl", pickle.dumps(Payload(marker.with_name("ran-too"))))
    with pytest.raises(DeniedGlobalError):
        ada.load("models/m.pkl")
    assert not marker.exists()


def test_a_link_lifts_nothing_that_its_goal_does_not(ada: Person, marker: Path) -> None:
    """A person stands for the bytes under the link's name; where the link leads only a run does."""
    run = ada.new_run()
    ada.save(Payload(marker), "models/m.pkl", run)
    (ada.root / "models/link.pkl").symlink_to("m.pkl")
    plant(ada, vouch(ada, "models/link.pkl", vouching_key(ada)))
    with pytest.raises(DeniedGlobalError):
        ada.load("models/link.pkl")
    assert not marker.exists()


def test_a_pickle_that_a_person_signed_is_loaded_as_it_is(ada: Person, marker: Path) -> None:
    """Documented: whoever signs a pickle vouches for the code in it."""
    ada.write("models/m.pkl", pickle.dumps(Payload(marker)))
    ada.sign("models/m.pkl")
    ada.load("models/m.pkl")
    assert marker.exists()


@pytest.mark.parametrize("name", ["data.csv", "data.parquet", "data.json", "model.safetensors", "data.txt", "data.npy", "data"])
def test_a_pickle_under_another_formats_name_is_refused(ada: Person, marker: Path, name: str) -> None:
    path = f"models/{name}"
    ada.write(path, pickle.dumps(Payload(marker)))
    plant(ada, provenance(ada, path, run_key(ada)))
    if name == "data":
        assert ada.verify(path).verified
    else:
        assert_refused(ada, path, "format-mismatch")
    for asked in (None, "pickle", "joblib"):
        with pytest.raises((BlockedArtifactError, DeniedGlobalError)):
            ada.load(path, format_name=asked)
    assert not marker.exists()


def test_a_torch_script_named_as_a_checkpoint_is_refused(ada: Person) -> None:
    torch = pytest.importorskip("torch")
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), buffer)
    ada.write("models/m.pt", buffer.getvalue())
    plant(ada, provenance(ada, "models/m.pt", run_key(ada)))
    with pytest.raises(FormatError, match="TorchScript"):
        ada.load("models/m.pt")


def test_a_denied_format_is_refused_whatever_name_or_option_it_comes_under(ada: Person) -> None:
    accept(
        ada,
        change=lambda text: text.replace(
            'require = ["verified-inputs"]\n\n# A second', 'require = ["verified-inputs"]\nformats = { deny = ["pickle"] }\n\n# A second'
        ),
    )
    assert 'deny = ["pickle"] }\n\n# A second' in (ada.root / "mlsc.toml").read_text()
    ada.write("models/m.pkl", pickle.dumps({"a": 1}))
    # Protocol 0 without a global: nothing tells that these bytes are a pickle, until somebody asks for it to be loaded as one.
    ada.write("models/plain", pickle.dumps({"a": 1}, 0))
    ada.sign("models/m.pkl", "models/plain")
    assert_refused(ada, "models/m.pkl", "format-denied")
    with pytest.raises(BlockedArtifactError) as caught:
        ada.load("models/plain", format_name="pickle")
    assert codes(caught.value.verdict) == ["format-denied"]


def test_a_zip_that_is_two_formats_at_once_is_read_as_the_worse(ada: Person, marker: Path) -> None:
    """A torch archive named .npz: numpy would not unpickle it, torch would."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Payload(marker), 2))
        archive.writestr("archive/version", "3\n")
    ada.write("models/m.npz", buffer.getvalue())
    plant(ada, provenance(ada, "models/m.npz", run_key(ada)))
    assert_refused(ada, "models/m.npz", "format-mismatch")
    assert not marker.exists()
