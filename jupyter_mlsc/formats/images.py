"""A folder of images: a dict of relative names to numpy arrays. Classes are the folders, as data sets of images are laid out: ``cats/001.png``.

Rules: Pillow decodes the formats below and no other (some of its readers start programs), chosen by a file's bytes and not by its name; an image with
more pixels than ``PIL.Image.MAX_IMAGE_PIXELS`` is a decompression bomb and is refused before it is decoded. Other files of the folder are part of
what is checked, but are not loaded.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

from jupyter_mlsc.errors import FormatError
from jupyter_mlsc.formats.format import Format, Opened, Source, Target
from jupyter_mlsc.formats.libraries import library, reading, unsuitable, writing

FORMAT_OF = {
    ".bmp": "BMP",
    ".gif": "GIF",
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
"""Suffixes of images, with Pillow's names for their formats."""

_COMPANIONS = frozenset({".csv", ".tsv", ".json", ".jsonl", ".txt", ".md", ".db", ".xml", ".yaml", ".yml"})
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*", b"RIFF")
_MOST_LOOKED_AT = 1000


def is_images(obj: object) -> bool:
    """Whether an object is a dict that can be saved as a folder of images: all its names have the suffix of one."""
    return isinstance(obj, dict) and bool(obj) and all(isinstance(name, str) and PurePosixPath(name).suffix.lower() in FORMAT_OF for name in obj)


def _recognise(head: bytes, opened: Opened) -> bool:
    """Images, and beside them no more than the files that go with a data set; the first one's bytes are those of an image."""
    if not isinstance(opened, Path):
        return False
    first: Path | None = None
    seen = 0
    for place, folders, files in os.walk(opened):
        folders.sort()
        for name in sorted(files):
            seen += 1
            suffix = Path(name).suffix.lower()
            if suffix in FORMAT_OF:
                first = first or Path(place, name)
            elif not name.startswith(".") and suffix not in _COMPANIONS:
                return False
        if seen > _MOST_LOOKED_AT and first is not None:
            break
    return first is not None and _begins_as_image(first)


def _begins_as_image(path: Path) -> bool:
    try:
        # What is no regular file (a pipe) must not be waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return os.read(descriptor, 12).startswith(_MAGIC)
        finally:
            os.close(descriptor)
    except OSError:
        return False


def _load(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    """Names in sorted order; each array as ``numpy.asarray(PIL.Image.open(path))`` gives it, images with a palette in RGB or RGBA."""
    folder = source.folder
    if folder is None:
        raise FormatError(f"{source.name} is a file, not a folder of images", next_step="name the folder that holds the images")
    numpy = library("numpy", f"loading {source.name}")
    image = library("PIL.Image", f"loading {source.name}")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in FORMAT_OF and not path.name.startswith(".") and path.is_file())
    if not paths:
        raise FormatError(f"{source.name} holds no images", next_step=f"images are files with one of {', '.join(FORMAT_OF)}")
    loaded = {}
    for path in paths:
        name = path.relative_to(folder).as_posix()
        with reading(f"{source.name}/{name}", "image", SyntaxError, image.DecompressionBombError):
            loaded[name] = _decoded(numpy, image, path)
    return loaded


def _decoded(numpy: Any, image: Any, path: Path) -> Any:
    import warnings

    with open(path, "rb") as file, warnings.catch_warnings():
        # At the limit Pillow warns, and refuses at twice the limit; here the limit is the limit.
        warnings.simplefilter("ignore", image.DecompressionBombWarning)
        with image.open(file, formats=sorted(set(FORMAT_OF.values()))) as opened:
            width, height = opened.size
            if image.MAX_IMAGE_PIXELS is not None and width * height > image.MAX_IMAGE_PIXELS:
                raise ValueError(f"it has {width * height:,} pixels, more than the limit of {image.MAX_IMAGE_PIXELS:,} (PIL.Image.MAX_IMAGE_PIXELS)")
            if opened.mode in ("P", "PA"):
                return numpy.asarray(opened.convert("RGBA" if "transparency" in opened.info or opened.mode == "PA" else "RGB"))
            return numpy.asarray(opened)


def _save(obj: object, target: Target) -> None:
    image = library("PIL.Image", "saving images")
    instead = "make a dict of names such as cats/001.png to numpy arrays or Pillow images; save one array as .npy"
    if not isinstance(target, Path):
        raise FormatError("images are saved as a folder", next_step="give the name of a folder")
    if not isinstance(obj, dict) or not is_images(obj):
        raise unsuitable(obj, "a folder of images", f"a dict of names with one of {', '.join(FORMAT_OF)}", instead)
    if len({_place(name) for name in obj}) < len(obj):
        raise FormatError("these images cannot be saved: two of their names lead to one file", next_step=instead)
    for name, picture in obj.items():
        path = target / _place(name)
        with writing(f"the image {name}", "arrays of uint8 (height, width, 3) fit every format; save other arrays as .npz"):
            made = picture if isinstance(picture, image.Image) else image.fromarray(picture)
            path.parent.mkdir(parents=True, exist_ok=True)
            options = {"quality": 95} if FORMAT_OF[path.suffix.lower()] == "JPEG" else {"lossless": True} if path.suffix.lower() == ".webp" else {}
            made.save(path, format=FORMAT_OF[path.suffix.lower()], **options)


def _place(name: str) -> PurePosixPath:
    """A name as a place in the folder. Raises FormatError for one that leads out of it."""
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts or "\\" in name or "\x00" in name or place.name.startswith("."):
        raise FormatError(f"{name!r} cannot be the name of an image in a folder", next_step="use relative names such as cats/001.png")
    return place


FORMATS: tuple[Format, ...] = (
    Format(
        name="images",
        families=frozenset({"images"}),
        suffixes=(),
        runs_code=False,
        extra="images",
        recognise=_recognise,
        load=_load,
        save=_save,
        library="pillow, numpy",
        recognised_by="a folder of images and what goes with them",
        folder=True,
    ),
)
