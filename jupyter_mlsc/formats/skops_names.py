"""What a skops document may name, and how its parts are found: what the loader and the scanner share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

SCHEMA = "schema.json"
NODES = frozenset(
    {
        "BytesNode",
        "BytearrayNode",
        "CachedNode",
        "ConstructorFromReduceNode",
        "DTypeNode",
        "FunctionNode",
        "JsonNode",
        "LossNode",
        "MaskedArrayNode",
        "NdArrayNode",
        "ObjectNode",
        "RandomGeneratorNode",
        "RandomStateNode",
        "SliceNode",
        "SparseMatrixNode",
        "TreeNode",
        "TypeNode",
    }
)
# What these nodes do with the type that they name is to fill it, so it must be one that holds what it is given and no more.
HOLDERS = {
    "DefaultDictNode": frozenset({"collections.defaultdict"}),
    "DictNode": frozenset({"builtins.dict", "collections.OrderedDict", "sklearn.utils._bunch.Bunch"}),
    "ListNode": frozenset({"builtins.list"}),
    "SetNode": frozenset({"builtins.set", "builtins.frozenset"}),
    "TupleNode": frozenset({"builtins.tuple"}),
}
# Made by the node itself, and given a state of numbers; pickles make them by functions that the list has instead.
MADE_BY_NODE = {"RandomGeneratorNode": "numpy.random._generator.Generator", "RandomStateNode": "numpy.random.mtrand.RandomState"}


def nodes(schema: object) -> Iterator[dict[str, Any]]:
    """Every part of the document that names a type, at any depth; one that names its loader alone is malformed."""
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            waiting += part.values()
            if "__loader__" in part or "__class__" in part or "__module__" in part:
                yield {"__loader__": part["__loader__"], "__module__": part["__module__"], "__class__": part["__class__"]}
