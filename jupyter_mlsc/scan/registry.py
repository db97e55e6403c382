"""The scanners that there are, in the order in which they are asked. A new family is one line here.

Rules kept: a scanner's module is imported at the first scan, and imports no library of its format before it meets a file that needs it.
"""

from __future__ import annotations

import importlib
from functools import cache

from jupyter_mlsc.scan.scanner import Scanner

_FAMILIES = (
    "pickles",
    "compressed",
    "archives",
    "arrays",
    "torch_files",
    "safetensors_files",
    "gguf_files",
    "keras_configs",
    "hdf5_files",
    "onnx_files",
    "savedmodels",
    "skops_files",
    "xml_files",
    "rds_files",
    "message_files",
    "model_folders",
    "yaml_files",
    "small_files",
    "notebooks",
)
"""Modules of this package, each with a tuple ``SCANNERS``."""


@cache
def scanners() -> tuple[Scanner, ...]:
    """Every scanner of files."""
    return tuple(each for family in _FAMILIES for each in importlib.import_module(f"jupyter_mlsc.scan.{family}").SCANNERS)


LIST_VERSION = 1
"""Raised with every change of what the scanners find, so that statements of earlier ones are not taken for this one's."""
