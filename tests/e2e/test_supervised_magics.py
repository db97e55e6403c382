"""The magics, the Python API and the command line do in a supervised kernel what they do in a guarded one, asked of the supervisor."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.conftest import Person
from tests.e2e.supervised_people import operations, start
from tests.kernel.live_kernel import LiveKernel


@pytest.fixture
def kernel(supervised: Person) -> Iterator[LiveKernel]:
    started = start(supervised)
    yield started
    started.close()


def test_loading_gives_the_value_and_what_is_blocked_says_why(kernel: LiveKernel, supervised: Person) -> None:
    assert kernel.run("train = %mlsc_load data/train.csv\nprint(len(train))").stdout == "50\n"
    assert "✓ data/train.csv: allowed" in kernel.run("%mlsc_load data/train.csv --to again").text
    blocked = kernel.run("%mlsc_load data/unsigned.csv")
    assert blocked.error == "BlockedArtifactError"
    assert "next: ask a data-steward to run: mlsc sign data/unsigned.csv" in blocked.traceback
    assert blocked.stderr == ""  # it was said
    assert operations(supervised) == [("read", "data/train.csv", "allow", "supervised"), ("read", "data/unsigned.csv", "block", "supervised")]


def test_a_save_is_recorded_by_the_supervisor_with_its_inputs(kernel: LiveKernel, supervised: Person) -> None:
    kernel.run("train = %mlsc_load data/train.csv")
    saved = kernel.run("%mlsc_save train models/copy.parquet")
    assert "✓ saved models/copy.parquet · parquet" in saved.text
    assert "from data/train.csv" in saved.text
    assert operations(supervised)[-1] == ("write", "models/copy.parquet", "allow", "supervised")
    assert [path for op, path, _, _ in operations(supervised) if op == "write"] == ["models/copy.parquet"]
    assert sorted(each.name for each in (supervised.root / "models").iterdir()) == ["copy.parquet"]
    story = kernel.run("%mlsc_lineage models/copy.parquet").text
    assert "(supervised, signed by ada-runs)" in story
    assert "data/train.csv" in story
    onwards = kernel.run("%mlsc_impact data/train.csv --limit 5")
    assert "models/copy.parquet" in onwards.text
    assert "<li>data/train.csv" in onwards.html
    assert ("image/svg+xml" in onwards.data) == (shutil.which("dot") is not None)
    kernel.run("import jupyter_mlsc as mlsc")
    assert kernel.run("mlsc.impact('data/train.csv').artifact.outputs[0].origin.tier").text == "'supervised'"
    assert kernel.run("print(len(mlsc.load('models/copy.parquet')))").stdout == "50\n"


def test_a_folder_that_is_saved_is_one_artifact_of_this_run(kernel: LiveKernel, supervised: Person) -> None:
    pytest.importorskip("transformers")
    done = kernel.run(
        "from transformers import BertConfig, BertModel\n"
        "model = BertModel(BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, vocab_size=10))\n"
        "%mlsc_save model models/tiny"
    )
    assert "✓ saved models/tiny" in done.text, done.traceback
    assert "dirhash:" in done.text
    assert ("write", "models/tiny", "allow", "supervised") in operations(supervised)
    assert kernel.run("import jupyter_mlsc as mlsc; print(type(mlsc.load('models/tiny')).__name__)").stdout == "BertModel\n"


def test_status_and_verify_tell_of_the_supervised_run(kernel: LiveKernel) -> None:
    kernel.run("train = %mlsc_load data/train.csv")
    status = kernel.run("%mlsc_status").text
    assert "tier:    supervised: another process decides every file open and keeps the record" in status
    assert "read:    data/train.csv: allow" in status
    live = kernel.run("shown = %mlsc_status\nshown", answers=[])
    assert (live.text, "application/vnd.jupyter.widget-view+json" in live.data) == (status, True), live.traceback
    kernel.run("again = %mlsc_load data/train.csv\nshown.shown = {}")
    kernel.tell_widget(kernel.run("print(shown.model_id)").stdout.strip(), {"ask": "again"})
    assert "['read', 'data/train.csv: allow']" in kernel.run("print(shown.shown['facts'])").stdout, "a widget asks the supervisor, too"
    judged = kernel.run("%mlsc_verify data").text
    assert "✓ data/train.csv: allowed" in judged
    assert "✗ data/unsigned.csv: blocked" in judged


def test_nobody_signs_in_a_supervised_kernel(kernel: LiveKernel, supervised: Person) -> None:
    refused = kernel.run("%mlsc_sign data/unsigned.csv")
    assert refused.error == "KeyUnavailableError"
    assert "next: sign it from a terminal or the panel: mlsc sign data/unsigned.csv" in refused.traceback
    assert not supervised.verify("data/unsigned.csv").allowed


def test_what_is_unpickled_passes_the_allowlist_unless_a_person_stands_for_it(kernel: LiveKernel, supervised: Person) -> None:
    kernel.run("import os, joblib; os.makedirs('models', exist_ok=True); import fractions; joblib.dump({'a': 1}, 'models/plain.joblib')")
    assert kernel.run("import jupyter_mlsc as mlsc; print(mlsc.load('models/plain.joblib'))").stdout == "{'a': 1}\n"
    kernel.run("import pickle\nclass Call:\n    def __reduce__(self):\n        return (print, ('it ran',))\npickle.dump(Call(), open('models/call.pkl', 'wb'))")
    denied = kernel.run("mlsc.load('models/call.pkl')")
    assert denied.error == "DeniedUnpicklingError" or denied.error == "DeniedGlobalError"
    assert "it ran" not in denied.stdout
    supervised.sign("models/call.pkl", kind="model")
    assert kernel.run("mlsc.load('models/call.pkl')").stdout == "it ran\n"


def test_mlsc_in_a_shell_cell_and_in_a_child_process_asks_too(kernel: LiveKernel, supervised: Person) -> None:
    import sys

    command = f"{sys.executable} -m jupyter_mlsc.cli"
    assert "✓ data/train.csv: allowed" in kernel.run(f"!{command} verify data/train.csv").stdout
    assert "sign it from a terminal or the panel" in kernel.run(f"!{command} sign data/unsigned.csv").stdout
    child = kernel.run(f"!{sys.executable} -c \"import jupyter_mlsc as m; print(len(m.load('data/train.csv')), m.verify('data/unsigned.csv').decision)\"")
    assert "50 block" in child.stdout


def test_reloading_the_extension_follows_cells_on(kernel: LiveKernel) -> None:
    assert kernel.run("%load_ext jupyter_mlsc").error is None
    kernel.run("%reload_ext jupyter_mlsc")
    told = kernel.run("try:\n    open('data/unsigned.csv')\nexcept OSError:\n    pass")
    assert told.stderr.count("data/unsigned.csv: blocked") == 1
