"""``formats = { deny = [...] }``, attacked: other suffixes, two formats in one file, compressed layers, archives in archives. Bytes decide, wherever they lie.

Each file is signed by the person who may, so that nothing but its format can be held against it.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest

from jupyter_mlsc import formats
from jupyter_mlsc.format_choice import families_of
from jupyter_mlsc.formats import nested
from tests.attacks.forgery import accept
from tests.conftest import Person

PICKLE = pickle.dumps({"a": 1}, 4)


def zipped(name: str, data: bytes, how: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


def tarred(name: str, data: bytes, mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def numpy_file(save: Callable[..., None], value: object) -> bytes:
    buffer = io.BytesIO()
    save(buffer, value)
    return buffer.getvalue()


def picture() -> bytes:
    image = pytest.importorskip("PIL.Image")
    buffer = io.BytesIO()
    image.new("RGB", (2, 2)).save(buffer, "PNG")
    return buffer.getvalue()


_HEADER = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
WEIGHTS = len(_HEADER).to_bytes(8, "little") + _HEADER + b"x"
OBJECTS = numpy.array([{"a": 1}], dtype=object)
DENIED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "by its name": ("m.pkl", lambda: PICKLE),
    "no suffix": ("m", lambda: PICKLE),
    "as weights": ("m.safetensors", lambda: PICKLE),
    "as a table": ("m.csv", lambda: PICKLE),
    "as a picture": ("m.png", lambda: PICKLE),
    "without announcement": ("m.bin", lambda: b"cbuiltins\ndict\n(tR."),
    "torch": ("m.npz", lambda: zipped("archive/data.pkl", PICKLE)),
    "objects in an array": ("m.npy", lambda: numpy_file(numpy.save, OBJECTS)),
    "objects in arrays": ("o.npz", lambda: numpy_file(numpy.savez, OBJECTS)),
    "a pickle with an archive behind": ("m.zip", lambda: PICKLE + zipped("a.txt", b"a")),
    "an archive behind a picture": ("m2.png", lambda: picture() + zipped("x", PICKLE)),
    "an archive behind weights": ("behind.safetensors", lambda: WEIGHTS + zipped("x", PICKLE)),
    "gzip": ("m.pkl.gz", lambda: gzip.compress(PICKLE)),
    "gzip as a table": ("m.csv.gz", lambda: gzip.compress(PICKLE)),
    "xz in bzip2": ("m.bz2", lambda: bz2.compress(lzma.compress(PICKLE))),
    "in a zip archive": ("m.x.zip", lambda: zipped("readme.txt", PICKLE)),
    "stored": ("m.y.zip", lambda: zipped("a/b/c", PICKLE, zipfile.ZIP_STORED)),
    "in a tar archive": ("m.tar", lambda: tarred("weights", PICKLE)),
    "in a packed tar archive": ("m.tar.gz", lambda: tarred("weights", PICKLE, "w:gz")),
    "an archive in an archive": ("m.z.zip", lambda: zipped("a.tar", tarred("b.gz", gzip.compress(PICKLE)))),
}
HONEST: dict[str, tuple[str, bytes]] = {
    "a table": ("fine.csv", b"x,y\n1,2\n"),
    "a packed table": ("fine.csv.gz", gzip.compress(b"x,y\n1,2\n")),
    "an archive of tables": ("fine.zip", zipped("fine.csv", b"x,y\n1,2\n")),
    "weights": ("fine.safetensors", WEIGHTS),
    "arrays": ("fine.npz", numpy_file(numpy.savez, numpy.arange(3))),
    "an empty file": ("empty.txt", b""),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Codes of what fails, by the names of files that Ada signed in a project that denies pickles."""
    base = tmp_path_factory.mktemp("denied")
    ada = Person("ada", base / "home", base / "project")
    ada.root.mkdir()
    ada.init()
    asked, behind = 'require = ["verified-inputs"]\n', "\n# A second"
    accept(ada, change=lambda text: text.replace(asked + behind, f'{asked}formats = {{ deny = ["pickle"] }}\n{behind}'))
    assert "deny" in (ada.root / "mlsc.toml").read_text().partition(behind)[0]
    files = [(name, make()) for name, make in DENIED.values()] + list(HONEST.values())
    assert len({name for name, _ in files}) == len(files)
    for name, data in files:
        ada.write(f"models/{name}", data)
    ada.sign(*(f"models/{name}" for name, _ in files), kind="model")
    verdicts = ada.project.verify([ada.root / "models" / name for name, _ in files])
    return {Path(each.path).name: {reason.code for reason in each.reasons if reason.fails} for each in verdicts}


@pytest.mark.parametrize("how", DENIED)
def test_a_denied_format_is_refused_wherever_it_lies(how: str, refused: dict[str, set[str]]) -> None:
    assert "format-denied" in refused[DENIED[how][0]]


@pytest.mark.parametrize("how", HONEST)
def test_what_holds_none_of_it_passes(how: str, refused: dict[str, set[str]]) -> None:
    assert refused[HONEST[how][0]] == set()


def test_what_lies_deeper_than_anybody_looks_is_not_found_and_costs_little() -> None:
    """The limit is stated in docs/policy.md; a list of what is allowed has none."""
    data = PICKLE
    for _ in range(nested.DEPTH + 2):
        data = gzip.compress(data)
    assert families_of(formats.identify("m.gz", io.BytesIO(data))) == frozenset()
    bomb = gzip.compress(tarred("zeros", bytes(64 << 20)), 1)
    assert families_of(formats.identify("bomb.tar.gz", io.BytesIO(bomb))) == frozenset()
