"""Kernel specifications that start supervised, and the parts of the provisioner that are plain functions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from jupyter_mlsc.cli.kernels import supervised_name
from jupyter_mlsc.sandbox.connection_files import own_sockets
from jupyter_mlsc.sandbox.jupyter_homes import prepare_for, prepare_profile
from jupyter_mlsc.sandbox.kernel_specs import NAME
from jupyter_mlsc.sandbox.provisioner import notebook_name, with_extension
from tests.conftest import Person

BESIDE = ".local/share/jupyter/kernels"


def test_a_supervised_kernel_is_made_from_the_one_that_is_here(ada: Person) -> None:
    done = ada.mlsc("kernels", "install", "--user", "--json")
    assert done.returncode == 0, done.stderr
    place = ada.home / BESIDE / "python3-supervised"
    assert json.loads(done.stdout)["kernels"] == [{"name": "python3-supervised", "display_name": "Python 3 (supervised)", "path": str(place)}]
    document = json.loads((place / "kernel.json").read_text())
    source = KernelSpecManager().get_kernel_spec("python3")
    assert document["metadata"] == {**source.metadata, "kernel_provisioner": {"provisioner_name": NAME}}
    assert (document["argv"], document["language"], document["display_name"]) == (source.argv, "python", "Python 3 (supervised)")
    logos = {name for name in os.listdir(source.resource_dir) if name.startswith("logo")}
    assert logos
    assert logos <= set(os.listdir(place))


def test_installing_again_changes_nothing_and_a_supervised_kernel_is_not_made_twice_supervised(ada: Person) -> None:
    place = ada.home / BESIDE / "python3-supervised" / "kernel.json"
    ada.mlsc("kernels", "install", "--user")
    before = place.read_text()
    assert ada.mlsc("kernels", "install", "--user").returncode == 0
    assert place.read_text() == before
    twice = ada.mlsc("kernels", "install", "--user", "--kernel", "python3-supervised")
    assert (twice.returncode, "starts supervised already" in twice.stderr) == (2, True)


def test_several_kernels_are_installed_below_a_prefix_and_listed(ada: Person, tmp_path: Path) -> None:
    other = ada.home / BESIDE / "mine"
    other.mkdir(parents=True)
    (other / "kernel.json").write_text(json.dumps({"argv": ["/bin/mine", "{connection_file}"], "display_name": "Mine", "language": "mine"}))
    done = ada.mlsc("kernels", "install", "--prefix", str(tmp_path / "prefix"), "--kernel", "mine", "--kernel", "python3")
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path / "prefix/share/jupyter/kernels")) == ["mine-supervised", "python3-supervised"]
    ada.more["JUPYTER_PATH"] = str(tmp_path / "prefix/share/jupyter")
    rows = {row["name"]: row for row in json.loads(ada.mlsc("kernels", "list", "--json").stdout)["kernels"]}
    assert (rows["mine"]["supervised"], rows["mine-supervised"]["supervised"]) == (False, True)
    assert (rows["mine-supervised"]["display_name"], rows["mine-supervised"]["language"]) == ("Mine (supervised)", "mine")


def test_without_a_supervised_kernel_the_list_says_how_to_get_one(ada: Person) -> None:
    done = ada.mlsc("kernels", "list")
    assert "python3: Python 3 (ipykernel)\n" in done.stdout
    assert done.stderr == "none of them starts supervised; next: mlsc kernels install\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--kernel", "nonsense"], "there is no kernel 'nonsense' here"),
        (["--user", "--sys-prefix"], "--user, --sys-prefix and --prefix exclude each other"),
    ],
)
def test_what_cannot_be_installed_is_a_sentence(ada: Person, arguments: list[str], why: str) -> None:
    done = ada.mlsc("kernels", "install", *arguments)
    assert (done.returncode, why in done.stderr) == (2, True)


def test_a_folder_that_cannot_be_written_is_a_sentence(ada: Person) -> None:
    (ada.home / "taken").write_text("a file")
    done = ada.mlsc("kernels", "install", "--prefix", str(ada.home / "taken"))
    assert (done.returncode, done.stderr.startswith("mlsc: python3-supervised could not be written")) == (3, True)


def test_names_that_a_person_chooses() -> None:
    assert supervised_name("Python 3 (ipykernel)") == "Python 3 (supervised)"
    assert supervised_name("Bash") == "Bash (supervised)"


@pytest.mark.parametrize(
    ("cmd", "loads"),
    [
        ([sys.executable, "-m", "ipykernel_launcher", "-f", "x"], True),
        ([sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel", "-f", "x"], True),
        ([sys.executable, "-m", "bash_kernel", "-f", "x"], False),
        (["/nowhere/bin/python", "-m", "ipykernel_launcher", "-f", "x"], False),
        (["xeus", "-m"], False),
        (["xeus", "-f", "x"], False),
    ],
)
def test_the_extension_is_loaded_by_ipython_kernels_that_have_it(cmd: list[str], loads: bool) -> None:
    assert with_extension(cmd) == ([*cmd, "--ext=jupyter_mlsc"] if loads else cmd)


def test_another_environment_that_has_the_package_is_known_without_running_it(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    (tmp_path / "lib/python3.12/site-packages/jupyter_mlsc-0.1.0.dist-info").mkdir(parents=True)
    cmd = [str(python), "-m", "ipykernel_launcher", "-f", "x"]
    assert with_extension(cmd) == [*cmd, "--ext=jupyter_mlsc"]


@pytest.mark.parametrize(
    ("session", "named"), [("/p/nb/work.ipynb", "nb/work.ipynb"), ("work.ipynb", "work.ipynb"), ("/q/x.ipynb", "../q/x.ipynb"), (None, None), ("", None)]
)
def test_a_notebook_is_named_relative_to_the_project(session: str | None, named: str | None) -> None:
    assert notebook_name(session, Path("/p")) == named


def test_a_profile_is_made_once_and_what_is_in_it_stays(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    prepare_profile(environ)
    profile = tmp_path / ".ipython" / "profile_default"
    assert {"startup", "security", "pid", "log"} <= set(os.listdir(profile))
    (profile / "startup" / "00-mine.py").write_text("mine = 1")
    prepare_profile(environ)
    assert (profile / "startup" / "00-mine.py").read_text() == "mine = 1"
    elsewhere = tmp_path / "elsewhere"
    prepare_profile({**environ, "IPYTHONDIR": str(elsewhere)})
    assert (elsewhere / "profile_default" / "startup" / "README").exists()


@pytest.mark.parametrize("argv", [["jupyter", "lab"], ["/opt/bin/jupyter-lab"], [sys.executable, "-m", "jupyter_server"], ["ipython"]])
def test_what_a_first_start_of_jupyter_makes_is_made_before(tmp_path: Path, argv: list[str]) -> None:
    prepare_for(argv, {"HOME": str(tmp_path)})
    assert (tmp_path / ".ipython/profile_default/startup/README").exists()
    assert (tmp_path / ".jupyter/migrated").exists()


def test_a_jupyter_that_is_there_is_left_alone_and_other_commands_need_nothing(tmp_path: Path) -> None:
    prepare_for([sys.executable, "train.py"], {"HOME": str(tmp_path)})
    assert os.listdir(tmp_path) == []
    (tmp_path / ".jupyter").mkdir()
    prepare_for(["jupyter", "lab"], {"HOME": str(tmp_path)})
    assert os.listdir(tmp_path / ".jupyter") == []


PORTS = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 7}


@pytest.mark.parametrize(
    ("said", "numbers"),
    [
        ({"transport": "ipc", **PORTS}, (1, 2, 3, 4, 7)),
        ({"transport": "ipc", **PORTS, "ip": "/home/ada/.ssh/id"}, (1, 2, 3, 4, 7)),  # a kernel may have written that, and is started again
        ({"transport": "tcp", **PORTS}, ()),
        ({"transport": "ipc", **PORTS, "hb_port": "1/../../x"}, ()),
        ([], ()),
        (None, ()),
    ],
)
def test_a_kernel_makes_its_own_unix_sockets_and_says_nothing_of_where(tmp_path: Path, said: object, numbers: tuple[int, ...]) -> None:
    place = tmp_path / "kernel-x.json"
    if said is not None:
        place.write_text(json.dumps(said))
    assert own_sockets(str(place)) == [str(tmp_path / f"kernel-x-ipc-{number}") for number in numbers]


OVER_UNIX_SOCKETS = """
import os, sys
from jupyter_client.manager import KernelManager
manager = KernelManager(kernel_name="python3-supervised", transport="ipc")
manager.start_kernel()
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=100)
folder = os.path.dirname(manager.connection_file)
said = client.execute_interactive(f"open({folder + '/other'!r}, 'w')", timeout=100)
print(said["content"]["ename"], sorted(os.listdir(folder)) == sorted(f"{os.path.splitext(os.path.basename(manager.connection_file))[0]}{end}"
      for end in (".json", *(f"-ipc-{number}" for number in manager.ports))))
client.stop_channels()
manager.shutdown_kernel(now=True)
"""


def test_a_kernel_is_spoken_to_over_unix_sockets_and_makes_nothing_else_beside_them(ada: Person, outside: Path) -> None:
    ada.mlsc("kernels", "install", "--user")
    # A Unix address has 107 bytes.
    environ = {**ada.environ, "JUPYTER_DATA_DIR": str(ada.home / ".local/share/jupyter"), "JUPYTER_RUNTIME_DIR": str(outside)}
    done = subprocess.run([sys.executable, "-c", OVER_UNIX_SOCKETS], cwd=ada.root, env=environ, capture_output=True, text=True, check=False, timeout=200)
    assert done.stdout.splitlines()[-1:] == ["PermissionError True"], done.stdout + done.stderr


LOOKS = """
import sys
for name in sys.argv[1:]:
    try: open(name, 'r+').close()
    except PermissionError: print('refused')
"""


def test_jupyters_look_at_its_mark_is_refused_without_a_word_and_any_other_with_one(ada: Person) -> None:
    prepare_for(["jupyter", "lab"], ada.environ)
    (ada.home / ".jupyter/jupyter_server_config.py").touch()
    done = ada.mlsc("exec", "--", sys.executable, "-c", LOOKS, *(str(ada.home / ".jupyter" / name) for name in ("migrated", "jupyter_server_config.py")))
    assert done.stdout.split() == ["refused", "refused"]
    assert ("migrated" in done.stderr, "jupyter_server_config.py was refused" in done.stderr) == (False, True)
