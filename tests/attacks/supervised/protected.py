"""Ways to change, replace, lock or take away what rules and records: the ledger, the keys, the policy, and the folders that hold them."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

from tests.attacks.supervised.inside import Stage, Table, identity, libc, syscall

ATTACKS = Table()
attack = ATTACKS.attack
LEDGER, WAL, LOCK, POLICY = ".mlsc/ledger.db", ".mlsc/ledger.db-wal", ".mlsc/ledger.db-lock", "mlsc.toml"


def protected(s: Stage) -> list[Path]:
    """All that no attack may touch."""
    return [s.root, s.home, s.keys, s.project, s.project / ".mlsc", s.project / LEDGER, s.project / POLICY, *sorted(s.keys.iterdir())]


def changed(s: Stage, does: Callable[[], object]) -> str:
    """Do something, and say whether anything protected is another one now. Raises what the attack met, where nothing is."""
    things = protected(s)
    before = [identity(each) for each in things]
    met: OSError | None = None
    try:
        does()
    except OSError as err:
        met = err
    if [identity(each) for each in things] != before:
        return "reached"
    if met is not None:
        raise met
    return "kept"


def changes(does: Callable[[Stage], object], meets: str = "EACCES", *, control: bool = True) -> None:
    """Register an attack on what is protected."""

    def attack_it(s: Stage) -> str:
        return changed(s, lambda: does(s))

    attack_it.__name__ = does.__name__
    attack(meets, control=control)(attack_it)


def change(meets: str = "EACCES", *, control: bool = True) -> Callable[[Callable[[Stage], object]], None]:
    """As a decorator."""

    def register(does: Callable[[Stage], object]) -> None:
        changes(does, meets, control=control)

    return register


def swapped_link(s: Stage, target: Path) -> Path:
    """A symbolic link in a free folder."""
    (s.free / "link").symlink_to(target)
    return s.free / "link"


for _name, _path in (("policy", POLICY), ("ledger", LEDGER), ("folder_of_the_ledger", ".mlsc")):

    def _register(name: str, path: str) -> None:
        def removed(s: Stage) -> None:
            target = s.project / path
            shutil.rmtree(target) if target.is_dir() else target.unlink()

        def renamed(s: Stage) -> None:
            (s.project / path).rename(s.project / "aside")

        def renamed_to_a_free_folder(s: Stage) -> None:
            (s.project / path).rename(s.free / "aside")

        def replaced(s: Stage) -> None:
            (s.project / f"new-{s.name}").write_bytes(b"version = 1\n")
            (s.project / f"new-{s.name}").replace(s.project / path)

        def exchanged(s: Stage) -> None:
            (s.project / f"new-{s.name}").mkdir()
            syscall(316, -100, os.fsencode(s.project / f"new-{s.name}"), -100, os.fsencode(s.project / path), 2)

        def hidden_by_mode(s: Stage) -> None:
            os.chmod(s.project / path, 0)

        def hidden_by_mode_of_a_path_descriptor(s: Stage) -> None:
            syscall(452, os.open(s.project / path, os.O_PATH), b"", 0, 0x1000)

        def made_older(s: Stage) -> str:
            before = os.stat(s.project / path).st_mtime_ns
            os.utime(s.project / path, ns=(1, 1))
            return "reached" if os.stat(s.project / path).st_mtime_ns != before else "kept"

        def given_an_attribute(s: Stage) -> str:
            os.setxattr(s.project / path, "user.mlsc", b"x")
            return "reached"

        for does in (removed, renamed, renamed_to_a_free_folder, exchanged, hidden_by_mode):
            does.__name__ = f"the_{name}_{does.__name__}"
            changes(does)
        if path != ".mlsc":
            replaced.__name__ = f"the_{name}_replaced"
            changes(replaced)
        hidden_by_mode_of_a_path_descriptor.__name__ = f"the_{name}_hidden_by_mode_of_a_path_descriptor"
        changes(hidden_by_mode_of_a_path_descriptor, "EACCES ENOSYS", control=False)
        for given in (made_older, given_an_attribute):
            given.__name__ = f"the_{name}_{given.__name__}"
            attack()(given)

    _register(_name, _path)


@change()
def the_policy_cut(s: Stage) -> None:
    os.truncate(s.project / POLICY, 0)


@change()
def the_policy_cut_by_an_open(s: Stage) -> None:
    os.open(s.project / POLICY, os.O_RDONLY | os.O_TRUNC)


@change()
def the_policy_written(s: Stage) -> None:
    with open(s.project / POLICY, "ab") as file:
        file.write(b"# x\n")


@change()
def the_policy_written_through_a_link(s: Stage) -> None:
    with open(swapped_link(s, s.project / POLICY), "ab") as file:
        file.write(b"# x\n")


@change()
def the_policy_written_through_an_open_descriptor(s: Stage) -> None:
    number = os.open(s.project / POLICY, os.O_RDONLY)
    with open(f"/proc/self/fd/{number}", "ab") as file:
        file.write(b"# x\n")


@change()
def the_policys_mode_by_an_open_descriptor(s: Stage) -> None:
    os.fchmod(os.open(s.project / POLICY, os.O_RDONLY), 0o600)


@change("EACCES")
def the_policy_linked_to_a_name_that_can_be_written(s: Stage) -> None:
    os.link(s.project / POLICY, s.free / "policy")
    with open(s.free / "policy", "ab") as file:
        file.write(b"# x\n")


@change()
def the_folder_of_the_ledger_by_an_open_descriptor(s: Stage) -> None:
    os.fchmod(os.open(s.project / ".mlsc", os.O_RDONLY), 0)


@change("EACCES", control=False)
def a_folder_in_the_place_of_the_ledgers(s: Stage) -> None:
    (s.project / f"new-{s.name}").mkdir()
    (s.project / f"new-{s.name}").replace(s.project / ".mlsc")


@change()
def the_project_renamed(s: Stage) -> None:
    s.project.rename(s.root / "aside")


@change()
def the_project_hidden_by_mode(s: Stage) -> None:
    """The supervisor has no capability that would let it in."""
    os.chmod(s.project, 0)


@change()
def the_project_hidden_by_the_mode_of_a_descriptor(s: Stage) -> None:
    os.fchmod(os.open(s.project, os.O_RDONLY), 0o100)


@attack(control=False)
def the_project_hidden_by_an_access_list(s: Stage) -> str:
    nobody = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, 0, 0xFFFF_FFFF) for tag in (1, 4, 0x20))
    os.setxattr(s.project, "system.posix_acl_access", nobody)
    return "reached"


@change()
def the_folder_above_renamed(s: Stage) -> None:
    s.root.rename(s.root.with_name(f"aside-{s.root.name}"))


@change()
def the_folder_above_hidden_by_mode(s: Stage) -> None:
    os.chmod(s.root, 0)


@change()
def the_home_renamed(s: Stage) -> None:
    s.home.rename(s.root / "aside")


@change()
def the_home_hidden_by_mode(s: Stage) -> None:
    os.chmod(s.home, 0)


@change()
def the_keys_renamed(s: Stage) -> None:
    s.keys.rename(s.free / "keys")


@change()
def the_keys_removed(s: Stage) -> None:
    for each in s.keys.iterdir():
        each.unlink() if each.is_file() else shutil.rmtree(each)


@change()
def the_keys_hidden_by_mode(s: Stage) -> None:
    os.chmod(s.keys, 0)


@change()
def a_key_linked_out(s: Stage) -> None:
    key = next(p for p in sorted(s.keys.rglob("*")) if p.is_file())
    os.link(key, s.free / "key")
    os.chmod(s.keys, 0o777)


@attack()
def a_key_read(s: Stage) -> str:
    for key in sorted(s.keys.rglob("*")):
        if key.is_file():
            key.read_bytes()
    return "reached"


@attack()
def a_key_read_by_a_path_descriptor(s: Stage) -> str:
    key = next(p for p in sorted(s.keys.rglob("*")) if p.is_file())
    Path(f"/proc/self/fd/{os.open(key, os.O_PATH)}").read_bytes()
    return "reached"


@attack()
def a_key_read_from_its_folder_as_working_folder(s: Stage) -> str:
    key = next(p for p in sorted(s.keys.rglob("*")) if p.is_file())
    os.chdir(key.parent)
    Path(key.name).read_bytes()
    return "reached"


@attack()
def the_ledger_read(s: Stage) -> str:
    return "reached" if (s.project / LEDGER).read_bytes() else "empty"


@attack()
def the_ledger_opened_by_sqlite(s: Stage) -> str:
    import sqlite3

    try:
        sqlite3.connect(s.project / LEDGER).execute("select * from sqlite_master").fetchall()
    except sqlite3.OperationalError as err:
        raise PermissionError(13, str(err)) from err
    return "reached"


@attack()
def the_ledgers_lock_taken(s: Stage) -> str:
    """Whoever holds it keeps everybody from recording."""
    fcntl.flock(os.open(s.project / LOCK, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
    return "reached"


@attack()
def a_lock_of_the_keys_taken(s: Stage) -> str:
    name = next((p for p in s.keys.rglob("*lock*") if p.is_file()), next(p for p in s.keys.rglob("*") if p.is_file()))
    fcntl.flock(os.open(name, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
    return "reached"


@attack()
def a_lease_on_the_ledger(s: Stage) -> str:
    fcntl.fcntl(os.open(s.project / LEDGER, os.O_RDONLY), 1024, fcntl.F_RDLCK)
    return "reached"


@attack()
def a_write_ahead_log_of_our_own(s: Stage) -> str:
    """SQLite would replay it."""
    (s.project / ".mlsc/ledger.db-journal").write_bytes(b"x")
    return "reached"


@attack()
def a_claim_file_of_our_own(s: Stage) -> str:
    (s.project / ".mlsc/claims/forged.jsonl").write_bytes(b"{}\n")
    return "reached"


@attack()
def a_temporary_file_linked_into_the_claims(s: Stage) -> str:
    number = os.open(s.project, os.O_TMPFILE | os.O_RDWR, 0o600)
    syscall(265, -100, b"/proc/self/fd/%d" % number, -100, os.fsencode(s.project / ".mlsc/claims/forged.jsonl"), 0x400)
    return "reached"


@attack()
def a_temporary_file_in_the_folder_of_the_ledger(s: Stage) -> str:
    os.open(s.project / ".mlsc", os.O_TMPFILE | os.O_RDWR, 0o600)
    return "reached"


@attack("EPERM", control=False)
def a_device_node(s: Stage) -> str:
    os.mknod(s.free / "node", 0o600 | 0o060000, os.makedev(254, 0))
    return "reached"


@attack("EPERM", control=False)
def verity_on_the_policy(s: Stage) -> str:
    """FS_IOC_ENABLE_VERITY takes a descriptor that can only read."""
    arguments = struct.pack("<IIIIQIIQ11Q", 1, 1, 4096, 0, 0, 0, 0, 0, *([0] * 11))
    if libc.ioctl(os.open(s.project / POLICY, os.O_RDONLY), 0x40806685, ctypes.c_char_p(arguments)) < 0:
        raise OSError(ctypes.get_errno(), "verity")
    return "reached"


@attack("EPERM", control=False)
def the_policy_made_immutable(s: Stage) -> str:
    flags = ctypes.c_int(0x10)
    if libc.ioctl(os.open(s.project / POLICY, os.O_RDONLY), 0x40086602, ctypes.addressof(flags)) < 0:
        raise OSError(ctypes.get_errno(), "immutable")
    return "reached"


@attack("nothing", control=False)
def a_core_dump_beside_the_ledger(s: Stage) -> str:
    """The kernel writes it for us, into the working folder."""
    import resource
    import signal

    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        os.chdir(s.project / ".mlsc")
        os.kill(os.getpid(), signal.SIGQUIT)
    os.waitpid(pid, 0)
    return "reached" if any(name.startswith("core") for name in os.listdir(s.project / ".mlsc")) else "nothing"
