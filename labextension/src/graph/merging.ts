/**
 * A neighbourhood of artifacts and cells that grows as a person asks for more. Pure.
 *
 * Rules kept: nodes and edges are the server's; the same node from two answers is one node, and what the later answer knows of it counts. What it does
 * not know takes nothing away: who made an artifact is told by the answer about what it came from, and not by the one about what it led to.
 */

import type { Graph, GraphEdge, GraphNode } from '../api';

export interface Neighbourhood {
  readonly root: string;
  readonly nodes: ReadonlyMap<string, GraphNode>;
  readonly edges: ReadonlyMap<string, GraphEdge>;
  /** Nodes that were asked for themselves, so that there is nothing more to ask. */
  readonly expanded: ReadonlySet<string>;
  /** Nodes that the server left out, in all answers. */
  readonly left: number;
}

const edgeKey = (edge: GraphEdge): string => JSON.stringify([edge.source, edge.target]);

const knownOf = (node: GraphNode): Partial<GraphNode> => Object.fromEntries(Object.entries(node).filter(([, value]) => value !== null));

/** Take in what was answered for one artifact, in both directions. */
export function merged(known: Neighbourhood | null, answers: readonly Graph[]): Neighbourhood {
  const nodes = new Map(known?.nodes);
  const edges = new Map(known?.edges);
  const expanded = new Set(known?.expanded);
  let left = known?.left ?? 0;
  for (const answer of answers) {
    expanded.add(answer.root);
    left += answer.left;
    for (const node of answer.nodes) {
      const before = nodes.get(node.id);
      nodes.set(node.id, before === undefined ? node : { ...before, ...knownOf(node), more: before.more && node.more });
    }
    for (const edge of answer.edges) {
      edges.set(edgeKey(edge), edge);
    }
  }
  return { root: known?.root ?? answers[0]?.root ?? '', nodes, edges, expanded, left };
}

/** Whether asking for this node may bring more of the graph. */
export const canExpand = (graph: Neighbourhood, node: GraphNode): boolean => node.digest !== null && node.more && !graph.expanded.has(node.id);
