"""Honest work on files gives the same result supervised and not: temporary files, trees, archives, compilers, locks, crowds of files and commands.

Rules kept: as in test_workloads.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.sandbox.accounts import Account, last_line
from tests.sandbox.workloads import is_alike, python, repository_of, twice

_TEMPORARY = """
import os, tempfile
with tempfile.TemporaryFile() as file:
    file.write(b"x"), file.seek(0), print(file.read(), os.fstat(file.fileno()).st_nlink)
with tempfile.NamedTemporaryFile("w+", suffix=".txt") as file:
    file.write("named"), file.flush(), print(open(file.name).read(), oct(os.stat(file.name).st_mode))
with tempfile.TemporaryDirectory() as folder:
    os.makedirs(folder + "/a/b"), open(folder + "/a/b/c", "w").write("1"), os.symlink("a", folder + "/l")
    print(sorted(os.listdir(folder)), open(folder + "/l/b/c").read())
print(os.path.exists(folder))
with tempfile.SpooledTemporaryFile(10) as file:
    file.write(b"y" * 100), file.seek(0), print(len(file.read()))
descriptor, name = tempfile.mkstemp(dir=".")
os.write(descriptor, b"z"), os.close(descriptor), os.rename(name, "made"), print(oct(os.stat("made").st_mode))
with open(os.open(".", os.O_TMPFILE | os.O_RDWR, 0o644), "wb") as file:
    file.write(b"linked"), file.flush()
    os.link(f"/proc/self/fd/{file.fileno()}", "linked", src_dir_fd=os.open("/", os.O_PATH), follow_symlinks=True)
print(open("linked").read())
for number, path in enumerate(("/", "/usr", "/usr/bin/env", ".", "linked")):
    for make in (os.mkdir, os.mkfifo, lambda path: os.symlink("x", path)):
        try:
            make(path)
        except OSError as err:
            print(number, err.errno)
"""
_TREES = """
import os, shutil, stat
os.makedirs("tree/sub/deep"), os.symlink("sub", "tree/link"), os.mkfifo("tree/fifo")
for number in range(200):
    path = f"tree/sub/{number}"
    open(path, "w").write(str(number)), os.chmod(path, 0o600 + number % 8 * 9), os.utime(path, (1e9 + number, 2e9 + number / 7))
os.unlink("tree/fifo")
os.chmod("tree/sub/deep", 0o2751)
shutil.copytree("tree", "copy", symlinks=True), shutil.copytree("tree", "followed"), shutil.move("copy/sub", "copy/moved")
shutil.make_archive("packed", "tar", "tree"), shutil.rmtree("followed/link"), os.replace("tree/sub/1", "tree/sub/2"), os.link("tree/sub/3", "tree/sub/hard")
with open("tree/sub/4", "r+b") as file:
    file.truncate(0)
os.truncate("tree/sub/5", 2), os.setxattr("tree/sub/6", "user.x", b"1") if os.uname().sysname == "Linux" else None
print(os.getxattr("tree/sub/6", "user.x"), sorted(os.listdir("copy")), os.path.samefile("tree/sub/3", "tree/sub/hard"))
"""


def test_temporary_files_and_folders_behave(project: Account, work: Path) -> None:
    assert is_alike(*twice(project, *python(_TEMPORARY)))


def test_trees_are_copied_moved_and_removed_with_modes_and_times(project: Account, work: Path) -> None:
    plain, supervised = twice(project, *python(_TREES), ignore=("packed.tar",))
    assert is_alike(plain, supervised)


def test_archives_unpack_with_modes_times_and_links(project: Account, work: Path) -> None:
    repository_of(work / "source", 200)
    for number, path in enumerate(sorted((work / "source").rglob("*"))):
        if not path.is_symlink():
            path.chmod(0o700 | number % 64)
            os.utime(path, (1_600_000_000 + number, 1_600_000_000 + number))
    subprocess.run("tar cf a.tar source && zip -qry b.zip source && gzip -k a.tar && rm -r source", shell=True, cwd=work, check=True)
    script = "mkdir t g z p && tar xf a.tar -C t && tar xzpf a.tar.gz -C g && unzip -q b.zip -d z && "
    script += f"{sys.executable} -c \"import tarfile; tarfile.open('a.tar').extractall('p', filter='fully_trusted')\""
    names = ("t", "g", "z", "p")
    plain, supervised = twice(project, "sh", "-c", script, times=True)
    # The folders that were made in this run are as old as this run, and so are links that no tool dates.
    for each in (plain.files, supervised.files):
        for name in names:
            each[name] = each[name][:3]
        for name in ("p/source/link", "z/source/link"):
            each[name] = (*each[name][:3], each[name][-1])
    assert is_alike(plain, supervised)


def test_make_and_gcc_build_a_program_that_runs_where_the_policy_lets_it(project: Account, work: Path) -> None:
    (work / "build").mkdir()
    (work / "main.c").write_text(
        '#include <stdio.h>\nint main(void) { FILE *f = fopen("out.txt", "w"); fputs("made\\n", f); fclose(f); puts("ran"); return 0; }\n'
    )
    (work / "Makefile").write_text("build/main: build/main.o\n\tgcc -o $@ $<\nbuild/main.o: main.c\n\tgcc -c -o $@ $<\nrun: build/main\n\tbuild/main\n")
    plain, supervised = twice(project, "make", "-s", "run")
    assert is_alike(plain, supervised)
    assert supervised.output == "ran\n"


def test_program_that_was_built_where_the_policy_names_nothing_does_not_run(project: Account, work: Path) -> None:
    (work / "main.c").write_text("int main(void) { return 0; }\n")
    plain, supervised = twice(project, "sh", "-c", "gcc -o main main.c && ./main")
    assert plain.status == 0
    assert (supervised.status, "ermission denied" in supervised.errors) == (126, True)


_LOCKS = '''
import fcntl, os, subprocess, sys
def other(how):
    code = f"""
import fcntl
with open('lock', 'r+') as file:
    try:
        fcntl.{how}(file, fcntl.LOCK_EX | fcntl.LOCK_NB), print('got', flush=True)
    except OSError as err:
        print(err.errno, flush=True)
"""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
open("lock", "w").close()
for how in ("flock", "lockf"):
    with open("lock", "r+") as file:
        getattr(fcntl, how)(file, fcntl.LOCK_EX)
        print(how, other(how))
        getattr(fcntl, how)(file, fcntl.LOCK_UN)
        print(how, other(how))
with open("lock") as one, open("lock") as two:
    fcntl.flock(one, fcntl.LOCK_SH), fcntl.flock(two, fcntl.LOCK_SH), print("shared")
descriptor = os.open("exclusive", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
try:
    os.open("exclusive", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
except FileExistsError as err:
    print(err.errno)
'''


def test_file_locks_hold_between_processes(project: Account, work: Path) -> None:
    assert is_alike(*twice(project, *python(_LOCKS)))


# Crowds

_MANY = """
import errno, os, resource
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 12_000), hard))
os.mkdir("many")
held = [os.open(f"many/{number % 500}", os.O_CREAT | os.O_RDWR, 0o640) for number in range(10_000)]
print(len(set(held)), sum(os.write(each, b"x") for each in held[:500]))
for each in held:
    os.close(each)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
held = []
try:
    while True:
        held.append(os.open("many/1", os.O_RDONLY))
except OSError as err:
    print(len(held) < 64, err.errno == errno.EMFILE)
"""


def test_ten_thousand_descriptors_are_open_at_once_and_the_limit_is_the_callers(project: Account, work: Path) -> None:
    assert is_alike(*twice(project, *python(_MANY)))


def test_eight_supervised_commands_at_once_each_do_their_own(project: Account, work: Path) -> None:
    code = """
import pathlib, sys
place = pathlib.Path(sys.argv[1])
place.mkdir()
for number in range(300):
    (place / str(number)).write_text(sys.argv[1])
print(sum(len(path.read_text()) for path in place.iterdir()))
"""
    running = [
        project.start(*project.supervised(*python(code), str(work / f"{number}")), stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        for number in range(8)
    ]
    found = [process.communicate(timeout=240) for process in running]
    assert [process.returncode for process in running] == [0] * 8, found
    assert {out.strip() for out, _ in found} == {str(300 * len(str(work / "0")))}


_ORDER = """
import json, os, threading
order, barrier = [], threading.Barrier(2)
def slow():
    barrier.wait()
    try:
        open("../data/big.bin", "rb").close()
    except PermissionError:
        pass
    order.append("slow")
thread = threading.Thread(target=slow)
thread.start()
barrier.wait()
opens = 0
while "slow" not in order:
    for path in ("/etc/passwd", "small.txt", "../data/small.csv", "/dev/null"):
        open(path, "rb").close()
        opens += 1
thread.join()
print("RESULT " + json.dumps([opens, len(os.listdir("."))]))
"""


def test_slow_hash_of_one_file_stalls_no_other_open(project: Account, work: Path) -> None:
    data = project.root / "data"
    data.mkdir(exist_ok=True)
    (data / "small.csv").write_text("x\n1\n")
    assert project.run(*project.mlsc, "sign", "data/small.csv").returncode == 0
    (work / "small.txt").write_text("x")
    with (data / "big.bin").open("wb") as file:
        file.truncate(1 << 29)
    try:
        done = project.run(*project.supervised(*python(_ORDER)), cwd=work)
    finally:
        (data / "big.bin").unlink()
    assert done.returncode == 0, done.stderr
    opens, _ = json.loads(last_line(done.stdout, "RESULT"))
    # Hashing takes a part of a second; had the others waited, the first round would have ended after it.
    assert opens > 40


_SIDECARS = """
import os
for name, flags in (("base.db-wal", os.O_RDONLY), ("base.db-wal", os.O_RDWR), ("base.db-wal", os.O_WRONLY), ("base.db-wal", os.O_RDONLY)):
    try:
        os.close(os.open("../data/" + name, flags)), print("opened")
    except PermissionError as err:
        print(err.strerror)
"""


def test_sidecar_that_somebody_else_put_beside_a_database_is_not_read(project: Account, work: Path) -> None:
    data = project.root / "data"
    data.mkdir(exist_ok=True)
    for old in data.glob("base.db*"):
        old.unlink()
    (data / "base.db-wal").write_bytes(b"frames of somebody else's")
    done = project.run(*project.supervised(*python(_SIDECARS)), cwd=work)
    (data / "base.db-wal").unlink()
    assert done.stdout.splitlines() == ["Permission denied"] * 4, done.stderr


_SWAPPED = """
import os, sys
open("../data/base.db-wal", "wb").write(b"frames of its own")
print(open("../data/base.db-wal").read(), flush=True)
sys.stdin.readline()
try:
    print(open("../data/base.db-wal").read())
except PermissionError as err:
    print(err.strerror)
"""


def test_sidecar_that_the_command_made_is_its_own_until_somebody_else_puts_another_there(project: Account, work: Path) -> None:
    sidecar = project.root / "data" / "base.db-wal"
    sidecar.parent.mkdir(exist_ok=True)
    sidecar.unlink(missing_ok=True)
    process = project.start(*project.supervised(*python(_SWAPPED)), cwd=work, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout is not None  # a pipe
        assert process.stdout.readline() == "frames of its own\n"
        (project.root / "other").write_bytes(b"frames of others")
        (project.root / "other").rename(sidecar)
        out, err = process.communicate("go on\n", timeout=60)
    finally:
        process.kill()
        process.wait()
    assert out == "Permission denied\n", err


_FREE_ROOTS = """
import os, shutil
cache = os.path.expanduser("~/.cache")
shutil.rmtree(cache + "/tool"), os.mkdir(cache + "/tool"), open(cache + "/tool/new", "w").write("x")
print(open(cache + "/tool/new").read())
os.rename(cache + "/tool/new", cache + "/tool/renamed")
print(os.listdir(cache + "/tool"))
try:
    os.rename(cache + "/kept", "../data/moved")
except OSError as err:
    print(err.strerror)
"""


def test_free_folder_can_be_removed_and_made_again_but_is_not_moved_to_where_files_are_governed(project: Account, work: Path) -> None:
    cache = project.folder / "home" / ".cache"
    (project.root / "data").mkdir(exist_ok=True)
    for name in ("tool", "kept"):
        (cache / name).mkdir(parents=True, exist_ok=True)
        (cache / name / "old").write_text("old")
    done = project.run(*project.supervised(*python(_FREE_ROOTS)), cwd=work)
    assert done.stdout.splitlines() == ["x", "['renamed']", "Invalid cross-device link"], done.stderr
    assert (cache / "kept" / "old").read_text() == "old"


def test_governed_name_that_links_into_a_free_folder_is_judged_all_the_same(project: Account, work: Path) -> None:
    cache, data = project.folder / "home" / ".cache" / "tool", project.root / "data"
    cache.mkdir(parents=True, exist_ok=True)
    data.mkdir(exist_ok=True)
    (cache / "rows.csv").write_text("x\n")
    (data / "linked.csv").symlink_to(cache / "rows.csv")
    done = project.run(*project.supervised("cat", str(cache / "rows.csv"), str(data / "linked.csv")))
    (data / "linked.csv").unlink()
    assert done.stdout == "x\n"
    assert "data/linked.csv: blocked" in done.stderr
