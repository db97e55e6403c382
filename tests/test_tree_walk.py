"""Trees: their digest by other tools, what is left out, links, and names made to deceive."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_mlsc.artifacts import ManifestLine
from jupyter_mlsc.digests import manifest_digest, measure
from jupyter_mlsc.errors import ArtifactError
from jupyter_mlsc.tree_walk import IGNORED
from tests.digest_cases import make_data_tree

BUNDLE = json.dumps({"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial": {}, "dsseEnvelope": {"payload": ""}})


@pytest.fixture
def data_tree(tmp_path: Path) -> Path:
    return make_data_tree(tmp_path / "data")


# Trees


def test_a_tree_is_what_sha256sum_prints_hashed_once_more(data_tree: Path) -> None:
    (data_tree / "Ünïcödé 数据.csv").write_bytes(b"names are UTF-8")
    (data_tree / "back\\slash").write_bytes(b"sha256sum without -z would escape this")
    (data_tree / "\U0001f600").write_bytes(b"after U+FFEE in code points, before it in UTF-16")
    (data_tree / "\uffee").write_bytes(b"")
    by_hand = subprocess.run(
        "find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum -z | tr '\\0' '\\n' | sha256sum",
        shell=True,
        cwd=data_tree,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()[0]
    found = measure(data_tree)
    assert found.dirhash == by_hand
    assert found.manifest is not None
    assert [line.name for line in found.manifest][:3] == ["a-b", "a/b/empty", "a/weights.bin"]
    assert found.size == sum(line.size for line in found.manifest) == sum(p.stat().st_size for p in data_tree.rglob("*") if p.is_file())
    assert manifest_digest(reversed(found.manifest)) == by_hand


def test_the_example_of_go_s_dirhash() -> None:
    """TestHash1 of golang.org/x/mod/sumdb/dirhash: files abc and xyz with 'data for ...'."""
    lines = [ManifestLine(name, hashlib.sha256(f"data for {name}".encode()).hexdigest(), 12) for name in ("xyz", "abc")]
    text = f"{hashlib.sha256(b'data for abc').hexdigest()}  abc\n{hashlib.sha256(b'data for xyz').hexdigest()}  xyz\n"
    assert manifest_digest(lines) == hashlib.sha256(text.encode()).hexdigest()


def test_a_name_that_stands_twice_in_a_manifest_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        manifest_digest([ManifestLine("a", "0" * 64, 1), ManifestLine("b", "0" * 64, 1), ManifestLine("a", "1" * 64, 1)])


def test_empty_directories_do_not_count_and_an_empty_tree_is_an_error(tmp_path: Path, data_tree: Path) -> None:
    before = measure(data_tree)
    (data_tree / "a" / "nothing" / "in" / "here").mkdir(parents=True)
    assert measure(data_tree) == before
    (tmp_path / "empty" / "sub").mkdir(parents=True)
    with pytest.raises(ArtifactError, match="empty holds no files"):
        measure(tmp_path / "empty")


def test_what_is_left_out_of_a_tree_is_only_what_the_table_says(data_tree: Path) -> None:
    before = measure(data_tree)
    (data_tree / ".git" / "objects").mkdir(parents=True)
    (data_tree / ".git" / "objects" / "aa").write_bytes(b"1")
    (data_tree / ".github").mkdir()
    (data_tree / ".github" / "workflow.yml").write_bytes(b"1")
    (data_tree / ".gitignore").write_bytes(b"1")
    (data_tree / ".gitattributes").write_bytes(b"1")
    (data_tree / "model.sig").write_text(BUNDLE)
    assert set(IGNORED) == {".git", ".github", ".gitignore", ".gitattributes", "model.sig"}
    assert measure(data_tree) == before


SMUGGLED: list[tuple[str, bytes]] = [
    ("a/.git/config", b"1"),
    ("a/.gitignore", b"1"),
    ("a/model.sig", BUNDLE.encode()),
    (".gitignore/rows.csv", b"1"),
    (".gitattributes/rows.csv", b"1"),
    (".github", b"a file where a folder is expected"),
    (".gitmodules", b"1"),
    (".hidden", b"1"),
    ("train.csv.sig", BUNDLE.encode()),
    ("train.csv.claims.jsonl", b"{}"),
    ("model.sig", b"PAR1"),
    ("model.sig", b""),
    ("model.sig", BUNDLE.encode() + b'\n{"text": "poison"}\n'),
    ("model.sig", json.dumps({**json.loads(BUNDLE), "text": "poison", "label": 1}).encode()),
    ("model.sig", b'{"text": "poison"}'),
    ("model.sig", b"[" * 100_000),
]


@pytest.mark.parametrize(("name", "data"), SMUGGLED)
def test_nothing_is_smuggled_in_under_a_name_that_looks_harmless(data_tree: Path, name: str, data: bytes) -> None:
    before = measure(data_tree)
    (data_tree / name).parent.mkdir(parents=True, exist_ok=True)
    (data_tree / name).write_bytes(data)
    after = measure(data_tree)
    assert after.dirhash != before.dirhash
    assert after.manifest is not None
    assert name in [line.name for line in after.manifest]


def test_a_reader_of_folders_gets_no_row_that_the_digest_does_not_cover(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.dataset
    import pyarrow.parquet

    tree = tmp_path / "rows"
    tree.mkdir()
    pyarrow.parquet.write_table(pyarrow.table({"label": [0, 1]}), tree / "part-0.parquet")
    before = measure(tree)
    for name in ("part-0.parquet.sig", "part-0.parquet.claims.jsonl", "model.sig"):
        pyarrow.parquet.write_table(pyarrow.table({"label": [9]}), tree / name)
        assert pyarrow.dataset.dataset(tree).count_rows() == 3
        assert measure(tree).dirhash != before.dirhash
        (tree / name).unlink()


NAMES = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="/\0\n"), min_size=1, max_size=8), min_size=1, max_size=3)
TREES = st.dictionaries(
    NAMES.map("/".join).filter(lambda name: not any(part in (".", "..") for part in name.split("/")) and name.split("/")[0] not in IGNORED),
    st.binary(max_size=20),
    min_size=1,
    max_size=6,
).filter(lambda files: not any(other.startswith(name + "/") for name in files for other in files))


def written(files: dict[str, bytes], order: list[str]) -> Path:
    tree = Path(tempfile.mkdtemp())
    for name in order:
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[name])
    return tree


def dirhash_of(files: dict[str, bytes], order: list[str] | None = None) -> str | None:
    tree = written(files, order or list(files))
    try:
        return measure(tree, threads=2).dirhash
    finally:
        shutil.rmtree(tree)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much])
@given(files=TREES, data=st.data())
def test_a_tree_s_digest_is_that_of_its_files_and_of_nothing_else(files: dict[str, bytes], data: st.DataObject) -> None:
    before = dirhash_of(files)
    assert dirhash_of(files, data.draw(st.permutations(list(files)))) == before
    name = data.draw(st.sampled_from(sorted(files)))
    rest = {other: content for other, content in files.items() if other != name}
    assert dirhash_of({**files, name: files[name] + b"!"}) != before
    assert dirhash_of({**rest, "renamed " + name: files[name]}) != before
    assert dirhash_of({**files, "added": b""}) != before
    if rest:
        assert dirhash_of(rest) != before


# Links


def test_a_path_may_be_a_link_to_a_file_or_a_tree(tmp_path: Path, data_tree: Path) -> None:
    (tmp_path / "newest").symlink_to(data_tree)
    (tmp_path / "newest.csv").symlink_to(data_tree / "train.csv")
    assert measure(tmp_path / "newest") == measure(data_tree)
    assert measure(tmp_path / "newest.csv") == measure(data_tree / "train.csv")


def test_a_link_inside_a_tree_counts_as_the_file_that_it_leads_to(data_tree: Path) -> None:
    (data_tree / "a" / "same").symlink_to("../train.csv")
    (data_tree / "chain").symlink_to("a/same")
    linked = measure(data_tree)
    for link in ("a/same", "chain"):
        (data_tree / link).unlink()
        (data_tree / link).write_bytes((data_tree / "train.csv").read_bytes())
    assert measure(data_tree) == linked


def test_a_link_that_leaves_the_tree_is_refused(tmp_path: Path, data_tree: Path) -> None:
    outside = tmp_path / "data-of-somebody-else"  # begins like the tree's own path
    outside.mkdir()
    (outside / "secret").write_bytes(b"not of the tree")
    link = data_tree / "a" / "out"
    for target in (outside / "secret", Path("../../data-of-somebody-else/secret"), Path("/etc/passwd"), outside, Path("/")):
        link.symlink_to(target)
        with pytest.raises(ArtifactError, match="a/out is a symbolic link that leaves the tree"):
            measure(data_tree)
        link.unlink()


@pytest.mark.parametrize(
    ("target", "why"), [("b", "to a directory"), ("..", "to a directory"), ("gone", "leads nowhere"), ("../.git/config", "a file that is no part of it")]
)
def test_other_links_in_a_tree_are_refused(data_tree: Path, target: str, why: str) -> None:
    (data_tree / ".git").mkdir()
    (data_tree / ".git" / "config").write_bytes(b"changes without changing the digest")
    (data_tree / "a" / "link").symlink_to(target)
    with pytest.raises(ArtifactError, match=f"a/link is a symbolic link.*{why}"):
        measure(data_tree)
