"""Code in a pickle that may be read runs for no loader that a supervised cell calls, in every mode, unless a person stands for the file."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.attacks.payload import Payload
from tests.conftest import Person
from tests.e2e.supervised_people import prepare, start
from tests.kernel.live_kernel import LiveKernel, Output


def _joblib(value: object) -> bytes:
    import joblib

    stream = io.BytesIO()
    joblib.dump(value, stream)
    return stream.getvalue()


def _torch(value: object) -> bytes:
    import torch

    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


def _numpy(value: object) -> bytes:
    import numpy as np

    stream = io.BytesIO()
    np.save(stream, np.array(value, dtype=object), allow_pickle=True)
    return stream.getvalue()


LOADERS: dict[str, tuple[Callable[[object], bytes], str]] = {
    "x.pkl": (pickle.dumps, "import pickle\nwith open({path!r}, 'rb') as file:\n    pickle.load(file)"),
    "x.joblib": (_joblib, "import joblib\njoblib.load({path!r})"),
    "x.pt": (_torch, "import torch\ntorch.load({path!r}, weights_only=False)"),
    "x.npy": (_numpy, "import numpy\nnumpy.load({path!r}, allow_pickle=True)"),
    "x.pickle": (pickle.dumps, "import pandas\npandas.read_pickle({path!r})"),
}
"""A file of each kind, and how a cell loads it."""
WARN = 'mode = "warn"'


@dataclass
class Bench:
    """A supervised kernel, and what a payload makes when it runs."""

    ada: Person
    kernel: LiveKernel
    marker: Path

    def load(self, path: str) -> Output:
        """Have a cell load a file."""
        return self.kernel.run(LOADERS[Path(path).name][1].format(path=path))

    def assert_denied(self, output: Output) -> None:
        assert output.error == "DeniedUnpicklingError", output
        assert "which no list allows; nothing of it was run" in output.traceback
        assert not self.marker.exists()


@pytest.fixture(scope="module", params=["enforce", "warn"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Hostile files in governed and in other places; some of those are signed by a person."""
    place = tmp_path_factory.mktemp("unpickling")
    for name in ("home", "project"):
        (place / name).mkdir()
    ada = Person("ada", place / "home", place / "project")
    ada.init(request.param)
    marker = place / "project/ran"
    for name, (made, _) in LOADERS.items():
        for folder in ("models/unsigned", "models/signed", "other"):
            ada.write(f"{folder}/{name}", made([folder, Payload(marker)]))  # no two have the same bytes
        ada.sign(f"models/signed/{name}", kind="model")
    kernel = start(prepare(ada))
    yield Bench(ada, kernel, marker)
    kernel.close()


@pytest.mark.parametrize("name", LOADERS)
def test_a_file_that_no_rule_governs_runs_nothing(bench: Bench, name: str) -> None:
    bench.assert_denied(bench.load(f"other/{name}"))


@pytest.mark.parametrize("name", LOADERS)
def test_a_governed_file_that_nobody_signed_runs_nothing(bench: Bench, name: str) -> None:
    output = bench.load(f"models/unsigned/{name}")
    if bench.ada.project.policy.mode == "enforce":
        assert output.error == "PermissionError"
        assert not bench.marker.exists()
    else:
        bench.assert_denied(output)


@pytest.mark.parametrize("name", LOADERS)
def test_what_the_run_itself_wrote_and_signs_for_runs_nothing(bench: Bench, name: str) -> None:
    written = f"models/own/{name}"
    copied = bench.kernel.run(f"import os, shutil; os.makedirs('models/own', exist_ok=True); shutil.copy('other/{name}', {written!r})")
    assert copied.error is None
    bench.assert_denied(bench.load(written))


@pytest.mark.parametrize("name", LOADERS)
def test_a_file_that_a_person_stands_for_is_loaded_as_it_is(bench: Bench, name: str) -> None:
    output = bench.load(f"models/signed/{name}")
    assert output.error is None, output
    assert bench.marker.exists()
    bench.marker.unlink()


def test_bytes_run_nothing_whoever_signed_the_file_that_they_come_from(bench: Bench) -> None:
    bench.assert_denied(bench.kernel.run("import pickle\npickle.loads(open('models/signed/x.pkl', 'rb').read())"))


def test_a_signed_file_lends_its_signature_to_no_other(bench: Bench) -> None:
    """A person's word is for the file that is read, not for its neighbour that was opened before, nor for a link's name."""
    bench.kernel.run(
        "import os; os.path.lexists('models/lent.pkl') or os.symlink('../other/x.pkl', 'models/lent.pkl')\nopen('models/signed/x.pkl', 'rb').close()"
    )
    bench.assert_denied(bench.kernel.run("import pickle\nwith open('other/x.pkl', 'rb') as file:\n    pickle.load(file)"))
    output = bench.kernel.run("with open('models/lent.pkl', 'rb') as file:\n    pickle.load(file)")
    assert output.error in ("DeniedUnpicklingError", "PermissionError")
    assert not bench.marker.exists()


def test_a_refusal_that_a_cell_swallows_is_told_at_its_end(bench: Bench) -> None:
    output = bench.kernel.run("import joblib\ntry:\n    joblib.load('other/x.joblib')\nexcept Exception:\n    pass")
    assert output.error is None
    assert "other/x.joblib was not loaded: it would use" in output.stderr


def test_honest_objects_and_the_notebooks_own_are_loaded(bench: Bench) -> None:
    honest = (
        "import joblib, pickle, numpy as np\nfrom sklearn.linear_model import LinearRegression\n"
        "class Mine:\n    pass\n"
        "for place in ('other/m.joblib', 'models/m.joblib'):\n    joblib.dump([LinearRegression().fit(np.eye(3), [1, 2, 3]), Mine()], place)\n"
        "    print(type(joblib.load(place)[0]).__name__, type(joblib.load(place)[1]).__name__)\n"
        "print(len(pickle.loads(pickle.dumps(list(range(9))))))"
    )
    output = bench.kernel.run(honest)
    assert output.error is None, output
    assert output.stdout == "LinearRegression Mine\nLinearRegression Mine\n9\n"
