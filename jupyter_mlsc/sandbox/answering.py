"""Puts together those who answer a tree's questions. It is imported while the command's process builds its wall: both take as long."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jupyter_mlsc.sandbox.code import Code
from jupyter_mlsc.sandbox.later_desk import LaterDesk
from jupyter_mlsc.sandbox.listed import ListedSockets
from jupyter_mlsc.sandbox.listener import Listener
from jupyter_mlsc.sandbox.loop import Loop
from jupyter_mlsc.sandbox.names import Names
from jupyter_mlsc.sandbox.opens import Opens
from jupyter_mlsc.sandbox.ordinary import Ordinary
from jupyter_mlsc.sandbox.processes import Processes
from jupyter_mlsc.sandbox.sockets import Sockets
from jupyter_mlsc.sandbox.umasks import Umasks
from jupyter_mlsc.sandbox.ways import Ways

if TYPE_CHECKING:
    from jupyter_mlsc.project import Project
    from jupyter_mlsc.recording import Run
    from jupyter_mlsc.sandbox.boot import Spec
    from jupyter_mlsc.sandbox.desk import CarryOut, Desk
    from jupyter_mlsc.sandbox.gate import Gate
    from jupyter_mlsc.sandbox.messages import Messages
    from jupyter_mlsc.sandbox.resolve import Resolver
    from jupyter_mlsc.sandbox.survey import Survey
    from jupyter_mlsc.sandbox.syscalls import Calls
    from jupyter_mlsc.sandbox.tree import Tree


def answering(
    project: Project,
    spec: Spec,
    run: Run,
    seen: Survey,
    tables: Calls,
    *,
    home: str,
    descriptor: int,
    gate: Gate,
    tree: Tree,
    resolver: Resolver,
    messages: Messages,
    carry_out: CarryOut,
) -> tuple[Loop, LaterDesk]:
    """The loop with all who answer in it, and the desk. ``home`` is the command's, ``descriptor`` the listener's."""
    settings, places = project.policy.supervise, seen.places
    listener = Listener(descriptor)
    loop = Loop(listener, messages.tell)

    def make_desk() -> Desk:
        from jupyter_mlsc.sandbox.desk import Desk

        return Desk(project, run, gate, places, listener, messages, spec, carry_out)

    desk = LaterDesk(make_desk)
    network, slow, in_tree = settings.network == "allow", loop.slow, tree.contains
    listed = ListedSockets(settings.sockets, root=os.path.realpath(project.root), home=os.path.realpath(home))
    ways = Ways(places, tuple(other for other, _ in seen.aliases))
    umasks = Umasks(tables, listener)
    ordinary = Ordinary(listener, resolver, ways, umasks, gate)
    for handler in (
        umasks,
        Opens(tables, listener, resolver, places, gate, ordinary=ordinary, umasks=umasks, fast=seen.fast, in_tree=in_tree, slow=slow, code=Code(project, run)),
        Sockets(tables, listener, resolver, places, gate, slow, tree, listed, desk=desk, umasks=umasks, network=network),
        Processes(tables, listener, tree),
        Names(tables, listener, resolver, places, gate, ways=ways, ordinary=ordinary, umasks=umasks, slow=slow, in_tree=in_tree),
    ):
        loop.add(handler)
    return loop, desk
