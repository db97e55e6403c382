"""Harmless hostile pickles: each would make a marker file, or reach something that could, if any of it ran. And the containers that carry them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import marshal
import pickle
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Hostile:
    """A pickle, the global that the refusal must name, and whether loading it unguarded makes the marker (else it only opens a way)."""

    data: bytes
    names: str
    lives: bool = True


class Named:
    """A global by name, pickled without importing it."""

    def __init__(self, module: str, name: str) -> None:
        self.opcodes = _text(module) + _text(name) + pickle.STACK_GLOBAL


def _text(value: str) -> bytes:
    raw = value.encode()
    return pickle.BINUNICODE + len(raw).to_bytes(4, "little") + raw


def _value(value: Any) -> bytes:
    if isinstance(value, Named | Call):
        return value.opcodes
    if isinstance(value, tuple):
        return pickle.MARK + b"".join(map(_value, value)) + pickle.TUPLE
    if isinstance(value, list):
        return pickle.EMPTY_LIST + pickle.MARK + b"".join(map(_value, value)) + pickle.APPENDS
    if isinstance(value, dict):
        return pickle.EMPTY_DICT + pickle.MARK + b"".join(_value(k) + _value(v) for k, v in value.items()) + pickle.SETITEMS
    return pickle.dumps(value, 2)[2:-1]


class Call:
    """REDUCE: any callable on the stack, with arguments."""

    def __init__(self, called: Any, *arguments: Any) -> None:
        self.opcodes = _value(called) + _value(arguments) + pickle.REDUCE


class Build(Call):
    """BUILD: a state for any object on the stack."""

    def __init__(self, thing: Any, state: Any) -> None:
        self.opcodes = _value(thing) + _value(state) + pickle.BUILD


class Raw(Call):
    """Opcodes as they are, after those of other values."""

    def __init__(self, *parts: Any) -> None:
        self.opcodes = b"".join(part if isinstance(part, bytes) else _value(part) for part in parts)


def as_pickle(value: Any) -> bytes:
    return pickle.PROTO + b"\x04" + _value(value) + pickle.STOP


def hostile_pickles(marker: str) -> dict[str, Hostile]:
    """All payloads by a word for each, made to write ``marker``."""
    touch = f"touch {marker}"
    code = f"open({marker!r}, 'w').close()"
    compiled = marshal.dumps(compile(code, "<payload>", "exec"))
    made: dict[str, Hostile] = {}

    def call(word: str, module: str, name: str, *arguments: Any, lives: bool = True) -> None:
        made[word] = Hostile(as_pickle(Call(Named(module, name), *arguments)), f"{module}.{name}", lives)

    call("os_system", "os", "system", touch)
    call("posix_system", "posix", "system", touch)
    call("popen", "os", "popen", touch)
    call("subprocess", "subprocess", "check_output", ["touch", marker])
    call("subprocess_class", "subprocess", "Popen", ["touch", marker])
    call("posix_spawn", "os", "posix_spawnp", "touch", ["touch", marker], {})
    call("eval", "builtins", "eval", code)
    call("exec", "builtins", "exec", code)
    call("open", "builtins", "open", marker, "w")
    call("io_open", "io", "FileIO", marker, "w")
    call("os_open", "os", "open", marker, 65)
    call("import", "builtins", "__import__", "antigravity", lives=False)
    call("import_module", "importlib", "import_module", "antigravity", lives=False)
    call("runpy", "runpy", "_run_code", Call(Named("builtins", "compile"), code, "x", "exec"), {})
    made["runpy"] = Hostile(made["runpy"].data, "runpy._run_code")
    call("code_module", "code", "interact", "", lives=False)
    call("timeit", "timeit", "timeit", "pass", code)
    call("profile", "cProfile", "run", code, f"{marker}.prof")
    call("pdb", "bdb", "Bdb", lives=False)
    call("trace", "trace", "Trace", lives=False)
    call("pty", "pty", "spawn", ["touch", marker])
    call("pipe_pager", "pydoc", "pipepager", "x", f"cat > {marker}")
    call("temporary_pager", "pydoc", "tempfilepager", "x", f"touch {marker}; true")
    call("logging_handler", "logging", "FileHandler", marker)
    call(
        "logging_config", "logging.config", "dictConfig", {"version": 1, "handlers": {"x": {"()": "os.system", "command": touch}}, "root": {"handlers": ["x"]}}
    )
    call("ctypes", "ctypes", "CDLL", None, lives=False)
    call("marshal", "marshal", "loads", compiled, lives=False)
    call("function_type", "types", "FunctionType", Call(Named("marshal", "loads"), compiled), {}, lives=False)
    call("code_type", "types", "CodeType", lives=False)
    call("partial", "functools", "partial", Named("os", "system"), touch, lives=False)
    call("reduce", "functools", "reduce", Named("os", "system"), [touch], lives=False)
    call("map", "builtins", "map", Named("os", "system"), [touch], lives=False)
    call("list_of_map", "builtins", "list", Call(Named("builtins", "map"), Named("os", "system"), [touch]))
    made["list_of_map"] = Hostile(made["list_of_map"].data, "builtins.map")
    call("methodcaller", "operator", "methodcaller", "system", touch, lives=False)
    call("attrgetter", "operator", "attrgetter", "system", lives=False)
    call("type", "builtins", "type", "X", (), {}, lives=False)
    call("namedtuple", "collections", "namedtuple", "X", "a", lives=False)
    call("make_dataclass", "dataclasses", "make_dataclass", "X", [], lives=False)
    call("weakref_finalize", "weakref", "finalize", Call(Named("argparse", "Namespace")), Named("os", "system"), touch)
    call("newobj_ex", "copyreg", "__newobj_ex__", Named("subprocess", "Popen"), (["touch", marker],), {}, lives=False)
    call("sqlite", "sqlite3", "connect", marker)
    call("zipfile", "zipfile", "ZipFile", marker, "w")
    call("gzip_open", "gzip", "open", marker, "w")
    call("shutil", "shutil", "copyfile", "/dev/null", marker)
    call("tempfile", "tempfile", "NamedTemporaryFile", lives=False)
    call("import_by_name", "pkgutil", "resolve_name", "os:system", lives=False)
    call("pydoc_locate", "pydoc", "locate", "os.system", lives=False)
    call("numpy_runstring", "numpy.testing._private.utils", "runstring", code, {})
    call("numpy_memmap", "numpy", "memmap", marker, "u1", "w+", 0, (1,))
    call("numpy_save", "numpy", "savetxt", marker, [1])
    call("numpy_load", "numpy", "load", marker, None, True, lives=False)
    call("numpy_ufunc_by_name", "numpy.core", "_ufunc_reconstruct", "os", "system", lives=False)
    call("numpy_f2py", "numpy.f2py.crackfortran", "myeval", code, {})
    call("pandas_eval", "pandas", "eval", "1+1", lives=False)
    call("pandas_read_pickle", "pandas", "read_pickle", marker, lives=False)
    call("pandas_to_csv", "pandas.io.pickle", "to_pickle", 1, marker)
    call("joblib_load", "joblib", "load", marker, lives=False)
    call("joblib_dump", "joblib", "dump", 1, marker)
    call("joblib_old_wrapper", "joblib.numpy_pickle_compat", "NDArrayWrapper", "../../etc/passwd", "numpy.ndarray", lives=False)
    call("scipy_generic", "scipy.stats._distn_infrastructure", "rv_discrete", lives=False)
    call("torch_load", "torch", "load", marker, lives=False)
    call("torch_nested", "torch.storage", "_load_from_bytes", pickle.dumps(1), lives=False)
    call("torch_hub", "torch.hub", "load", "x", "y", lives=False)
    call("torch_jit", "torch.jit", "load", marker, lives=False)
    call("torch_rebuild_by_type", "torch._tensor", "_rebuild_from_type_v2", Named("os", "system"), Named("builtins", "int"), (touch,), {})
    call("torch_save", "torch", "save", 1, marker)
    call("scorer", "sklearn.metrics._scorer", "make_scorer", Named("os", "system"), lives=False)
    call("svmlight", "sklearn.datasets._svmlight_format_io", "load_svmlight_file", marker, lives=False)
    call("multiprocessing", "multiprocessing.util", "spawnv_passfds", b"/usr/bin/touch", ["touch", marker], ())
    call("asyncio", "asyncio.base_subprocess", "BaseSubprocessTransport", lives=False)
    call("ipython", "IPython.utils.process", "getoutput", touch)
    call("pip", "pip._internal.cli.main", "main", ["--version"], lives=False)

    # By ways around a check of plain names.
    getattr_ = Named("builtins", "getattr")
    made["getattr"] = Hostile(
        as_pickle(Call(Call(getattr_, Named("pathlib", "PosixPath"), "touch"), Call(Named("pathlib", "PosixPath"), marker))), "builtins.getattr"
    )
    made["dotted"] = Hostile(as_pickle(Call(Named("pathlib", "PosixPath.touch"), Call(Named("pathlib", "PosixPath"), marker))), "pathlib.PosixPath.touch")
    made["through_a_listed_module"] = Hostile(as_pickle(Call(Named("collections", "_sys.modules.get"), "os")), "collections._sys.modules.get", lives=False)
    made["module_of_a_listed_module"] = Hostile(
        as_pickle(Call(Named("fractions", "operator.methodcaller"), "x")), "fractions.operator.methodcaller", lives=False
    )
    made["old_name"] = Hostile(b"c__builtin__\neval\n(" + _text(code) + b"tR.", "__builtin__.eval")
    made["old_module"] = Hostile(b"ccommands\ngetoutput\n(" + _text(touch) + b"tR.", "commands.getoutput")
    made["protocol_0"] = Hostile(f"cos\nsystem\n(S'{touch}'\ntR.".encode(), "os.system")
    made["inst"] = Hostile(f"(S'{touch}'\nios\nsystem\n.".encode(), "os.system")
    made["obj"] = Hostile(b"(cos\nsystem\n" + _text(touch) + b"o.", "os.system")
    made["newobj"] = Hostile(b"\x80\x02csubprocess\nPopen\n)\x81.", "subprocess.Popen", lives=False)
    made["other_case"] = Hostile(as_pickle(Call(Named("Builtins", "eval"), code)), "Builtins.eval", lives=False)
    made["after_an_honest_part"] = Hostile(as_pickle([Call(Named("collections", "OrderedDict")), Call(Named("os", "system"), touch)]), "os.system")
    made["in_a_state"] = Hostile(as_pickle(Build(Call(Named("argparse", "Namespace")), {"x": Call(Named("os", "system"), touch)})), "os.system")
    made["as_a_default"] = Hostile(as_pickle(Call(Named("collections", "defaultdict"), Named("os", "getcwd"))), "os.getcwd", lives=False)
    return made


def as_npy(data: bytes) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    return file.getvalue() + data


def as_npz(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", as_npy(data))
    return file.getvalue()


def as_torch(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/version", "3\n")
    return file.getvalue()


def as_legacy_torch(data: bytes) -> bytes:
    before = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True, "protocol_version": 1001, "type_sizes": {}}]
    return b"".join(pickle.dumps(part, 2) for part in before) + data + pickle.dumps([], 2)


CONTAINERS: dict[str, Callable[[bytes], bytes]] = {
    "plain.pkl": bytes,
    "packed.pkl.gz": lambda data: gzip.compress(data),
    "packed.pkl.bz2": bz2.compress,
    "plain.joblib": bytes,
    "packed.joblib": zlib.compress,
    "packed.joblib.xz": lzma.compress,
    "objects.npy": as_npy,
    "objects.npz": as_npz,
    "zipped.pt": as_torch,
    "legacy.pt": as_legacy_torch,
    "renamed.bin": bytes,
}
