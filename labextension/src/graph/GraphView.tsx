/** The lineage graph: React Flow over dagre's layout. Zoom, pan, walk with the keyboard, ask for more, take it away as SVG or PNG. */

import { Background, BackgroundVariant, Controls, Handle, MarkerType, Position, ReactFlow, ReactFlowProvider, useReactFlow } from '@xyflow/react';
import type { Edge, Node, NodeProps } from '@xyflow/react';
import '@xyflow/react/dist/base.css';
import * as React from 'react';
import { Refused } from '../api';
import type { Graph, GraphNode, Problem } from '../api';
import { Icon, VerdictIcon } from '../components/Icon';
import { PathName } from '../components/PathName';
import { ago, plain } from '../words';
import type { Words } from '../words';
import { nameOf, pngOf, stateOf, svgDocument, under, wholeOf } from './drawing';
import type { Colours } from './drawing';
import { arranged } from './layout';
import { canExpand, merged } from './merging';
import type { Neighbourhood } from './merging';

interface Shown extends Record<string, unknown> {
  readonly of: GraphNode;
  readonly root: boolean;
  readonly more: boolean;
  readonly words: Words;
}

type ShownNode = Node<Shown>;

function NodeView({ data }: NodeProps<ShownNode>): React.JSX.Element {
  const { of, root, more, words } = data;
  const tone = of.revoked ? 'block' : of.verdict;
  return (
    <div className={`mlsc-Node mlsc-mod-${of.type} ${of.revoked ? 'mlsc-mod-revoked' : ''} ${root ? 'mlsc-mod-root' : ''}`} data-tone={tone ?? 'none'} title={wholeOf(of)}>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      {of.type === 'artifact' && <VerdictIcon verdict={tone} />}
      <div className="mlsc-Node-text">
        <div className="mlsc-Node-name">
          <PathName path={nameOf(of)} />
        </div>
        <div className="mlsc-Node-under">{under(of, words)}</div>
      </div>
      {more && <span className="mlsc-Node-more">+</span>}
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
}

const NODE_TYPES = { shown: NodeView };

function coloursOf(element: Element): Colours {
  const style = getComputedStyle(element);
  const value = (name: string, otherwise: string): string => style.getPropertyValue(name).trim() || otherwise;
  return {
    background: value('--jp-layout-color1', 'white'),
    text: value('--jp-ui-font-color1', 'black'),
    quiet: value('--jp-ui-font-color2', 'gray'),
    line: value('--jp-border-color0', 'silver'),
    allow: value('--jp-success-color1', 'green'),
    warn: value('--jp-warn-color1', 'orange'),
    block: value('--jp-error-color1', 'red'),
    font: 'system-ui, sans-serif'
  };
}

export interface GraphProps {
  readonly digest: string;
  readonly name: string;
  /** Ask for what lies around an artifact, in both directions. Rejects with `Refused`. */
  readonly ask: (digest: string) => Promise<readonly Graph[]>;
  readonly words: Words;
  /** Counts the changes of the project: the graph is asked for anew. */
  readonly change: number;
  readonly onSave: (name: string, content: Blob) => void;
  readonly onOpen: (path: string) => void;
}

/** The graph, and the problem that stood in the way of the last question. */
function useNeighbourhood({ digest, ask, change }: GraphProps): { graph: Neighbourhood | null; problem: Problem | null; expand: (digest: string) => Promise<void> } {
  const [graph, setGraph] = React.useState<Neighbourhood | null>(null);
  const [problem, setProblem] = React.useState<Problem | null>(null);
  const asked = React.useRef(new Set<string>());
  const fetch = React.useCallback(
    async (about: string): Promise<void> => {
      try {
        const answers = await ask(about);
        asked.current.add(about);
        setProblem(null);
        setGraph(known => merged(known, answers));
      } catch (error) {
        if (!(error instanceof Refused)) {
          throw error;
        }
        setProblem(error.problem);
      }
    },
    [ask]
  );
  React.useEffect(() => {
    // What was opened before stays open when the record has grown.
    for (const about of new Set([digest, ...asked.current])) {
      void fetch(about);
    }
  }, [digest, fetch, change]);
  return { graph, problem, expand: fetch };
}

function Facts({ node, words, onOpen, onExpand }: { node: GraphNode; words: Words; onOpen: (path: string) => void; onExpand: (() => void) | null }): React.JSX.Element {
  const place = node.server_path;
  return (
    <aside className="mlsc-Graph-facts" aria-live="polite">
      <strong>{node.type === 'cell' ? `${nameOf(node)} · ${under(node, words)}` : plain(node.path ?? node.label)}</strong>
      <span>
        {[stateOf(node, words), node.kind, node.tier, node.signer === null ? null : words.__('by %1', plain(node.signer)), ago(node.at, Date.now())]
          .filter(Boolean)
          .join(' · ')}
      </span>
      {node.digest !== null && <code className="mlsc-Code">{node.digest}</code>}
      <span className="mlsc-Buttons">
        {onExpand !== null && (
          <button className="mlsc-Button" onClick={onExpand}>
            {words.__('Show more around it')}
          </button>
        )}
        {place !== null && (
          <button className="mlsc-Button" onClick={() => onOpen(place)}>
            <Icon name="open" /> {words.__('Open')}
          </button>
        )}
      </span>
    </aside>
  );
}

function Flow(props: GraphProps): React.JSX.Element {
  const { words, name, onSave, onOpen } = props;
  const { graph, problem, expand } = useNeighbourhood(props);
  const [selected, setSelected] = React.useState<string | null>(null);
  const frame = React.useRef<HTMLDivElement>(null);
  const flow = useReactFlow();
  const arrangement = React.useMemo(() => (graph === null ? null : arranged(graph)), [graph]);

  const nodes = React.useMemo<ShownNode[]>(
    () =>
      (arrangement?.placed ?? []).map(({ node, x, y, width, height }) => ({
        id: node.id,
        type: 'shown',
        position: { x, y },
        width,
        height,
        draggable: false,
        connectable: false,
        selected: node.id === selected,
        ariaLabel: `${nameOf(node)}, ${under(node, words)}`,
        data: { of: node, root: node.id === graph?.root, more: graph !== null && canExpand(graph, node), words }
      })),
    [arrangement, graph, selected, words]
  );
  const edges = React.useMemo<Edge[]>(
    () =>
      (arrangement?.edges ?? []).map(edge => ({
        id: `${edge.source} ${edge.target}`,
        source: edge.source,
        target: edge.target,
        focusable: false,
        className: edge.precise ? 'mlsc-Edge' : 'mlsc-Edge mlsc-mod-loose',
        markerEnd: { type: MarkerType.ArrowClosed, color: 'var(--jp-border-color0)', width: 14, height: 14 }
      })),
    [arrangement]
  );
  const count = arrangement?.placed.length ?? 0;
  React.useEffect(() => {
    if (count > 0) {
      requestAnimationFrame(() => void flow.fitView({ padding: 0.12, maxZoom: 1.15, duration: 0 }));
    }
  }, [count, flow]);

  const drawing = (): string => (arrangement === null || frame.current === null ? '' : svgDocument(arrangement, coloursOf(frame.current), words));
  const save = async (kind: 'svg' | 'png'): Promise<void> => {
    const svg = drawing();
    const content = kind === 'svg' ? new Blob([svg], { type: 'image/svg+xml' }) : await pngOf(svg, arrangement?.width ?? 0, arrangement?.height ?? 0);
    onSave(`${name.split('/').at(-1) ?? 'lineage'}.lineage.${kind}`, content);
  };
  const node = selected === null ? undefined : graph?.nodes.get(selected);
  const more = graph !== null && node !== undefined && canExpand(graph, node) ? node.digest : null;

  return (
    <div className="mlsc-Graph" data-testid="mlsc-graph" ref={frame}>
      <div className="mlsc-Graph-bar" role="toolbar" aria-label={words.__('Lineage')}>
        <span className="mlsc-Graph-title" title={plain(name)}>
          {words.__('What %1 came from and what it led to', plain(name))}
        </span>
        {graph !== null && graph.left > 0 && <span className="mlsc-Quiet">{words._n('%1 more is not shown', '%1 more are not shown', graph.left)}</span>}
        <button className="mlsc-Button" onClick={() => void flow.fitView({ padding: 0.12 })}>
          {words.__('Fit')}
        </button>
        <button className="mlsc-Button" data-testid="mlsc-export-svg" disabled={count === 0} onClick={() => void save('svg')}>
          SVG
        </button>
        <button className="mlsc-Button" data-testid="mlsc-export-png" disabled={count === 0} onClick={() => void save('png')}>
          PNG
        </button>
      </div>
      {problem !== null && (
        <p className="mlsc-Problem" role="alert">
          {plain(problem.message)} {problem.next === null ? '' : plain(problem.next)}
        </p>
      )}
      <div className="mlsc-Graph-canvas">
        {graph === null && problem === null ? (
          <p className="mlsc-State" role="status">
            {words.__('Asking the server…')}
          </p>
        ) : (
          <ReactFlow
            nodes={nodes}
            edges={edges}
            nodeTypes={NODE_TYPES}
            onNodeClick={(_, clicked) => setSelected(clicked.id)}
            onNodeDoubleClick={(_, clicked) => {
              const found = graph?.nodes.get(clicked.id);
              if (graph !== null && found !== undefined && canExpand(graph, found) && found.digest !== null) {
                void expand(found.digest);
              }
            }}
            onNodesChange={changes => {
              // The keyboard selects through changes, which are ours to carry out.
              const chosen = changes.find(each => each.type === 'select' && each.selected);
              if (chosen?.type === 'select') {
                setSelected(chosen.id);
              }
            }}
            onPaneClick={() => setSelected(null)}
            nodesDraggable={false}
            nodesConnectable={false}
            nodesFocusable
            edgesFocusable={false}
            minZoom={0.05}
            onlyRenderVisibleElements
            proOptions={{ hideAttribution: false }}
          >
            <Background variant={BackgroundVariant.Dots} gap={22} size={1} color="var(--jp-border-color2)" />
            <Controls showInteractive={false} />
          </ReactFlow>
        )}
      </div>
      {node !== undefined && <Facts node={node} words={words} onOpen={onOpen} onExpand={more === null ? null : () => void expand(more)} />}
    </div>
  );
}

export default function GraphView(props: GraphProps): React.JSX.Element {
  return (
    <ReactFlowProvider>
      <Flow {...props} />
    </ReactFlowProvider>
  );
}
