"""The formats that can be loaded and saved. What is here is imported when it is first asked for: the guard needs only `unpickling`, not each format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_mlsc.formats.format import Format, Identified, Source, Target
    from jupyter_mlsc.formats.registry import FORMATS, for_saving, identify, named_format

__all__ = ["FORMATS", "Format", "Identified", "Source", "Target", "for_saving", "identify", "named_format"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jupyter_mlsc.formats import format, registry

    return getattr(registry if hasattr(registry, name) else format, name)
