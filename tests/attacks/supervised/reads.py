"""Ways to the contents of a governed file that nobody signed, by its own name or by another."""

from __future__ import annotations

import array
import ctypes
import mmap
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.attacks.supervised.inside import Stage, Table, content, libc, syscall

ATTACKS = Table()
attack = ATTACKS.attack


def output(*command: str | Path) -> bytes:
    """What a program prints. Raises PermissionError where it could not read."""
    done = subprocess.run(command, capture_output=True, check=False, timeout=20)
    if b"ermission denied" in done.stderr:
        raise PermissionError(13, done.stderr.decode())
    return done.stdout


def rounds() -> Iterator[None]:
    """As many rounds of a race as fit into a few seconds."""
    ends = time.monotonic() + 4
    while time.monotonic() < ends:
        yield


@attack()
def an_ordinary_open(s: Stage) -> bytes:
    return s.secret.read_bytes()


@attack()
def open_by_number(s: Stage) -> bytes:
    return content(syscall(2, os.fsencode(s.secret), os.O_RDONLY, 0))


@attack()
def openat_by_number_with_a_folder(s: Stage) -> bytes:
    return content(syscall(257, os.open(s.data, os.O_PATH), b"secret.csv", os.O_RDONLY, 0))


@attack("EACCES ENOENT")
def openat2_in_root(s: Stage) -> bytes:
    return content(syscall(437, os.open(s.data, os.O_PATH), b"/secret.csv", (os.O_RDONLY).to_bytes(16, "little") + (0x10).to_bytes(8, "little"), 24))


@attack()
def a_remembered_free_folder_that_becomes_a_link(s: Stage) -> bytes:
    """Its names were told by their spelling a moment ago."""
    folder = s.free / "folder"
    folder.mkdir()
    (folder / "secret.csv").write_bytes(b"mine")
    for _ in range(50):
        (folder / "secret.csv").read_bytes()
    folder.rename(s.free / "before")
    folder.symlink_to(s.data)
    return (folder / "secret.csv").read_bytes()


@attack()
def a_remembered_free_file_that_becomes_a_link(s: Stage) -> bytes:
    name = s.free / "secret.csv"
    name.write_bytes(b"mine")
    for _ in range(50):
        name.read_bytes()
    (s.free / "next").symlink_to(s.secret)
    (s.free / "next").rename(name)
    return name.read_bytes()


@attack()
def a_remembered_folder_of_the_project_that_becomes_a_link(s: Stage) -> bytes:
    """No rule governs a name in it, so that opens there are answered the short way."""
    folder = s.project / f"work-{s.name}"
    folder.mkdir()
    (folder / "secret.csv").write_bytes(b"mine")
    for _ in range(50):
        (folder / "secret.csv").read_bytes()
    folder.rename(s.project / f"before-{s.name}")
    folder.symlink_to(s.data)
    return (folder / "secret.csv").read_bytes()


@attack()
def a_remembered_folder_that_is_flipped_with_a_link(s: Stage) -> bytes:
    """One thread exchanges a folder with a link to the governed one, another opens what lies behind the name."""
    folder, link = s.project / f"flip-{s.name}", s.project / f"link-{s.name}"
    folder.mkdir()
    (folder / "secret.csv").write_bytes(b"mine")
    link.symlink_to(s.data)
    over = threading.Event()

    def flip() -> None:
        while not over.is_set():
            syscall(316, -100, os.fsencode(folder), -100, os.fsencode(link), 2)

    sys.setswitchinterval(1e-5)
    other = threading.Thread(target=flip)
    other.start()
    refused = 0
    try:
        for _ in rounds():
            try:
                got = (folder / "secret.csv").read_bytes()
            except PermissionError:
                refused += 1
                continue
            if got != b"mine":
                return got
    finally:
        over.set()
        other.join()
    raise PermissionError(13, f"refused {refused} times")


@attack()
def a_working_folder_that_changes_under_a_relative_path(s: Stage) -> bytes:
    """One thread moves to and fro between an ungoverned folder and the governed one, which all threads share, another opens a relative path."""
    folder = s.project / f"here-{s.name}"
    folder.mkdir()
    (folder / "secret.csv").write_bytes(b"mine")
    over = threading.Event()

    def move() -> None:
        while not over.is_set():
            os.chdir(folder)
            os.chdir(s.data)

    sys.setswitchinterval(1e-5)
    other = threading.Thread(target=move)
    other.start()
    try:
        for _ in rounds():
            try:
                with open("secret.csv", "rb") as file:  # relative, by the call itself
                    got = file.read()
            except (PermissionError, FileNotFoundError):
                continue
            if got != b"mine":
                return got
    finally:
        over.set()
        other.join()
    raise PermissionError(13, "refused")


@attack("ENOTDIR", control=False)
def an_open_as_a_folder_which_nobody_is_asked_about(s: Stage) -> bytes:
    return content(syscall(257, -100, os.fsencode(s.secret), os.O_RDONLY | os.O_DIRECTORY, 0))


@attack()
def openat2_beneath(s: Stage) -> bytes:
    return content(syscall(437, os.open(s.data, os.O_PATH), b"secret.csv", (os.O_RDONLY).to_bytes(16, "little") + (0x08).to_bytes(8, "little"), 24))


@attack()
def openat2_without_links(s: Stage) -> bytes:
    return content(syscall(437, os.open(s.data, os.O_PATH), b"./secret.csv", (os.O_RDONLY).to_bytes(16, "little") + (0x04).to_bytes(8, "little"), 24))


@attack()
def open_to_read_and_write(s: Stage) -> bytes:
    return content(os.open(s.secret, os.O_RDWR))


@attack()
def open_to_append_and_read(s: Stage) -> bytes:
    return content(os.open(s.secret, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600))


@attack()
def dots_and_slashes(s: Stage) -> bytes:
    return Path(f"{s.data}/./../{s.name}//secret.csv").read_bytes()


@attack()
def a_way_through_a_system_folder(s: Stage) -> bytes:
    return Path(f"/usr/../{s.secret}").read_bytes()


@attack()
def a_way_through_a_free_folder(s: Stage) -> bytes:
    return Path(f"{s.free}/../../project/data/{s.name}/secret.csv").read_bytes()


@attack()
def a_link_in_a_free_folder(s: Stage) -> bytes:
    (s.free / "link").symlink_to(s.secret)
    return (s.free / "link").read_bytes()


@attack()
def a_link_to_a_link_to_its_folder(s: Stage) -> bytes:
    (s.free / "one").symlink_to(s.data)
    (s.project / f"two-{s.name}").symlink_to(s.free / "one")
    return (s.project / f"two-{s.name}" / "secret.csv").read_bytes()


@attack()
def a_relative_path_after_chdir(s: Stage) -> bytes:
    os.chdir(s.data)
    return Path("secret.csv").read_bytes()


@attack()
def proc_self_cwd(s: Stage) -> bytes:
    os.chdir(s.data)
    return Path("/proc/self/cwd/secret.csv").read_bytes()


@attack()
def proc_self_root(s: Stage) -> bytes:
    return Path(f"/proc/self/root{s.secret}").read_bytes()


@attack()
def proc_thread_self_root(s: Stage) -> bytes:
    return Path(f"/proc/thread-self/root{s.secret}").read_bytes()


@attack()
def root_of_the_supervisor(s: Stage) -> bytes:
    return Path(f"/proc/{s.supervisor}/root{s.secret}").read_bytes()


@attack()
def root_of_a_thread_of_the_supervisor(s: Stage) -> bytes:
    return Path(f"/proc/{s.supervisor}/task/{s.supervisor}/root{s.secret}").read_bytes()


@attack()
def working_folder_of_the_supervisor(s: Stage) -> bytes:
    return Path(f"/proc/{s.supervisor}/cwd/{'../' * 12}{s.secret}").read_bytes()


@attack(control=False)
def root_of_the_first_process(s: Stage) -> bytes:
    return Path(f"/proc/1/root{s.secret}").read_bytes()


@attack()
def a_path_descriptor_opened_again(s: Stage) -> bytes:
    return Path(f"/proc/self/fd/{os.open(s.secret, os.O_PATH)}").read_bytes()


@attack()
def a_path_descriptor_opened_by_dev_fd(s: Stage) -> bytes:
    return Path(f"/dev/fd/{os.open(s.secret, os.O_PATH)}").read_bytes()


@attack()
def a_path_descriptor_opened_by_a_child(s: Stage) -> bytes:
    number = os.open(s.secret, os.O_PATH)
    os.set_inheritable(number, True)
    done = subprocess.run(["cat", f"/proc/{os.getpid()}/fd/{number}"], capture_output=True, check=False, close_fds=False)
    if done.returncode:
        raise PermissionError(13, done.stderr)
    return done.stdout


@attack("EBADF", control=False)
def a_path_descriptor_mapped(s: Stage) -> bytes:
    return bytes(mmap.mmap(os.open(s.secret, os.O_PATH), 10, prot=mmap.PROT_READ))


@attack("EBADF", control=False)
def a_path_descriptor_sent_by_sendfile(s: Stage) -> bytes:
    ours, theirs = socket.socketpair()
    os.sendfile(ours.fileno(), os.open(s.secret, os.O_PATH), 0, 10)
    return theirs.recv(10)


@attack("ENOENT", control=False)
def an_empty_path_to_open(s: Stage) -> bytes:
    return content(syscall(257, os.open(s.secret, os.O_PATH), b"", os.O_RDONLY | 0x1000, 0))


@attack()
def a_path_descriptor_of_a_removed_file(s: Stage) -> bytes:
    number = os.open(s.secret, os.O_PATH)
    s.secret.unlink()
    return Path(f"/proc/self/fd/{number}").read_bytes()


@attack()
def a_path_descriptor_run_as_a_program(s: Stage) -> bytes:
    """execveat of a script whose interpreter prints it: the kernel would read it for us."""
    s.data.joinpath("run").write_text(f"#!/bin/cat {s.secret}\n")
    os.chmod(s.data / "run", 0o700)
    return output(s.data / "run")


@attack()
def a_descriptor_passed_between_processes(s: Stage) -> bytes:
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        number = os.open(s.secret, os.O_PATH)
        ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [number]))])
        os._exit(0)
    _, ancillary, _, _ = theirs.recvmsg(1, 100)
    os.wait()
    return Path(f"/proc/self/fd/{int.from_bytes(ancillary[0][2][:4], 'little')}").read_bytes()


@attack()
def a_child_process(s: Stage) -> bytes:
    return output(sys.executable, "-c", f"print(open({str(s.secret)!r}).read())")


@attack()
def a_grandchild_in_a_session_of_its_own(s: Stage) -> bytes:
    return output("setsid", "sh", "-c", f"(cat {s.secret}) & wait")


@attack()
def cat(s: Stage) -> bytes:
    return output("cat", s.secret)


@attack()
def cp(s: Stage) -> bytes:
    output("cp", s.secret, s.free / "copy")
    return (s.free / "copy").read_bytes()


@attack()
def dd(s: Stage) -> bytes:
    return output("dd", f"if={s.secret}", "status=none")


@attack()
def head(s: Stage) -> bytes:
    return output("head", "-c", "100", s.secret)


@attack()
def tar(s: Stage) -> bytes:
    return output("tar", "-cf", "-", "-C", s.data, "secret.csv")


@attack()
def mv_out_and_read(s: Stage) -> bytes:
    output("mv", s.secret, s.free / "moved")
    return (s.free / "moved").read_bytes()


@attack()
def the_shell_redirects(s: Stage) -> bytes:
    return output("bash", "-c", f"cat < {s.secret}")


@attack()
def git_hashes_it_into_a_repository(s: Stage) -> bytes:
    repository = s.free / "repository"
    output("git", "init", "-q", repository)
    output("git", f"--git-dir={repository}/.git", f"--work-tree={s.data}", "add", "secret.csv")
    return output("git", f"--git-dir={repository}/.git", "show", ":secret.csv")


@attack()
def the_c_library_reads_it(s: Stage) -> bytes:
    libc.fopen.restype = ctypes.c_void_p
    file = libc.fopen(os.fsencode(s.secret), b"rb")
    if not file:
        raise OSError(ctypes.get_errno(), "fopen")
    buffer = ctypes.create_string_buffer(100)
    libc.fread(buffer, 1, 100, ctypes.c_void_p(file))
    return buffer.raw


@attack()
def a_module_search_path(s: Stage) -> bytes:
    """zipimport, linecache and the import system open by themselves."""
    import linecache

    lines = linecache.getlines(str(s.secret))
    if not lines:
        os.open(s.secret, os.O_RDONLY)
    return lines[0].encode()


@attack()
def a_copy_range(s: Stage) -> bytes:
    shutil.copyfile(s.secret, s.free / "copy")
    return (s.free / "copy").read_bytes()


@attack("EBADF", control=False)
def a_reflink_from_a_path_descriptor(s: Stage) -> bytes:
    target = os.open(s.free / "clone", os.O_RDWR | os.O_CREAT)
    if libc.ioctl(target, 0x40049409, os.open(s.secret, os.O_PATH)):
        raise OSError(ctypes.get_errno(), "FICLONE")
    return content(target)


@attack("EPERM", control=False)
def a_file_handle(s: Stage) -> bytes:
    handle, mount = ctypes.create_string_buffer((128).to_bytes(4, "little"), 136), ctypes.c_int()
    syscall(303, -100, os.fsencode(s.secret), handle, ctypes.byref(mount), 0)
    return content(syscall(304, os.open("/", os.O_RDONLY), handle, os.O_RDONLY))


@attack("none", control=False)
def inotify_tells_no_contents(s: Stage) -> str:
    watch = libc.inotify_init()
    libc.inotify_add_watch(watch, os.fsencode(s.data), 0xFFF)
    (s.data / "new").write_bytes(b"x")
    told = os.read(watch, 4096)
    return "none" if b"new" in told else "nothing was told"


@attack("EPERM", control=False)
def fanotify_with_contents(s: Stage) -> bytes:
    return bytes([syscall(300, 4, os.O_RDONLY)])


@attack("EACCES ENOEXEC")
def read_as_a_loaded_library(s: Stage) -> bytes:
    """dlopen maps a file without reading it by hand."""
    libc.dlopen.restype = ctypes.c_void_p
    libc.dlerror.restype = ctypes.c_char_p
    if not libc.dlopen(os.fsencode(s.secret), 2):
        told = libc.dlerror()
        if b"Permission" in told:
            raise PermissionError(13, told.decode())
        return s.secret.read_bytes()  # it was opened, and is no library
    return b""


@attack()
def made_its_own_by_linking_a_symbolic_link_over_a_signed_name(s: Stage) -> bytes:
    """A governed name that leads to a governed file that nobody signed."""
    (s.data / "signed.csv").unlink()
    (s.data / "signed.csv").symlink_to(s.secret)
    return (s.data / "signed.csv").read_bytes()


@attack()
def a_governed_name_that_leads_to_an_ungoverned_file(s: Stage) -> bytes:
    (s.project / "outside.csv").write_bytes(b"the-marker-of-an-unsigned-file")
    (s.data / "link.csv").symlink_to(s.project / "outside.csv")
    return (s.data / "link.csv").read_bytes()


@attack()
def run_by_a_memory_file(s: Stage) -> bytes:
    """Code from memory is supervised like any other."""
    number = os.memfd_create("cat")
    with open("/bin/cat", "rb") as program:
        os.write(number, program.read())
    return output(f"/proc/{os.getpid()}/fd/{number}", s.secret)


@attack()
def preloaded_into_a_child(s: Stage) -> bytes:
    """LD_PRELOAD changes a child, not what decides."""
    source = s.free / "opens.c"
    source.write_text('#include <stdlib.h>\n__attribute__((constructor)) static void f(void){unsetenv("LD_PRELOAD");system("/bin/cat $TARGET");}\n')
    output("gcc", "-shared", "-fPIC", "-o", s.free / "opens.so", source)
    done = subprocess.run(
        ["/bin/sleep", "0"], env={"LD_PRELOAD": f"{s.free}/opens.so", "TARGET": str(s.secret), "PATH": "/bin"}, capture_output=True, check=False
    )
    if b"ermission denied" in done.stderr:
        raise PermissionError(13, "cat")
    return done.stdout
