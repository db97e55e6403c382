"""Socket addresses as bytes: what a caller may pass, whole or cut short."""

from __future__ import annotations

import socket
import struct

import pytest

from jupyter_mlsc.sandbox.addresses import by_descriptor, family_of, pathname, shown

UNIX = struct.pack("<H", socket.AF_UNIX)


@pytest.mark.parametrize(
    ("address", "path"),
    [
        (UNIX + b"/run/x\0", b"/run/x"),
        (UNIX + b"/run/x\0more", b"/run/x"),
        (UNIX + b"x" * 108, b"x" * 108),
        (UNIX + b"\0abstract", None),
        (UNIX, None),
        (b"\1", None),
        (b"", None),
        (struct.pack("<H", socket.AF_INET) + b"/run/x\0", None),
    ],
)
def test_a_path_ends_with_its_nul_or_with_the_address(address: bytes, path: bytes | None) -> None:
    assert pathname(address) == path


def test_an_address_too_short_for_a_family_has_none() -> None:
    assert [family_of(b""), family_of(b"\1"), family_of(UNIX)] == [-1, -1, socket.AF_UNIX]


def test_an_internet_address_is_shown_as_people_write_it() -> None:
    four = struct.pack("<H", socket.AF_INET) + struct.pack(">H", 80) + bytes([127, 0, 0, 1]) + bytes(8)
    six = struct.pack("<H", socket.AF_INET6) + struct.pack(">HI", 443, 0) + socket.inet_pton(socket.AF_INET6, "::1") + bytes(4)
    assert [shown(four), shown(six), shown(four[:6]), shown(UNIX)] == [b"127.0.0.1:80", b"[::1]:443", b"an address", b"an address"]


def test_a_descriptor_and_a_name_in_a_folder_are_addresses() -> None:
    assert by_descriptor(7) == UNIX + b"/proc/self/fd/7\0"
    assert by_descriptor(7, b"s") == UNIX + b"/proc/self/fd/7/s\0"
