"""Names that are known to run code, open files or reach out when a pickle or a configuration calls them. Data: it makes a message sharper, no more.

What is not listed here is a finding all the same, wherever it is not on the allowlist: nobody keeps a complete list of what is dangerous.
"""

from __future__ import annotations

_MODULES_NAMED = (
    "__main__ _io _posixsubprocess _pyrepl _winapi aiohttp asyncio bdb builtins cProfile code codeop commands concurrent ctypes dill distutils "
    "doctest ensurepip fileinput ftplib functools gc glob http httplib idlelib imaplib imp importlib inspect io itertools lib2to3 linecache "
    "logging marshal mmap multiprocessing nt nturl2path operator os pathlib pdb pickle pip pipes pkgutil platform poplib posix posixpath profile "
    "pty pydoc pyclbr requests resource runpy select shelve shutil signal site smtplib socket socketserver sqlite3 ssl subprocess sys tarfile "
    "tempfile telnetlib test threading timeit tokenize trace tracemalloc types unittest urllib urllib2 urllib3 uuid venv webbrowser winreg xmlrpc "
    "zipapp zipfile zipimport"
)
_MODULES = frozenset(_MODULES_NAMED.split())
"""The first part of a module's name."""
_BUILTINS_NAMED = "__import__ apply breakpoint compile delattr eval exec execfile file getattr globals input locals memoryview open reload setattr vars"
_BUILTINS = frozenset(_BUILTINS_NAMED.split())
_EXACT = frozenset(
    {
        "numpy.f2py.crackfortran.getlincoef",
        "numpy.f2py.crackfortran._eval_length",
        "numpy.testing._private.utils.runstring",
        "numpy.load",
        "numpy.lib.npyio.load",
        "torch.hub.load",
        "torch.load",
        "torch.jit.load",
        "torch.serialization.load",
        "torch.utils.collect_env.run",
        "torch.utils._config_module.load_config",
        "torch._dynamo.guards.GuardBuilder.get",
        "torch.fx.experimental.symbolic_shapes.ShapeEnv.evaluate_guards_expression",
        "torch.utils.bottleneck.__main__.run_cprofile",
        "torch.utils.data.datapipes.utils.decoder.basichandlers",
        "pandas.io.pickle.read_pickle",
        "pandas.read_pickle",
        "pandas.eval",
        "pandas.core.computation.eval.eval",
        "joblib.load",
        "joblib.numpy_pickle.load",
        "keras.models.load_model",
        "sklearn.utils._joblib.load",
        "cloudpickle.cloudpickle._make_function",
        "cloudpickle.cloudpickle._builtin_type",
        "dill._dill._create_function",
        "dill._dill._create_code",
        "dill._dill._import_module",
    }
)


def runs_code(module: str, name: str) -> bool:
    """Whether this name is known to run code or to reach out."""
    module = {"__builtin__": "builtins", "copy_reg": "copyreg"}.get(module, module)
    first = name.partition(".")[0]
    if module == "builtins":
        return first in _BUILTINS or "." in name
    return module.partition(".")[0] in _MODULES or f"{module}.{name}" in _EXACT
