"""skops files: a zip of arrays and one document that names types, loaded only when every type that it names is on the unpickle allowlist.

Rules: skops trusts types of its own by default, so its audit alone is not asked: each type that the document names passes this package's list
first, and what is then handed to ``trusted`` is what the list allowed. Containers take items only where they are plain containers; methods,
partial functions and ``operator`` objects, which are calls that wait to be made, are refused by their node.
"""

from __future__ import annotations

from typing import Any

from jupyter_mlsc.errors import FormatError
from jupyter_mlsc.formats.format import Format, Opened, Source, Target, writable
from jupyter_mlsc.formats.libraries import library, reading, writing
from jupyter_mlsc.formats.recognition import zip_names
from jupyter_mlsc.formats.skops_names import HOLDERS, MADE_BY_NODE, NODES, SCHEMA, nodes

_LARGEST_SCHEMA = 1 << 30


def _recognise(head: bytes, opened: Opened) -> bool:
    return SCHEMA in zip_names(head, opened)


def _load(source: Source, *, lifted: bool, allow: frozenset[str]) -> object:
    """What ``skops.io.load(path, trusted=...)`` gives, with the trust of the list (or of the person who signed)."""
    skops = library("skops.io", f"loading {source.name}")
    from jupyter_mlsc.formats.unpickling import unpickling

    source = source.private()
    with reading(source.name, "skops file", *_errors()), unpickling(source.name, lifted=lifted, allow=allow) as mark:
        trusted = skops.get_untrusted_types(file=source.stream()) if lifted else _judged(source, mark)
        return skops.load(source.stream(), trusted=sorted(trusted))


def _errors() -> tuple[type[Exception], ...]:
    return (RecursionError, library("skops.io.exceptions", "loading a skops file").UntrustedTypesFoundException)


def _judged(source: Source, mark: Any) -> set[str]:
    """The types that the document names, all of which the list allows. Raises DeniedUnpicklingError or FormatError for the first that it does not."""
    import json
    import zipfile

    from jupyter_mlsc.scan import allowlist

    with zipfile.ZipFile(source.stream()) as archive:
        names = archive.namelist()
        if len(names) != len(set(names)):
            raise ValueError("two of its members have the same name")
        if archive.getinfo(SCHEMA).file_size > _LARGEST_SCHEMA:
            raise ValueError(f"its {SCHEMA} is too large")
        schema = json.loads(archive.read(SCHEMA))
    named = set()
    for node in nodes(schema):
        loader, module, name = node["__loader__"], node["__module__"], node["__class__"]
        if loader == "CachedNode" or MADE_BY_NODE.get(loader) == f"{module}.{name}":
            continue
        if loader not in NODES and loader not in HOLDERS:
            raise _refused(source.name, f"it holds a {loader}, which calls or looks up what the file names")
        if loader in HOLDERS and f"{module}.{name}" not in HOLDERS[loader]:
            raise _refused(source.name, f"it fills a {module}.{name} as if it were a container")
        mark.granted = (module, name) if allowlist.is_allowed_if_checked(module, name) else None
        mark.check(module, name)
        mark.granted = None
        named.add(f"{module}.{name}")
    return named


def _refused(name: str, why: str) -> FormatError:
    return FormatError(f"{name} was not loaded: {why}", next_step=f"ask a person whom the policy trusts to inspect it and run: mlsc sign {name}")


def _save(obj: object, target: Target) -> None:
    skops = library("skops.io", "saving a skops file")
    with writing("a skops file", "save it as .joblib", *_save_errors()):
        skops.dump(obj, writable(target))


def _save_errors() -> tuple[type[Exception], ...]:
    return (library("skops.io.exceptions", "saving a skops file").UnsupportedTypeException, RecursionError)


FORMATS: tuple[Format, ...] = (
    Format(
        name="skops",
        families=frozenset({"skops"}),
        suffixes=(".skops",),
        runs_code=True,
        extra="skops",
        recognise=_recognise,
        load=_load,
        save=_save,
        library="skops",
        recognised_by="zip with `schema.json`",
    ),
)
