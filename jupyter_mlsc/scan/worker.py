"""The inside of the process that scans: files come in as descriptors, findings go out. It opens nothing, and holds no key.

Rules kept: one request is answered by one message, whatever the bytes do short of ending the process; a request's time is also limited from inside, so
that no descendant of a dead parent goes on computing; before a library parses a file, it is said that this file is the last one.
"""

from __future__ import annotations

import json
import os
from _socket import socket

from jupyter_mlsc.formats.libraries import before_use
from jupyter_mlsc.scan.channel import answer, last, receive, recognition, send
from jupyter_mlsc.scan.engine import scan_stream
from jupyter_mlsc.scan.limits import Limits
from jupyter_mlsc.scan.processor_time import limit

_BUFFER = 64 * 1024
"""Bytes that are read ahead. Most files are looked at in a few places only."""


def serve(channel: socket) -> None:
    """Hear what holds for all files, then answer requests until the other side closes."""
    body, _ = receive(channel)
    if body is None:
        return
    terms = json.loads(body)
    limits = Limits(**terms["limits"])
    told = {name: frozenset(terms[name]) for name in ("allow", "also", "indexes")}
    told_last = False

    def tell_last(library: str) -> None:
        nonlocal told_last
        if not told_last:
            told_last = True
            send(channel, last(library))

    before_use(tell_last)
    while not told_last:
        body, descriptors = receive(channel)
        if body is None:
            return
        limit(limits.seconds_for(os.fstat(descriptors[0]).st_size))
        asked = json.loads(body)
        with os.fdopen(descriptors[0], "rb", buffering=_BUFFER) as stream:
            if asked["recognise"]:
                from jupyter_mlsc.formats.registry import identify  # every format's module, of which a scan needs few

                said = recognition(identify(asked["name"], stream))
            else:
                said = answer(scan_stream(asked["name"], stream, limits=limits, **told))
        send(channel, said)
