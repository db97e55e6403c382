"""The tables of what the supervisor answers, case by case."""

from __future__ import annotations

import os
import stat

import pytest

from jupyter_mlsc.sandbox.decide import (
    MEANINGS,
    NameQuestion,
    OpenQuestion,
    Way,
    decide_connect,
    decide_device,
    decide_name,
    decide_network,
    decide_open,
    decide_process,
    is_temporary,
    wants,
)
from jupyter_mlsc.sandbox.places import NOT_WRITTEN, Region

FILE, FOLDER, FIFO, SOCKET = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755, stat.S_IFIFO | 0o644, stat.S_IFSOCK | 0o644
R, W, RW, MAKE, CUT, PATH, TEMPORARY = (
    os.O_RDONLY,
    os.O_WRONLY,
    os.O_RDWR,
    os.O_WRONLY | os.O_CREAT,
    os.O_RDONLY | os.O_TRUNC,
    os.O_PATH,
    os.O_TMPFILE | os.O_RDWR,
)
GO, DO, JUDGE = "continue", "do", "judge"

# Region: read, write, both, cut, make what is missing, read a FIFO, write a FIFO, a file without a name in a folder.
OPENS: dict[Region, tuple[str, ...]] = {
    Region.FREE: (GO, GO, GO, GO, GO, GO, GO, GO),
    Region.SYSTEM: (GO, "not-writable", "not-writable", "not-writable", "not-writable", GO, "not-writable", "not-writable"),
    Region.WRITABLE: (DO, DO, DO, DO, DO, DO, DO, DO),
    Region.ELSEWHERE: (DO, "not-writable", "not-writable", "not-writable", "not-writable", DO, "not-writable", "not-writable"),
    Region.DEVICE: (DO, "device", "device", "device", "device", DO, "device", "device"),
    Region.PROCESS: (DO, "outside-process", "outside-process", "outside-process", "outside-process", DO, "outside-process", "outside-process"),
    Region.GOVERNED: (JUDGE, DO, JUDGE, DO, DO, DO, DO, DO),
    Region.READ_ONLY: (DO, "read-only", "read-only", "read-only", "read-only", DO, "read-only", "read-only"),
    Region.HIDDEN: ("hidden",) * 8,
}
ASKED = ((R, FILE), (W, FILE), (RW, FILE), (CUT, FILE), (MAKE, None), (R, FIFO), (W, FIFO), (TEMPORARY, FOLDER))


def _said(answer: object) -> str:
    way, why = answer.way, answer.why  # type: ignore[attr-defined]
    return why if way is Way.REFUSE else str(way)


@pytest.mark.parametrize(("region", "index"), [(region, index) for region in Region for index in range(len(ASKED))])
def test_an_open_is_answered_by_region_and_by_what_it_asks_for(region: Region, index: int) -> None:
    flags, mode = ASKED[index]

    assert _said(decide_open(OpenQuestion(region, region, flags, mode))) == OPENS[region][index]


@pytest.mark.parametrize("region", Region)
@pytest.mark.parametrize("mode", [FILE, FOLDER, FIFO, None])
def test_an_open_of_a_name_alone_gives_no_contents_and_goes_on(region: Region, mode: int | None) -> None:
    assert decide_open(OpenQuestion(region, region, PATH, mode)).way is Way.CONTINUE


@pytest.mark.parametrize("region", Region)
def test_a_folder_is_listed_everywhere(region: Region) -> None:
    assert decide_open(OpenQuestion(region, region, os.O_RDONLY | os.O_DIRECTORY, FOLDER)).way is Way.CONTINUE


@pytest.mark.parametrize("region", [region for region in Region if region not in (Region.HIDDEN, Region.READ_ONLY, Region.GOVERNED)])
@pytest.mark.parametrize("link", [Region.GOVERNED, Region.READ_ONLY, Region.HIDDEN])
def test_a_link_on_the_way_makes_the_answer_as_strict_as_its_own_name(region: Region, link: Region) -> None:
    assert _said(decide_open(OpenQuestion(link, region, R, FILE))) == OPENS[link][0]


WRITES = [index for index, (flags, mode) in enumerate(ASKED) if flags not in (R, PATH) or mode is None]


@pytest.mark.parametrize("region", sorted(NOT_WRITTEN))
@pytest.mark.parametrize("link", sorted(set(Region) - NOT_WRITTEN))
@pytest.mark.parametrize("index", WRITES)
def test_what_is_not_written_is_not_written_by_a_link_that_may_be(region: Region, link: Region, index: int) -> None:
    flags, mode = ASKED[index]

    assert _said(decide_open(OpenQuestion(max(link, region), region, flags, mode))) == OPENS[region][index]


@pytest.mark.parametrize("region", [Region.FREE, Region.SYSTEM, Region.WRITABLE, Region.ELSEWHERE])
def test_another_name_of_a_governed_file_is_judged_too(region: Region) -> None:
    assert decide_open(OpenQuestion(region, region, R, FILE, governed_inode=True)).way is Way.JUDGE


@pytest.mark.parametrize(
    ("flags", "expected"), [(W, JUDGE), (W | os.O_APPEND, JUDGE), (RW, JUDGE), (W | os.O_TRUNC, DO), (W | os.O_CREAT | os.O_TRUNC, DO), (R, JUDGE)]
)
def test_bytes_that_the_run_did_not_write_are_judged_before_they_are_written_into(flags: int, expected: str) -> None:
    assert _said(decide_open(OpenQuestion(Region.GOVERNED, Region.GOVERNED, flags, FILE, foreign=True))) == expected


def test_another_name_of_a_governed_file_in_a_free_folder_is_not_written_without_a_record() -> None:
    assert decide_open(OpenQuestion(Region.FREE, Region.FREE, W, FILE, governed_inode=True)).way is not Way.CONTINUE


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (R, (True, False)),
        (W, (False, True)),
        (RW, (True, True)),
        (CUT, (True, True)),
        (W | os.O_TRUNC, (False, True)),
        (3, (True, True)),
        (W | os.O_APPEND, (False, True)),
    ],
)
def test_what_flags_want(flags: int, expected: tuple[bool, bool]) -> None:
    assert wants(flags) == expected


@pytest.mark.parametrize(("flags", "expected"), [(os.O_TMPFILE | W, True), (os.O_DIRECTORY, False), (os.O_TMPFILE & ~os.O_DIRECTORY, False), (R, False)])
def test_a_file_without_a_name_needs_all_bits_of_its_flag(flags: int, expected: bool) -> None:
    assert is_temporary(flags) is expected


@pytest.mark.parametrize(
    ("name", "flags", "inside", "expected"),
    [
        (b"/proc/cpuinfo", R, False, DO),
        (b"/proc/cpuinfo", W, False, "outside-process"),
        (b"/proc/sys/kernel/osrelease", R, False, DO),
        (b"/proc/sys/kernel/core_pattern", W, False, "outside-process"),
        (b"/proc/kcore", R, False, "outside-process"),
        (b"/proc/kallsyms", R, False, "outside-process"),
        (b"/proc/sysrq-trigger", W, False, "outside-process"),
        (b"/proc/kmsg", R, False, "outside-process"),
        (b"/proc/7/status", R, True, DO),
        (b"/proc/7/environ", R, True, DO),
        (b"/proc/7/mem", RW, True, DO),
        (b"/proc/7/oom_score_adj", W, True, DO),
        (b"/proc/7/uid_map", W, True, "not-writable"),
        (b"/proc/7/attr/current", W, True, "not-writable"),
        (b"/proc/7/status", R, False, DO),
        (b"/proc/7/stat", R, False, DO),
        (b"/proc/7/environ", R, False, "outside-process"),
        (b"/proc/7/mem", R, False, "outside-process"),
        (b"/proc/7/maps", R, False, "outside-process"),
        (b"/proc/7/cmdline", R, False, "outside-process"),
        (b"/proc/7/comm", W, False, "outside-process"),
        (b"/proc/7/task/7/stat", R, False, "outside-process"),
        (b"/proc/7/oom_score_adj", W, False, "outside-process"),
    ],
)
def test_a_file_of_a_process_is_answered_by_whose_process_it_is(name: bytes, flags: int, inside: bool, expected: str) -> None:
    assert _said(decide_process(name, flags, in_tree=inside)) == expected


@pytest.mark.parametrize(
    ("name", "own", "expected"),
    [
        (b"/dev/null", False, GO),
        (b"/dev/zero", False, GO),
        (b"/dev/tty", False, GO),
        (b"/dev/ptmx", False, GO),
        (b"/dev/nvidia0", False, GO),
        (b"/dev/nvidia-uvm", False, GO),
        (b"/dev/dri/renderD128", False, GO),
        (b"/dev/kfd", False, GO),
        (b"/dev/pts/3", True, DO),
        (b"/dev/pts/3", False, "device"),
        (b"/dev/sda", False, "device"),
        (b"/dev/sda", True, "device"),
        (b"/dev/mem", False, "device"),
        (b"/dev/kmsg", False, "device"),
        (b"/dev/nullx", False, "device"),
        (b"/dev/fuse", False, "device"),
    ],
)
def test_a_device_is_answered_from_a_list(name: bytes, own: bool, expected: str) -> None:
    assert _said(decide_device(name, own_terminal=own)) == expected


def _change(
    does: str, *regions: Region, below: bool = False, governed: tuple[bool, bool] = (False, False), straight: bool = True, verified: bool = False
) -> str:
    return _said(decide_name(NameQuestion(does, regions, (below,) * len(regions), governed, straight, verified)))


@pytest.mark.parametrize("does", ["mkdir", "mknod", "symlink", "unlink", "rmdir", "truncate", "chmod", "chown", "utimens", "setxattr", "removexattr"])
@pytest.mark.parametrize("region", Region)
def test_a_change_of_one_name_is_made_only_where_writing_is_allowed(does: str, region: Region) -> None:
    said = _change(does, region)

    assert (said not in (GO, DO)) == (region in NOT_WRITTEN)


@pytest.mark.parametrize("does", ["rename", "link"])
@pytest.mark.parametrize("source", Region)
@pytest.mark.parametrize("target", Region)
def test_both_names_of_a_move_must_be_writable(does: str, source: Region, target: Region) -> None:
    said = _change(does, source, target, governed=(source is Region.GOVERNED, target is Region.GOVERNED))

    refused = source in NOT_WRITTEN or target in NOT_WRITTEN or (source is Region.GOVERNED and target is not Region.GOVERNED)
    assert (said not in (GO, DO)) == refused


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (_change("mkdir", Region.FREE), GO),
        (_change("mkdir", Region.FREE, straight=False), DO),
        (_change("mkdir", Region.WRITABLE), DO),
        (_change("chmod", Region.FREE), DO),
        (_change("setxattr", Region.FREE), DO),
        (_change("utimens", Region.FREE), DO),
        (_change("rename", Region.FREE, Region.FREE), GO),
        (_change("rename", Region.FREE, Region.WRITABLE), DO),
        (_change("rename", Region.FREE, Region.FREE, straight=False), DO),
        (_change("rename", Region.WRITABLE, Region.WRITABLE, below=True), "holds-protected"),
        (_change("rmdir", Region.WRITABLE, below=True), "holds-protected"),
        (_change("rename", Region.GOVERNED, Region.WRITABLE, governed=(True, False)), "leaves-governed"),
        (_change("rename", Region.GOVERNED, Region.WRITABLE, governed=(True, False), verified=True), DO),
        (_change("link", Region.GOVERNED, Region.WRITABLE, governed=(True, False), verified=True), "leaves-governed"),
        (_change("rename", Region.WRITABLE, Region.GOVERNED, governed=(False, True)), DO),
        (_change("rename", Region.GOVERNED, Region.GOVERNED, governed=(True, True)), DO),
        (_change("link", Region.GOVERNED, Region.GOVERNED, governed=(True, True)), DO),
        (_change("unlink", Region.GOVERNED), DO),
    ],
)
def test_a_change_of_names(said: str, expected: str) -> None:
    assert said == expected


def test_a_connection_is_made_inside_the_tree_or_to_what_the_policy_lists() -> None:
    assert [_said(decide_connect(inside=i, listed=m)) for i, m in ((True, False), (False, True), (False, False))] == [DO, DO, "socket"]
    assert [_said(decide_network(allowed=a)) for a in (True, False)] == [DO, "network"]


def test_every_code_that_a_table_gives_has_a_meaning() -> None:
    codes = {cell for row in OPENS.values() for cell in row} - {GO, DO, JUDGE} | {"leaves-governed", "holds-protected", "socket", "network", "in-use"}

    assert codes <= MEANINGS.keys()
