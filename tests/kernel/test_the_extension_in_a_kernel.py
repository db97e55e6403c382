"""``%load_ext jupyter_mlsc`` in real kernels: passphrases, warnings, reloading, folders without a project, policies that cannot be used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from live_kernel import LiveKernel

from tests.conftest import Person

Start = Callable[..., LiveKernel]
LOAD = "%load_ext jupyter_mlsc"


@pytest.fixture(scope="module")
def locked(ada_with_data: Person, start: Start) -> LiveKernel:
    """A kernel of Ada's to which nobody gave her passphrase."""
    made = start(ada_with_data)
    made.run("import os\ndel os.environ['MLSC_KEY_PASSPHRASE']")
    assert made.run(LOAD).status == "ok"
    return made


def test_the_passphrase_is_gone_from_the_environment_and_from_child_processes(ada_with_data: Person, start: Start) -> None:
    passphrase = ada_with_data.environ["MLSC_KEY_PASSPHRASE"]
    kernel = start(ada_with_data, MLSC_KEY_PASSPHRASE_FILE=str(ada_with_data.home / "nowhere"))
    assert kernel.run(f"import os\n{passphrase!r} in os.environ.values()").text == "True"
    assert kernel.run(LOAD).status == "ok"
    assert kernel.run(f"{passphrase!r} in os.environ.values(), [k for k in os.environ if 'PASSPHRASE' in k]").text == "(False, [])"
    seen = kernel.run(
        "import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', 'import os; print(dict(os.environ))'], capture_output=True, text=True).stdout)"
    )
    assert passphrase not in seen.stdout
    assert "PASSPHRASE" not in seen.stdout
    assert "PASSPHRASE" not in kernel.run("!env").stdout
    # It works all the same, and goes on working when a new run begins.
    assert kernel.run("%mlsc_sign data/train.csv").text.startswith("✓ signed data/train.csv as a dataset")
    assert kernel.run("%reload_ext jupyter_mlsc").status == "ok"
    assert kernel.run("%mlsc_sign data/train.csv").text.startswith("✓ signed data/train.csv as a dataset")


def test_a_front_end_that_takes_no_input_is_told_what_to_do(locked: LiveKernel) -> None:
    refused = locked.run("%mlsc_sign data/stranger.csv")
    assert refused.error == "KeyUnavailableError"
    assert "no passphrase was given, and this front end cannot ask for one" in refused.traceback
    assert "next: run mlsc sign on a terminal" in refused.traceback


def test_the_front_end_is_asked_by_a_field_that_hides_what_is_typed(locked: LiveKernel, ada_with_data: Person) -> None:
    ada_with_data.write("data/asked.csv", "x\n1\n")
    signed = locked.run("%mlsc_sign data/asked.csv", answers=[ada_with_data.environ["MLSC_KEY_PASSPHRASE"]])
    assert [question["password"] for question in signed.asked] == [True]
    assert "ada" in signed.asked[0]["prompt"]
    assert signed.text.startswith("✓ signed data/asked.csv as a dataset")
    made = [entry for entry in json.loads(ada_with_data.mlsc("log", "show", "--json").stdout) if entry["kind"] == "signature"][-1]
    assert made["signer"] == "ada"
    assert locked.run("%mlsc_verify data/asked.csv").text.startswith("✓ data/asked.csv: allowed")


def test_a_wrong_passphrase_signs_nothing(locked: LiveKernel, ada_with_data: Person) -> None:
    ada_with_data.write("data/wrong.csv", "x\n2\n")
    refused = locked.run("%mlsc_sign data/wrong.csv", answers=["not it"])
    assert refused.error == "KeyUnavailableError"
    assert "next: " in refused.traceback
    assert "not it" not in refused.traceback
    assert ada_with_data.mlsc("verify", "data/wrong.csv").returncode == 1


def test_loading_needs_no_passphrase(locked: LiveKernel) -> None:
    assert locked.run("t = %mlsc_load data/train.csv").error is None
    assert locked.run("%mlsc_save t data/derived/t.csv").text.startswith("✓ saved data/derived/t.csv")


def test_loading_it_imports_no_more_than_is_needed(ada_with_data: Person, start: Start) -> None:
    """What the extension imports is time that every notebook waits for. The project's policy is as `mlsc init` wrote it."""
    kernel = start(ada_with_data)
    assert kernel.run(LOAD).error is None
    heavy = ("sqlalchemy", "cryptography", "numpy", "pandas", "rich", "click", "jupyter_mlsc.formats.registry", "jupyter_mlsc.ledger", "jupyter_mlsc.dataflow")
    assert kernel.run(f"import sys\nprint([name for name in {heavy} if name in sys.modules])").stdout == "[]\n"


def test_loading_it_twice_and_reloading_it(locked: LiveKernel) -> None:
    assert locked.run(LOAD).error is None
    first = locked.run("import jupyter_mlsc.session as s\nprint(s.current().run.id)").stdout
    assert locked.run("%reload_ext jupyter_mlsc").status == "ok"
    second = locked.run("print(s.current().run.id)").stdout
    assert first != second
    assert locked.run("%mlsc_load data/train.csv --to again").error is None


def test_unloading_it_leaves_the_kernel_as_it_was(locked: LiveKernel) -> None:
    assert locked.run("%unload_ext jupyter_mlsc").status == "ok"
    assert locked.run("1 + 1").text == "2"
    assert locked.run("open('data/stranger.csv').readline()").text == repr("x,y\n")
    assert locked.run(LOAD).status == "ok"
    assert locked.run("%mlsc_load data/stranger.csv").error == "BlockedArtifactError"


def test_warn_mode_loads_and_says_so_once(tmp_path: Path, start: Start) -> None:
    (tmp_path / "project").mkdir()
    eve = Person("eve", tmp_path / "home", tmp_path / "project")
    eve.init("warn")
    eve.write("data/new.csv", "x\n1\n")
    kernel = start(eve)
    assert kernel.run(LOAD).stderr == ""
    loaded = kernel.run("df = %mlsc_load data/new.csv\nlen(df)")
    assert loaded.text == "1"
    assert loaded.stderr == (
        "data/new.csv: warning\n  why:  no statement names data/new.csv [unsigned]\n  next: ask a data-steward to run: mlsc sign data/new.csv\n"
    )
    shown = kernel.run("%mlsc_load data/new.csv --to frame")
    assert "! data/new.csv: warning" in shown.text
    assert "! warning" in shown.html


def test_where_there_is_no_project_the_magics_say_how_to_make_one(tmp_path: Path, ada_with_data: Person, start: Start) -> None:
    kernel = start(ada_with_data, tmp_path)
    loaded = kernel.run(LOAD)
    assert (loaded.error, loaded.stderr) == (None, "")
    (tmp_path / "x.csv").write_text("x\n1\n")
    refused = kernel.run("%mlsc_load x.csv")
    assert refused.error == "UsageError"
    assert "there is no mlsc.toml at or above" in refused.traceback
    assert "next: make one: mlsc init" in refused.traceback
    # Made meanwhile, it is found.
    person = Person("ada", ada_with_data.home, tmp_path)
    assert person.mlsc("init", "--mode", "observe").returncode == 0
    assert kernel.run("len(get_ipython().run_line_magic('mlsc_load', 'x.csv'))").text == "1"


def test_a_policy_that_nobody_accepted_trusts_nobody_and_says_so(tmp_path: Path, ada_with_data: Person, start: Start) -> None:
    import shutil

    clone = tmp_path / "clone"
    shutil.copytree(ada_with_data.root, clone, ignore=shutil.ignore_patterns("ledger.db*"))
    stranger = Person("eve", tmp_path / "home-eve", clone)
    stranger.home.mkdir()
    kernel = start(stranger)
    loaded = kernel.run(LOAD)
    assert loaded.error is None
    assert "you have not accepted this project's policy, so nobody is trusted" in loaded.stderr
    assert "mlsc policy trust" in loaded.stderr
    blocked = kernel.run("%mlsc_load data/train.csv")
    assert blocked.error == "BlockedArtifactError"
    assert "[policy-untrusted]" in blocked.traceback


def test_a_policy_with_a_typo_is_told_when_the_extension_is_loaded(tmp_path: Path, ada_with_data: Person, start: Start) -> None:
    (tmp_path / "mlsc.toml").write_text((ada_with_data.root / "mlsc.toml").read_text().replace('mode = "enforce"', 'mdoe = "enforce"'))
    kernel = start(ada_with_data, tmp_path)
    failed = kernel.run(LOAD)
    assert failed.error == "PolicyError"
    assert 'mlsc.toml:4: unknown key "mdoe"' in failed.traceback
    assert "site-packages" not in failed.traceback
    assert kernel.run("1 + 1").text == "2"
    (tmp_path / "mlsc.toml").write_text((ada_with_data.root / "mlsc.toml").read_text())
    assert kernel.run(LOAD).error is None
