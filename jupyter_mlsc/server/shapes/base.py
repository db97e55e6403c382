"""What all wire types are made of: the two bases, of what is answered and of what is asked, and the words and limits of their fields."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

VerdictWord = Literal["allow", "warn", "block"]
ModeWord = Literal["observe", "warn", "enforce"]
KindWord = Literal["dataset", "model", "notebook", "environment", "config"]
Operation = Literal["read", "write"]
State = Literal["ready", "no-project", "policy-invalid", "ledger-unreadable", "server-supervised"]
Mark = Literal["signed", "changed", "blocked", "warned", "noted", "unknown"]

Path = Annotated[str, Meta(max_length=4096, description="Relative to the server's folder, with '/'.")]
Words = Annotated[str, Meta(min_length=1, max_length=4000, description="What a person says, for others to read.")]
Depth = Annotated[int, Meta(ge=1, le=32, description="Levels of the graph.")]
Size = Annotated[int, Meta(ge=0, le=2**53)]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the server answers, or a part of it."""


AnswerT = TypeVar("AnswerT", bound=Answer)


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client asks, in a query or a body."""
