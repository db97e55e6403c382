"""Compressed layers: recognised by their first bytes, opened as a stream. What is inside is not this file's business."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from jupyter_mlsc.errors import FormatError, MissingLibraryError
from jupyter_mlsc.formats.libraries import library, reading

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from jupyter_mlsc.formats.format import Source

_BUFFER = 128 * 1024
# Small, since a few bytes can stand for a thousand times as many.
_COMPRESSED_CHUNK = 8 * 1024
_MAGIC: tuple[tuple[str, bytes], ...] = (
    ("gzip", b"\x1f\x8b"),
    ("zstd", b"\x28\xb5\x2f\xfd"),
    ("bz2", b"BZh"),
    ("xz", b"\xfd7zXZ\x00"),
    ("lz4", b"\x04\x22\x4d\x18"),
    ("lzma", b"\x5d\x00\x00"),
    # zlib has no magic: RFC 1950's usual two bytes (32 KiB window, the four levels).
    ("zlib", b"\x78\x01"),
    ("zlib", b"\x78\x5e"),
    ("zlib", b"\x78\x9c"),
    ("zlib", b"\x78\xda"),
)
SUFFIX_OF = {"gzip": ".gz", "zstd": ".zst", "bz2": ".bz2", "xz": ".xz"}


def layer(head: bytes) -> str | None:
    """The compression that the first bytes announce, or None."""
    return next((name for name, magic in _MAGIC if head.startswith(magic)), None)


def opened_layer(name: str, stream: BinaryIO, wanted_for: str) -> BinaryIO:
    """The decompressed stream. Raises MissingLibraryError where a library is needed for it."""
    if name == "gzip":
        import gzip

        return cast("BinaryIO", gzip.GzipFile(fileobj=stream, mode="rb"))
    if name == "bz2":
        import bz2

        return cast("BinaryIO", bz2.BZ2File(stream, "rb"))
    if name in ("xz", "lzma"):
        import lzma

        return cast("BinaryIO", lzma.LZMAFile(stream, "rb"))
    if name == "zstd":
        zstandard = library("zstandard", wanted_for)
        return io.BufferedReader(_FrameReader(stream, lambda: zstandard.ZstdDecompressor().decompressobj()), _BUFFER)
    if name == "lz4":
        return cast("BinaryIO", library("lz4.frame", wanted_for).LZ4FrameFile(stream, "rb"))
    import zlib

    return io.BufferedReader(_FrameReader(stream, zlib.decompressobj), _BUFFER)


def unpacked(name: str | None, source: Source) -> BinaryIO:
    """The source's stream, decompressed where a compression is named."""
    return source.stream() if name is None else opened_layer(name, source.stream(), f"loading {source.name}")


def inner_head(head: bytes, stream: BinaryIO) -> bytes:
    """The first bytes below a compressed layer as far as the standard library reaches; empty where there is none or it is broken."""
    name = layer(head)
    if name is None:
        return b""
    from jupyter_mlsc.formats.format import HEAD_SIZE

    stream.seek(0)
    try:
        with reading("", name):
            return opened_layer(name, stream, "looking into it").read(HEAD_SIZE)
    except (FormatError, MissingLibraryError):
        return b""


class _FrameReader(io.RawIOBase):
    """Decompresses zstd or zlib frames one after the other. The libraries' own streams take a file that is cut off for one that ends."""

    def __init__(self, stream: BinaryIO, new_frame: Callable[[], Any]) -> None:
        super().__init__()
        self._stream = stream
        self._new_frame = new_frame
        self._frame = new_frame()
        self._begun = False
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer as far as decompressed bytes are ready. Raises EOFError where the last frame has no end."""
        target = memoryview(buffer).cast("B")
        while not self._ready and self._fill():
            pass
        part = self._ready[: len(target)]
        target[: len(part)] = part
        self._ready = self._ready[len(part) :]
        return len(part)

    def _fill(self) -> bool:
        data = b""
        if self._frame.eof:
            data, self._frame, self._begun = self._frame.unused_data, self._new_frame(), False
        data = data or self._stream.read(_COMPRESSED_CHUNK)
        if not data:
            if self._begun:
                raise EOFError("the compressed data end before their end mark")
            return False
        self._begun = True
        self._ready = memoryview(self._frame.decompress(data))
        return True


@contextmanager
def packed(name: str, stream: BinaryIO) -> Iterator[BinaryIO]:
    """A stream that compresses into another one, without file name or time, so that the same bytes in give the same bytes out."""
    if name == "gzip":
        import gzip

        with gzip.GzipFile(filename="", fileobj=stream, mode="wb", mtime=0) as gzip_writer:
            yield cast("BinaryIO", gzip_writer)
    elif name == "bz2":
        import bz2

        with bz2.BZ2File(stream, "wb") as bz2_writer:
            yield cast("BinaryIO", bz2_writer)
    elif name == "xz":
        import lzma

        with lzma.LZMAFile(stream, "wb") as xz_writer:
            yield cast("BinaryIO", xz_writer)
    else:
        with library("zstandard", "saving a zstd file").ZstdCompressor().stream_writer(stream, closefd=False) as zstd_writer:
            yield zstd_writer
