"""YAML: tags that make Python objects, Hydra's ``_target_``, MLflow's MLmodel and DVC's stages, each of which names code that somebody runs.

Rules kept: the document is read as events, no object is made of it and no alias is followed; without PyYAML the text itself is searched for tags.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Iterator

from jupyter_mlsc.scan.documents import is_text, text_of
from jupyter_mlsc.scan.finding import Finding, LimitReachedError, NotUnderstoodError
from jupyter_mlsc.scan.indexes import index_in, is_named
from jupyter_mlsc.scan.known_dangers import runs_code
from jupyter_mlsc.scan.piece import Piece, Scanning
from jupyter_mlsc.scan.scanner import Scanner

_SUFFIXES = (".yaml", ".yml")
_NAMES = frozenset({"mlmodel", "mlproject", "dvc.lock", "conda.yaml"})
_TAG = re.compile(r"!!python/[\w./:]+|!<?tag:yaml\.org,2002:python/[^\s>]+>?|!%\w+%python/\S+")
_CODE_TAGS = ("object", "name", "module", "apply", "new")
_SAFE_TAGS = ("none", "bool", "str", "unicode", "bytes", "int", "long", "float", "complex", "list", "tuple", "dict", "none")
_DIRECTIVE = re.compile(r"^%TAG\s+\S+\s+\S*python", re.MULTILINE)
_TARGETS = frozenset({"_target_", "_target", "target", "class_path", "callable", "_partial_"})
_COMMANDS = frozenset({"cmd", "command"})
_SHELL = re.compile(
    r"\b(?:curl|wget|nc|ncat|bash\s+-[ic]|sh\s+-c|python[\d.]*\s+-c|perl\s+-e|base64\s+(?:-d|--decode)|powershell|certutil|mkfifo|/dev/tcp/|eval)\b|\|\s*(?:ba|z|da)?sh\b|/dev/tcp/"
)
_DANGEROUS_PACKAGES = frozenset({"cloudpickle", "dill", "joblib", "keras", "numpy", "pandas", "torch", "transformers"})
_DANGEROUS_FUNCTIONS = frozenset({"eval", "exec", "load", "load_model", "load_module", "loads", "read_pickle", "runstring"})
_MOST_EVENTS = 5_000_000


def _recognise(piece: Piece) -> bool:
    return (piece.lowered.endswith(_SUFFIXES) or piece.lowered in _NAMES) and is_text(piece.head)


def _recognise_tags(piece: Piece) -> bool:
    """A text of any name in which Python tags stand."""
    return b"!!python/" in piece.head and is_text(piece.head) and not _recognise(piece)


def _scan(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    text = text_of(piece, scanning)
    yield from _tags(piece, scanning, text)
    if importlib.util.find_spec("yaml") is None:
        return
    for path, key, value, line in _entries(text):
        where = f"line {line}"
        if key in _TARGETS and isinstance(value, str):
            module, _, name = value.rpartition(".")
            if key == "_target_" or (module and runs_code(module, name)):
                risky = runs_code(module, name) or _is_function_of_danger(value)
                yield scanning.found("hydra-code" if risky else "hydra-target", piece, where, what=value)
        elif key in _COMMANDS and path and "stages" in path[0] and _SHELL.search(value):
            yield scanning.found("command-reaches", piece, where, what=value)
        elif key == "loader_module" and piece.lowered == "mlmodel" and not value.startswith(("mlflow.", "sklearn", "keras")):
            yield scanning.found("mlmodel-loader", piece, where, what=value)
        elif key == "command" and "entry_points" in "".join(path[:1]) and _SHELL.search(value):
            yield scanning.found("command-reaches", piece, where, what=value)
        elif key == "trust_remote_code" and value.lower() == "true":
            yield scanning.found("remote-code", piece, where, what="trust_remote_code")
        elif key.startswith("--") and (index := index_in(f"{key} {value}")) is not None and not is_named(index, scanning.indexes):
            yield scanning.found("foreign-index", piece, where, what=index)


def _is_function_of_danger(name: str) -> bool:
    module, _, last = name.rpartition(".")
    return module.partition(".")[0] in _DANGEROUS_PACKAGES and last in _DANGEROUS_FUNCTIONS


def _tags(piece: Piece, scanning: Scanning, text: str) -> Iterator[Finding]:
    directive = _DIRECTIVE.search(text)
    if directive is not None:
        yield scanning.found("yaml-code", piece, _line(text, directive.start()), what=directive[0].strip())
    for tag in _TAG.finditer(text):
        kind = re.split(r"python/", tag[0], maxsplit=1)[1].rstrip(">").partition(":")[0].partition("/")[0]
        if kind in _SAFE_TAGS:
            continue
        before = text[text.rfind("\n", 0, tag.start()) + 1 : tag.start()]
        if "#" in before and before.lstrip().startswith("#"):
            continue
        yield scanning.found("yaml-code", piece, _line(text, tag.start()), what=tag[0])


def _scan_tags(piece: Piece, scanning: Scanning) -> Iterable[Finding]:
    yield from _tags(piece, scanning, text_of(piece, scanning))


def _entries(text: str) -> Iterator[tuple[tuple[str, ...], str, str, int]]:
    """The scalar entries of all mappings: the keys above, the key, the value and the line; options in lists as keys. Raises NotUnderstoodError."""
    import yaml

    # A frame is [is a mapping, its key that waits for a value].
    frames: list[tuple[bool, list[str | None]]] = []
    try:
        for count, event in enumerate(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))):
            if count > _MOST_EVENTS:
                raise LimitReachedError("it has too many entries")
            top = frames[-1] if frames else None
            if isinstance(event, yaml.ScalarEvent):
                if top is not None and top[0]:
                    if top[1][0] is None:
                        top[1][0] = event.value
                        continue
                    path = tuple(frame[1][0] or "" for frame in frames[:-1] if frame[0])
                    yield path, top[1][0], event.value, event.start_mark.line + 1
                    top[1][0] = None
                elif top is not None and event.value.startswith("--"):
                    yield (), event.value, "", event.start_mark.line + 1
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                frames.append((isinstance(event, yaml.MappingStartEvent), [None]))
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                frames.pop()
                _value_ended(frames)
            elif isinstance(event, yaml.AliasEvent):
                if top is not None and top[0] and top[1][0] is None:
                    top[1][0] = ""
                else:
                    _value_ended(frames)
    except yaml.YAMLError as err:
        raise NotUnderstoodError(f"it is no YAML: {str(err).splitlines()[0]}") from err


def _value_ended(frames: list[tuple[bool, list[str | None]]]) -> None:
    if frames and frames[-1][0]:
        frames[-1][1][0] = None if frames[-1][1][0] is not None else ""


def _line(text: str, at: int) -> str:
    return f"line {text.count(chr(10), 0, at) + 1}"


SCANNERS: tuple[Scanner, ...] = (
    Scanner("a YAML document", _recognise, _scan, claims=("mlmodel", "mlproject")),
    Scanner("a document with Python tags", _recognise_tags, _scan_tags),
)
