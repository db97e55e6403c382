/** Where the nodes of a graph stand: dagre's layered layout, from left (what was used) to right (what was made). */

import { graphlib, layout } from '@dagrejs/dagre';
import type { GraphEdge, GraphNode } from '../api';
import type { Neighbourhood } from './merging';

export interface Placed {
  readonly node: GraphNode;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Arranged {
  readonly placed: readonly Placed[];
  readonly edges: readonly GraphEdge[];
  readonly width: number;
  readonly height: number;
}

const SIZES = { artifact: { width: 208, height: 56 }, cell: { width: 156, height: 44 } } as const;

/** Arrange a neighbourhood. Positions are of upper left corners, in pixels. */
export function arranged(graph: Neighbourhood): Arranged {
  const layered = new graphlib.Graph().setGraph({ rankdir: 'LR', nodesep: 18, ranksep: 56, marginx: 16, marginy: 16 }).setDefaultEdgeLabel(() => ({}));
  for (const node of graph.nodes.values()) {
    layered.setNode(node.id, { ...SIZES[node.type] });
  }
  const edges = [...graph.edges.values()].filter(edge => graph.nodes.has(edge.source) && graph.nodes.has(edge.target));
  for (const edge of edges) {
    layered.setEdge(edge.source, edge.target);
  }
  layout(layered);
  const placed = [...graph.nodes.values()].map(node => {
    const { x, y } = layered.node(node.id);
    const { width, height } = SIZES[node.type];
    return { node, x: x - width / 2, y: y - height / 2, width, height };
  });
  const { width = 0, height = 0 } = layered.graph();
  return { placed, edges, width, height };
}
