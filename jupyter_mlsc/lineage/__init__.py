"""What came from what: a graph over provenance statements, walked to what was used and to what was made. Pure: no I/O, no clock.

Rules kept: an artifact is a node by its name and digest. For what it was made from, a later statement about the same bytes under the same name
replaces an earlier one, since it is the newer word on how they were made. For what was made from it every statement counts, and bytes are the
same bytes under whatever name they were read. What is reached in two ways stands once, at the least depth; what is left out is said.
"""

from __future__ import annotations

from jupyter_mlsc.lineage.neighbourhood import GraphLink, GraphNode, Neighbourhood, kind_by_name, neighbourhood_of
from jupyter_mlsc.lineage.trees import Impact, ImpactNode, LineageNode, impact_tree, lineage_tree
from jupyter_mlsc.lineage.values import Artifact, InputEdge, Mark, Omitted, Origin, Place, Production
from jupyter_mlsc.lineage.walk import After, Before, Direction, Relation, Statements, Step, Walk

__all__ = [
    "After",
    "Artifact",
    "Before",
    "Direction",
    "GraphLink",
    "GraphNode",
    "Impact",
    "ImpactNode",
    "InputEdge",
    "LineageNode",
    "Mark",
    "Neighbourhood",
    "Omitted",
    "Origin",
    "Place",
    "Production",
    "Relation",
    "Statements",
    "Step",
    "Walk",
    "impact_tree",
    "kind_by_name",
    "lineage_tree",
    "neighbourhood_of",
]
