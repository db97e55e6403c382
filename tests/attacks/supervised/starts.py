"""Ways to be run later, outside: start-up files, hooks, environments; and ways to secrets that open other doors."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tests.attacks.supervised.inside import MARKER, Stage, Table, libc

if TYPE_CHECKING:
    from tests.conftest import Person

ATTACKS = Table()
attack = ATTACKS.attack
SITE = Path(sysconfig.get_path("purelib"))

_IN_HOME = """.bashrc .bash_profile .profile .zshrc .inputrc .vimrc .pdbrc .condarc .gitconfig .config/systemd/user/evil.service .config/autostart/evil.desktop
.config/git/config .config/pip/pip.conf .ipython/profile_default/startup/00.py .ipython/profile_default/ipython_config.py .ipython/extensions/evil.py
.jupyter/jupyter_server_config.py .jupyter/custom/custom.js .local/share/jupyter/kernels/python3/kernel.json .local/share/jupyter/labextensions/evil/index.js
.local/lib/python3.11/site-packages/usercustomize.py .local/lib/python3.11/site-packages/evil.pth .local/bin/git .pam_environment
.ssh/authorized_keys .ssh/config .local/share/applications/evil.desktop"""
_IN_PROJECT = ".envrc .env .git/hooks/post-checkout .git/config .vscode/tasks.json .devcontainer/devcontainer.json .pre-commit-config.yaml .ipython/x.py"


def writes(name: str, place: Callable[[Stage], Path], meets: str = "EACCES") -> None:
    """Register two attacks: writing a file at a place, and moving one there."""

    def written(s: Stage) -> str:
        target = place(s)
        os.makedirs(target.parent, exist_ok=True)
        with open(target, "ab") as file:
            file.write(b"# evil\n")
        return "reached"

    def moved(s: Stage) -> str:
        target = place(s)
        (s.project / f"{s.name}.new").write_bytes(b"# evil\n")
        os.makedirs(target.parent, exist_ok=True)
        os.replace(s.project / f"{s.name}.new", target)
        return "reached"

    def linked(s: Stage) -> str:
        target = place(s)
        os.makedirs(target.parent, exist_ok=True)
        os.symlink(s.free / "evil", target.with_name(f"another-{target.name}"))
        return "reached"

    short = name.replace("/", "_").replace(".", "_").strip("_")
    for does in (written, moved) if not name.endswith((".pth", "kernel.json", "usercustomize.py")) else (written, moved, linked):
        does.__name__ = f"{short}_{does.__name__}"
        attack(meets)(does)


for _name in _IN_HOME.split():
    writes(_name, lambda s, name=_name: s.home / name)  # type: ignore[misc]
for _name in _IN_PROJECT.split():
    writes(f"project_{_name}", lambda s, name=_name: s.project / name)  # type: ignore[misc]


@attack(control=False)
def a_pth_file_in_the_environment(s: Stage) -> str:
    (SITE / "evil.pth").write_text("import os\n")
    return "reached"


@attack(control=False)
def a_pth_link_in_the_environment(s: Stage) -> str:
    (SITE / "evil.pth").symlink_to(s.free / "evil.pth")
    return "reached"


@attack(control=False)
def sitecustomize_in_the_environment(s: Stage) -> str:
    (SITE / "sitecustomize.py").write_text("\n")
    return "reached"


@attack(control=False)
def this_very_package(s: Stage) -> str:
    import jupyter_mlsc

    with open(jupyter_mlsc.__file__, "ab"):
        return "reached"


@attack(control=False)
def a_module_beside_this_very_package(s: Stage) -> str:
    """Where the supervisor's own imports are looked for first."""
    import jupyter_mlsc

    (Path(jupyter_mlsc.__file__).parent / "evil.py").write_text("\n")
    return "reached"


def through_links(name: str, place: Path) -> None:
    """Register attacks on a folder that is read and not written, by links that lie where the tree may make them: in the project, and under a governed name.

    What is made is taken away again, and what is there is left as it is: where the attack succeeds, the folder is everybody's.
    """

    def made(s: Stage, link: Path, target: Path, *, whole: bool) -> str:
        link.symlink_to(target if whole else target.parent)
        with open(link if whole else link / target.name, "wb"):
            target.unlink()
        return "reached"

    def folder_made(s: Stage, link: Path, target: Path) -> str:
        link.symlink_to(target.parent)
        (link / target.name).mkdir()
        target.rmdir()
        return "reached"

    def moved_in(s: Stage, link: Path, target: Path) -> str:
        link.symlink_to(target.parent)
        (s.project / s.name).write_bytes(b"")
        os.rename(s.project / s.name, link / target.name)
        target.unlink()
        return "reached"

    def file_without_a_name(s: Stage, link: Path, target: Path) -> str:
        link.symlink_to(target.parent)
        os.close(os.open(link, os.O_TMPFILE | os.O_WRONLY))
        return "reached"

    def relabelled(s: Stage, link: Path, target: Path) -> str:
        link.symlink_to(target.parent)
        os.chmod(link, os.stat(link).st_mode & 0o7777)
        return "reached"

    def dated(s: Stage, link: Path, target: Path) -> str:
        link.symlink_to(target.parent)
        os.utime(link, ns=(os.stat(link).st_atime_ns, os.stat(link).st_mtime_ns))
        return "reached"

    ways: dict[str, Callable[[Stage, Path, Path], str]] = {
        "file": lambda s, link, target: made(s, link, target, whole=False),
        "file_that_a_link_names": lambda s, link, target: made(s, link, target, whole=True),
        "folder": folder_made,
        "moved_file": moved_in,
        "nameless_file": file_without_a_name,
        "mode": relabelled,
        "date": dated,
    }
    for where in ("project", "governed"):
        for what, does in ways.items():

            def through(s: Stage, where: str = where, does: Callable[[Stage, Path, Path], str] = does) -> str:
                return does(s, (s.project if where == "project" else s.data) / f"{s.name}.csv", place / f"mlsc-{s.name}")

            through.__name__ = f"{what}_in_{name}_through_a_link_in_a_{where}_folder"
            attack(control=False)(through)


through_links("the_environment", SITE)
through_links("the_systems_settings", Path("/etc"))


@attack(control=False)
def a_system_folders_file_opened_to_write_through_a_link(s: Stage) -> str:
    (s.project / f"{s.name}.csv").symlink_to(os.__file__)
    with open(s.project / f"{s.name}.csv", "ab"):
        return "reached"


@attack(control=False)
def a_system_folders_file_cut_to_its_own_length_through_a_link(s: Stage) -> str:
    (s.project / f"{s.name}.csv").symlink_to(os.__file__)
    os.truncate(s.project / f"{s.name}.csv", os.stat(os.__file__).st_size)
    return "reached"


@attack("EACCES EXDEV", control=False)
def a_system_folders_file_linked_by_what_a_link_leads_to(s: Stage) -> str:
    """linkat(2) with AT_SYMLINK_FOLLOW, which Python never says: the new name would be written to."""
    (s.project / f"{s.name}.csv").symlink_to(os.__file__)
    source, target = os.fsencode(s.project / f"{s.name}.csv"), os.fsencode(s.project / f"{s.name}.hard")
    if libc.linkat(-100, source, -100, target, 0x400):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return "reached"


@attack("EACCES ETXTBSY", control=False)
def the_interpreter(s: Stage) -> str:
    with open(os.path.realpath(sys.executable), "ab"):
        return "reached"


@attack(control=False)
def the_library_of_the_interpreter(s: Stage) -> str:
    with open(os.__file__, "ab"):
        return "reached"


@attack(control=False)
def the_preload_list(s: Stage) -> str:
    with open("/etc/ld.so.preload", "ab"):
        return "reached"


@attack(control=False)
def a_time_table(s: Stage) -> str:
    with open("/etc/cron.d/evil", "ab"):
        return "reached"


@attack("EACCES EPERM", control=False)
def another_terminal(s: Stage) -> str:
    """A pty that somebody outside holds; `test_starts` opens one and names it."""
    with open(os.environ["ARENA_TERMINAL"], "wb", buffering=0) as terminal:
        terminal.write(b"x")
    return "reached"


@attack("EACCES EPERM", control=False)
def another_terminals_mode(s: Stage) -> str:
    os.chmod(os.environ["ARENA_TERMINAL"], 0o666)
    return "reached"


_SECRETS = """.ssh/id_ed25519 .aws/credentials .netrc .kube/config .docker/config.json .git-credentials .pypirc .gnupg/secring.gpg .config/gh/hosts.yml
.huggingface/token .local/share/jupyter/runtime/jpserver-1.json .local/share/jupyter/runtime/jupyter_cookie_secret
.local/share/jupyter/runtime/kernel-other.json dotfiles/aws/credentials"""
for _name in _SECRETS.split():

    def _register(name: str) -> None:
        def read(s: Stage) -> bytes:
            return (s.home / name).read_bytes()

        read.__name__ = f"reads_{name.replace('/', '_').replace('.', '_').strip('_')}"
        attack()(read)

    _register(_name)


def with_secrets(ada: Person) -> Person:
    """Put into Ada's home what opens other doors. Outside, before the attacks."""
    for name in _SECRETS.split():
        secret = ada.home / name
        secret.parent.mkdir(parents=True, exist_ok=True)
        secret.write_bytes(MARKER)
    (ada.home / ".azure").symlink_to("dotfiles/aws")
    return ada


PASSPHRASE = "the-marker-of-a-passphrase"


def secret_variables(terminal: str) -> dict[str, str]:
    """What the supervisor is started with and nobody inside may see; the name of a pty that somebody outside holds."""
    tokens = dict.fromkeys(("MLSC_KEY_PASSPHRASE", "JUPYTER_TOKEN", "JPY_API_TOKEN", "JUPYTERHUB_API_TOKEN", "AWS_SECRET_ACCESS_KEY"), PASSPHRASE)
    return {**tokens, "SSH_AUTH_SOCK": "/nowhere", "ARENA_TERMINAL": terminal}


@attack("nothing", control=False)
def secrets_in_the_environment(s: Stage) -> str:
    names = [
        name
        for name in ("MLSC_KEY_PASSPHRASE", "JUPYTER_TOKEN", "JPY_API_TOKEN", "JUPYTERHUB_API_TOKEN", "SSH_AUTH_SOCK", "AWS_SECRET_ACCESS_KEY")
        if name in os.environ
    ]
    return ",".join(names) or "nothing"


@attack("nothing EACCES", control=False)
def secrets_in_the_environments_of_others(s: Stage) -> str:
    """Of every process that there is, by every name that it has in /proc."""
    found = []
    for number in filter(str.isdigit, os.listdir("/proc")):
        for name in ("environ", "task/" + number + "/environ", "cmdline"):
            try:
                if PASSPHRASE.encode() in Path(f"/proc/{number}/{name}").read_bytes():
                    found.append(f"{number}/{name}")
            except OSError:
                continue
    return ",".join(found) or "nothing"


@attack("nothing", control=False)
def secrets_that_ps_shows(s: Stage) -> str:
    shown = subprocess.run(["ps", "eaxww"], capture_output=True, check=False).stdout
    return "reached" if PASSPHRASE.encode() in shown else "nothing"


@attack("nothing", control=False)
def a_fake_package_in_the_working_folder(s: Stage) -> str:
    """`test_starts` looks for what it would leave when somebody outside imported it."""
    for place in (s.project, s.project / "jupyter_mlsc"):
        place.mkdir(exist_ok=True)
        for name in ("jupyter_mlsc.py", "msgspec.py", "__init__.py", "sitecustomize.py", "usercustomize.py", "subprocess.py"):
            (place / name).write_text(f"open({str(s.free / 'imported')!r}, 'w')\n")
    return "nothing"
