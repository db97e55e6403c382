"""Regions of names: the longest folder counts, the strictest name counts, and what is protected marks every folder above it."""

from __future__ import annotations

import pytest

from jupyter_mlsc.sandbox.places import Places, Region

FOLDERS = {
    b"/": Region.ELSEWHERE,
    b"/usr": Region.SYSTEM,
    b"/p": Region.WRITABLE,
    b"/p/mlsc.toml": Region.READ_ONLY,
    b"/p/.mlsc": Region.READ_ONLY,
    b"/p/.mlsc/ledger.db": Region.HIDDEN,
    b"/tmp/free": Region.FREE,
    b"/dev": Region.DEVICE,
    b"/proc": Region.PROCESS,
    b"/h/.ipython": Region.READ_ONLY,
    b"/h/.ipython/profile_default/db": Region.WRITABLE,
}


@pytest.fixture
def places() -> Places:
    return Places(FOLDERS, lambda name: b"/data/" in name, lambda name: name == b"/p" or b"/data/" in name + b"/", [])


@pytest.mark.parametrize(
    ("name", "region"),
    [
        (b"/usr/lib/x.so", Region.SYSTEM),
        (b"/usr", Region.SYSTEM),
        (b"/usr2/x", Region.ELSEWHERE),
        (b"/p/a.py", Region.WRITABLE),
        (b"/p/data/a.csv", Region.GOVERNED),
        (b"/p/data", Region.WRITABLE),
        (b"/p/mlsc.toml", Region.READ_ONLY),
        (b"/p/mlsc.toml.bak", Region.WRITABLE),
        (b"/p/.mlsc/claims/x", Region.READ_ONLY),
        (b"/p/.mlsc/ledger.db", Region.HIDDEN),
        (b"/p/.mlsc/ledger.db/x", Region.HIDDEN),
        (b"/tmp/free/data/x", Region.FREE),
        (b"/tmp/other", Region.ELSEWHERE),
        (b"/home/data/x", Region.GOVERNED),
        (b"/usr/data/x", Region.GOVERNED),
        (b"/dev/data/x", Region.DEVICE),
        (b"/proc/1/data/x", Region.PROCESS),
        (b"/h/.ipython/startup/x.py", Region.READ_ONLY),
        (b"/h/.ipython/profile_default/db/x", Region.WRITABLE),
        (b"/p/.mlsc/data/x", Region.READ_ONLY),
        (b"/", Region.ELSEWHERE),
        (b"\xff\xfe", Region.ELSEWHERE),
        (b"/p/\xff/data/x", Region.GOVERNED),
    ],
)
def test_a_name_belongs_to_the_longest_folder_that_fits_unless_a_rule_governs_it(places: Places, name: bytes, region: Region) -> None:
    assert places.of(name) is region
    assert places.of(name) is region  # as remembered


def test_of_several_names_the_strictest_counts(places: Places) -> None:
    assert places.strictest([b"/usr/x", b"/p/x"]) is Region.WRITABLE
    assert places.strictest([b"/tmp/free/x", b"/p/data/x", b"/p/x"]) is Region.GOVERNED
    assert places.strictest([b"/p/data/x", b"/p/.mlsc/ledger.db"]) is Region.HIDDEN


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        (b"/p", True),
        (b"/p/.mlsc", True),
        (b"/", True),
        (b"/h", True),
        (b"/h/.ipython", False),
        (b"/p/.mlsc/ledger.db", False),
        (b"/usr", False),
        (b"/p/a", False),
        (b"/tmp/free", False),
    ],
)
def test_a_folder_holds_what_is_protected_below_it(places: Places, folder: bytes, expected: bool) -> None:
    assert places.holds_protected(folder) is expected


def test_a_region_that_is_added_counts_at_once(places: Places) -> None:
    assert places.of(b"/p/kernel.json") is Region.WRITABLE

    places.add(b"/p/kernel.json", Region.HIDDEN)

    assert places.of(b"/p/kernel.json") is Region.HIDDEN
