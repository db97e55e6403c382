"""The environment's files, start-up files, advisories, licences and interpreter: what was changed is named, and an honest environment is quiet.

The environments are real: made by venv, with wheels that pip installed from this folder and no index.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import py_compile
import shutil
import subprocess
import sys
import threading
import venv
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import cache_from_source, source_hash
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlsc.scan.environment import bytecode, interpreter
from jupyter_mlsc.scan.environment.advisories import match
from tests.conftest import Person

FILES = {"pkg/__init__.py": "VALUE = 1\n", "pkg/core.py": "def run():\n    return 1\n", "pkg/data.json": "{}\n"}


def wheel(folder: Path, name: str, version: str, files: dict[str, str], metadata: str = "License-Expression: MIT\n") -> Path:
    """A wheel as the specification has it (PEP 427), with its RECORD."""
    info = f"{name}-{version}.dist-info"
    members = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{metadata}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    for member, text in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{member},sha256={digest},{len(text.encode())}")
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in members.items():
            archive.writestr(member, text)
        archive.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,"]) + "\n")
    return path


def install(prefix: Path, *wheels: Path) -> None:
    command = [sys.executable, "-m", "pip", "--python", str(prefix / "bin/python"), "install", "--no-index", "--no-deps", "--quiet", *map(str, wheels)]
    subprocess.run(command, check=True, timeout=120, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with one distribution, as pip installed it."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "env", with_pip=False, symlinks=True)
    install(folder / "env", wheel(folder, "pkg", "1.0", FILES))
    return folder / "env"


@pytest.fixture
def environment(installed: Path, tmp_path: Path) -> Path:
    """A copy of that environment, to be changed."""
    return Path(shutil.copytree(installed, tmp_path / "env", symlinks=True))


def site(prefix: Path) -> Path:
    (found,) = prefix.glob("lib/python*/site-packages")
    return found


def looked(ada: Person, prefix: Path, *more: str) -> tuple[int, list[tuple[str, str]], list[dict[str, Any]]]:
    """Exit code, the findings as (code, last part of the path) without what is said of every such environment, and the whole findings."""
    done = ada.mlsc("scan", "--environment", "--prefix", str(prefix), "--json", *more)
    assert done.stdout, done.stderr
    findings = json.loads(done.stdout)["findings"]
    told = [(each["code"], Path(each["path"]).name) for each in findings if each["code"] != "advisories-not-checked"]
    return done.returncode, told, findings


def test_an_honest_environment_is_quiet(ada: Person, environment: Path) -> None:
    subprocess.run([environment / "bin/python", "-c", "import pkg.core"], check=True, timeout=60)
    assert looked(ada, environment)[:2] == (0, [])


def edit(prefix: Path, name: str, text: str) -> None:
    path = site(prefix) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


TAMPERED = {
    "one byte of a module": (lambda p: edit(p, "pkg/core.py", FILES["pkg/core.py"].replace("1", "2")), ("environment-changed", "core.py"), 1),
    "a longer module": (lambda p: edit(p, "pkg/core.py", FILES["pkg/core.py"] + "import os\n"), ("environment-changed", "core.py"), 1),
    "a file of data": (lambda p: edit(p, "pkg/data.json", "[]\n"), ("environment-changed", "data.json"), 1),
    "a module that is gone": (lambda p: (site(p) / "pkg/core.py").unlink(), ("environment-missing", "core.py"), 0),
    "a module that was added": (lambda p: edit(p, "pkg/evil.py", "import os\n"), ("environment-added", "evil.py"), 1),
    "a module below a package": (lambda p: edit(p, "pkg/sub/evil.py", "import os\n"), ("environment-added", "evil.py"), 1),
    "bytecode without a source": (lambda p: edit(p, "pkg/evil.pyc", "x"), ("environment-added", "evil.pyc"), 1),
    "data that was added": (lambda p: edit(p, "pkg/cache.bin", "x"), ("environment-added-data", "cache.bin"), 0),
    "a module of nobody": (lambda p: edit(p, "loose.py", "x = 1\n"), ("environment-unowned", "loose.py"), 0),
    "a package that shadows": (lambda p: edit(p, "numpy/__init__.py", "x = 1\n"), ("environment-unowned", "__init__.py"), 0),
    "a start-up file that runs code": (lambda p: edit(p, "x.pth", "import os; os.getpid()\n"), ("start-up-code", "x.pth"), 1),
    "a start-up file with a tab": (lambda p: edit(p, "x.pth", "import\tos\n"), ("start-up-code", "x.pth"), 1),
    "a folder on the path": (lambda p: edit(p, "x.pth", "/tmp/elsewhere\n"), ("start-up-folder", "x.pth"), 0),
    "a start-up file that is not text": (lambda p: (site(p) / "x.pth").write_bytes(b"\xff\xfe\x00"), ("start-up-unreadable", "x.pth"), 1),
    "sitecustomize": (lambda p: edit(p, "sitecustomize.py", "import os\n"), ("start-up-customized", "sitecustomize.py"), 1),
    "usercustomize as a package": (lambda p: edit(p, "usercustomize/__init__.py", "import os\n"), ("start-up-customized", "__init__.py"), 1),
    "a pipe in the place of a module": (
        lambda p: ((site(p) / "pkg/core.py").unlink(), os.mkfifo(site(p) / "pkg/core.py")),
        ("environment-changed", "core.py"),
        1,
    ),
    "a link in the place of a module": (
        lambda p: ((site(p) / "pkg/core.py").unlink(), (site(p) / "pkg/core.py").symlink_to("/etc/hostname")),
        ("environment-changed", "core.py"),
        1,
    ),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_what_was_changed_is_named(how: str, ada: Person, environment: Path) -> None:
    tamper, expected, code = TAMPERED[how]
    tamper(environment)
    returned, told, _ = looked(ada, environment)
    assert (returned, told) == (code, [expected])


def compiled(source: Path, code: str, mode: py_compile.PycInvalidationMode) -> Path:
    """Bytecode of other code in the place of a source's, with the header that makes Python believe it."""
    other = source.with_name("other.py")
    other.write_text(code)
    if mode is py_compile.PycInvalidationMode.TIMESTAMP:
        assert other.stat().st_size == source.stat().st_size, "the header has the size"
        os.utime(other, ns=(source.stat().st_mtime_ns, source.stat().st_mtime_ns))
    made = Path(py_compile.compile(str(other), cfile=cache_from_source(str(source)), dfile=str(source), invalidation_mode=mode, doraise=True))
    if mode is py_compile.PycInvalidationMode.CHECKED_HASH:
        data = made.read_bytes()
        made.write_bytes(data[:8] + source_hash(source.read_bytes()) + data[16:])
    other.unlink()
    return made


SAME_CODE, OTHER_CODE = FILES["pkg/core.py"], FILES["pkg/core.py"].replace("1", "2")


@pytest.mark.parametrize(
    ("code", "mode", "expected"),
    [
        (OTHER_CODE, "TIMESTAMP", [("bytecode-differs", 1)]),
        (OTHER_CODE, "CHECKED_HASH", [("bytecode-differs", 1)]),
        (OTHER_CODE, "UNCHECKED_HASH", [("bytecode-unchecked", 1), ("bytecode-differs", 1)]),
        (SAME_CODE, "UNCHECKED_HASH", [("bytecode-unchecked", 0)]),
        (SAME_CODE, "TIMESTAMP", []),
        (SAME_CODE, "CHECKED_HASH", []),
    ],
)
def test_bytecode_that_python_would_run_and_that_its_source_does_not_make_is_named(
    code: str, mode: str, expected: list[tuple[str, int]], environment: Path
) -> None:
    source = site(environment) / "pkg/core.py"
    made = compiled(source, code, py_compile.PycInvalidationMode[mode])
    ran = subprocess.run([environment / "bin/python", "-c", "import pkg.core; print(pkg.core.run())"], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == ("2" if code == OTHER_CODE else "1"), "Python believes it"
    told = bytecode.check([site(environment)], 1)
    assert [(f"bytecode-{each.change}", each.path) for each in told] == [(code_, str(made)) for code_, _ in expected]


def test_bytecode_is_compared_where_that_is_asked_for_and_what_python_would_not_run_is_nothing(ada: Person, environment: Path) -> None:
    source = site(environment) / "pkg/core.py"
    made = compiled(source, OTHER_CODE, py_compile.PycInvalidationMode.TIMESTAMP)
    assert looked(ada, environment)[:2] == (0, [])
    assert looked(ada, environment, "--bytecode")[:2] == (1, [("bytecode-differs", made.name)])
    os.utime(source)  # the header's time is not the source's any more
    assert bytecode.check([site(environment)], 1) == []
    data = made.read_bytes()
    status = source.stat()
    stamp = int(status.st_mtime).to_bytes(4, "little") + status.st_size.to_bytes(4, "little")
    for broken in (b"\xff" * 40, data[16:-20], b"", b"i\x01\x00\x00\x00"):
        made.write_bytes(data[:8] + stamp + broken)
        assert [each.change for each in bytecode.check([site(environment)], 1)] == (["differs"] if broken.startswith(b"i") else ["unread"]), broken
    made.write_bytes(b"\0\0\0\0" + data[4:8] + stamp + data[16:])  # another version's
    assert bytecode.check([site(environment)], 1) == []


def test_a_list_of_files_that_fits_the_change_is_told_by_the_next_look(ada: Person, environment: Path) -> None:
    assert looked(ada, environment)[:2] == (0, [])
    text = FILES["pkg/core.py"].replace("1", "2")
    edit(environment, "pkg/core.py", text)
    record = site(environment) / "pkg-1.0.dist-info/RECORD"
    old, new = (base64.urlsafe_b64encode(hashlib.sha256(each.encode()).digest()).rstrip(b"=").decode() for each in (FILES["pkg/core.py"], text))
    record.write_text(record.read_text().replace(old, new))
    assert looked(ada, environment)[:2] == (1, [("environment-record-changed", "RECORD")])


def test_an_earlier_look_counts_only_where_a_run_key_of_the_project_signed_it(ada: Person, environment: Path, tmp_path: Path) -> None:
    """Somebody who can write a claim file cannot make the changed list of files the known one."""
    assert looked(ada, environment)[:2] == (0, [])
    (tmp_path / "eve").mkdir()
    eve = Person("eve", tmp_path / "eve/home", tmp_path / "eve/project")
    eve.root.mkdir()
    eve.init()
    record = site(environment) / "pkg-1.0.dist-info/RECORD"
    record.write_text(record.read_text() + "pkg/more.py,,\n")
    edit(environment, "pkg/more.py", "import os\n")
    looked(eve, environment)
    assert ("environment-record-changed", "RECORD") in looked(ada, environment)[1]


def test_an_editable_install_is_told_apart(ada: Person, environment: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    project = '[project]\nname = "mine"\nversion = "0.1"\nlicense = "MIT"\n'
    (source / "pyproject.toml").write_text(f'[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n{project}')
    (source / "mine").mkdir()
    (source / "mine/__init__.py").write_text("")
    tools = os.pathsep.join(each for each in sys.path if each.endswith("site-packages"))
    command = [sys.executable, "-m", "pip", "--python", str(environment / "bin/python"), "install", "--no-index", "--no-deps", "--quiet"]
    subprocess.run([*command, "--no-build-isolation", "--editable", str(source)], check=True, timeout=120, env={**os.environ, "PYTHONPATH": tools})
    assert looked(ada, environment)[:2] == (0, [("environment-editable", "mine-0.1.dist-info")])


def test_licences_are_told_and_denied_by_policy(ada: Person, environment: Path, tmp_path: Path) -> None:
    affero = wheel(tmp_path, "affero", "1.0", {"affero.py": ""}, "License-Expression: MIT OR AGPL-3.0-only\n")
    silent = wheel(tmp_path, "silent", "1.0", {"silent.py": ""}, "")
    old = wheel(tmp_path, "old", "1.0", {"old.py": ""}, "Classifier: License :: OSI Approved :: BSD License\n")
    install(environment, affero, silent, old)
    assert looked(ada, environment)[:2] == (0, [("licence-unknown", "silent-1.0.dist-info")])
    with open(ada.root / "mlsc.toml", "a", encoding="utf-8") as file:
        file.write('\n[environment]\ndeny-licences = ["AGPL-3.0-only"]\n')
    assert ada.mlsc("policy", "trust", "--yes").returncode == 0
    assert looked(ada, environment)[:2] == (1, [("licence-denied", "affero-1.0.dist-info"), ("licence-unknown", "silent-1.0.dist-info")])


def advisory(name: str, events: list[dict[str, str]], **more: Any) -> dict[str, Any]:
    affected = {"package": {"ecosystem": "PyPI", "name": name}, "ranges": [{"type": "ECOSYSTEM", "events": events}], **more.pop("affected", {})}
    return {"id": "TEST-1", "modified": "2026-01-31T00:00:00Z", "summary": "it can be made to do harm", "affected": [affected], **more}


RANGES = [
    ([{"introduced": "0"}, {"fixed": "1.0"}], {"0.9": True, "1.0": False, "1.0rc1": True, "1.1": False}),
    ([{"introduced": "1.0"}, {"last_affected": "1.2"}], {"0.9": False, "1.0": True, "1.2": True, "1.2.post1": False, "1.3": False}),
    ([{"introduced": "1.0"}, {"fixed": "1.1"}, {"introduced": "2.0"}, {"fixed": "2.1"}], {"1.0": True, "1.5": False, "2.0": True, "2.1": False}),
    ([{"introduced": "0"}], {"0.0.1": True, "99": True}),
    ([{"introduced": "not a version"}], {"1.0": True}),
    ([], {"1.0": False}),
]


@pytest.mark.parametrize("number", range(len(RANGES)))
def test_versions_are_matched_as_the_schema_says(number: int, tmp_path: Path) -> None:
    events, expected = RANGES[number]
    (tmp_path / "a.json").write_text(json.dumps(advisory("Some_Package", events)))
    for version, affected in expected.items():
        found = match(tmp_path, [("some-package", version)]).advisories
        assert [each.id for each in found] == (["TEST-1"] if affected else []), version


def test_names_versions_and_withdrawals_count(tmp_path: Path) -> None:
    listed = advisory("pkg", [], affected={"ranges": [], "versions": ["1.0", "1.1"]})
    (tmp_path / "a.json").write_text(json.dumps({**listed, "id": "A"}))
    (tmp_path / "b.json").write_text(json.dumps({**listed, "id": "B", "withdrawn": "2026-01-01T00:00:00Z"}))
    (tmp_path / "c.json").write_text(json.dumps({**advisory("other", [{"introduced": "0"}]), "id": "C"}))
    npm = advisory("pkg", [{"introduced": "0"}])
    npm["affected"][0]["package"]["ecosystem"] = "npm"
    (tmp_path / "d.json").write_text(json.dumps({**npm, "id": "D"}))
    (tmp_path / "e.json").write_text("{")
    found = match(tmp_path, [("pkg", "1.0.0"), ("pkg2", "1.0")])
    assert [each.id for each in found.advisories] == ["A"]
    assert [Path(each).name for each in found.unread] == ["e.json"]


def test_a_vulnerable_distribution_is_told_with_what_mends_it(ada: Person, environment: Path, tmp_path: Path) -> None:
    database = tmp_path / "osv.zip"
    with zipfile.ZipFile(database, "w") as archive:
        archive.writestr("TEST-1.json", json.dumps(advisory("pkg", [{"introduced": "0"}, {"fixed": "1.1"}])))
        archive.writestr("TEST-2.json", json.dumps({**advisory("pkg", [{"introduced": "0"}]), "id": "TEST-2", "database_specific": {"severity": "LOW"}}))
    returned, told, findings = looked(ada, environment, "--advisories", str(database))
    assert returned == 1
    assert sorted(code for code, _ in told) == ["advisories-old", "vulnerable-high", "vulnerable-low"]
    (high,) = [each for each in findings if each["code"] == "vulnerable-high"]
    assert "TEST-1: it can be made to do harm" in high["message"]
    assert high["fix"] == "install pkg 1.1"
    assert not [each for each in findings if each["code"] == "advisories-not-checked"]


def test_no_database_is_no_pass(ada: Person, environment: Path, tmp_path: Path) -> None:
    assert [each["code"] for each in looked(ada, environment)[2]] == ["advisories-not-checked"]
    (tmp_path / "empty").mkdir()
    for wrong in (tmp_path / "empty", tmp_path / "gone"):
        done = ada.mlsc("scan", "--environment", "--prefix", str(environment), "--advisories", str(wrong))
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)
        assert "OSV" in done.stderr


class Osv(BaseHTTPRequestHandler):
    """As much of the OSV service as pip-audit asks, on this machine."""

    records: dict[str, dict[str, Any]] = {}
    asked = 0

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).asked += 1
        name = query["package"]["name"]
        self._answer({"vulns": [record for record in self.records.values() if record["affected"][0]["package"]["name"] == name]})

    def _answer(self, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[str]:
    Osv.records, Osv.asked = {"TEST-1": advisory("pkg", [{"introduced": "0"}, {"fixed": "1.1"}])}, 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Osv) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/query"
        server.shutdown()
        thread.join()


def test_a_service_is_asked_by_pip_audit_once_a_day(ada: Person, environment: Path, service: str) -> None:
    pytest.importorskip("pip_audit")
    ada.more |= {"PIP_AUDIT_OSV_URL": service, "NO_PROXY": "127.0.0.1"}
    returned, told, _ = looked(ada, environment, "--advisories", "osv")
    assert (returned, told) == (1, [("vulnerable-high", "pkg-1.0.dist-info")])
    asked = Osv.asked
    assert asked > 0
    assert looked(ada, environment, "--advisories", "osv")[:2] == (returned, told)
    assert Osv.asked == asked


def test_a_service_that_does_not_answer_is_no_pass(ada: Person, environment: Path) -> None:
    pytest.importorskip("pip_audit")
    ada.more |= {"PIP_AUDIT_OSV_URL": "http://127.0.0.1:9/v1/query", "NO_PROXY": "127.0.0.1"}
    done = ada.mlsc("scan", "--environment", "--prefix", str(environment), "--advisories", "osv")
    assert (done.returncode, done.stdout) == (3, "")
    assert "without a network name a database that lies here" in done.stderr


def test_the_interpreters_files_are_its_own() -> None:
    files = interpreter.files()
    assert os.path.realpath(sys.executable) in files
    assert any(path.endswith("/json/decoder.py") for path in files)
    assert not any("site-packages" in path for path in files)


def test_a_changed_file_of_the_interpreter_changes_its_digest(tmp_path: Path) -> None:
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("x = 1\n")
    paths = [str(tmp_path / name) for name in ("a.py", "b.py")]
    before = interpreter.digest(paths, 2)
    lines = "".join(f"{hashlib.sha256(Path(path).read_bytes()).hexdigest()}  {path}\n" for path in paths)
    assert before == "sha256:" + hashlib.sha256(lines.encode()).hexdigest()
    (tmp_path / "b.py").write_text("x = 2\n")
    assert interpreter.digest(paths, 2) != before


def test_a_look_is_on_record(ada: Person, environment: Path) -> None:
    edit(environment, "pkg/evil.py", "x")
    looked(ada, environment)
    (entry,) = [each for each in json.loads(ada.mlsc("log", "show", "--json").stdout) if each["kind"] == "environment"]
    assert entry["signer"] == "ada-runs"
    assert ada.mlsc("log", "verify").returncode == 0


def test_a_folder_that_is_no_environment_is_refused(ada: Person, tmp_path: Path) -> None:
    done = ada.mlsc("scan", "--environment", "--prefix", str(tmp_path / "nothing"))
    assert (done.returncode, "is no Python environment" in done.stderr) == (2, True)
