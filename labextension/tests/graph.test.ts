import { describe, expect, it } from 'vitest';
import type { Graph, GraphNode } from '../src/api';
import { svgDocument, under } from '../src/graph/drawing';
import type { Colours } from '../src/graph/drawing';
import { arranged } from '../src/graph/layout';
import { canExpand, merged } from '../src/graph/merging';
import { ENGLISH } from '../src/words';

const node = (id: string, change: Partial<GraphNode> = {}): GraphNode => ({
  id,
  type: 'artifact',
  label: `${id}.csv`,
  path: `${id}.csv`,
  server_path: null,
  digest: `sha256:${id}`,
  kind: 'dataset',
  level: 0,
  revoked: false,
  verdict: 'allow',
  more: false,
  notebook: null,
  cell: null,
  run: null,
  tier: null,
  at: null,
  signer: null,
  ...change
});

const graph = (root: string, nodes: GraphNode[], edges: [string, string][]): Graph => ({
  root,
  direction: 'lineage',
  nodes,
  edges: edges.map(([source, target]) => ({ source, target, verdict: null, precise: true })),
  left: 0
});

const COLOURS: Colours = { background: '#fff', text: '#000', quiet: '#666', line: '#999', allow: '#0a0', warn: '#fa0', block: '#a00', font: 'sans-serif' };

describe('the lineage graph', () => {
  const first = graph('model', [node('model'), node('train', { more: true })], [['train', 'model']]);

  it('grows by what is asked for, with each node once', () => {
    const begun = merged(null, [first]);
    expect(canExpand(begun, begun.nodes.get('train')!)).toBe(true);
    const grown = merged(begun, [graph('train', [node('train'), node('raw')], [['raw', 'train']])]);
    expect([...grown.nodes.keys()].sort()).toEqual(['model', 'raw', 'train']);
    expect(grown.edges.size).toBe(2);
    expect(grown.root).toBe('model');
    expect(canExpand(grown, grown.nodes.get('train')!)).toBe(false);
  });

  it('keeps what one answer knows of a node where the other does not', () => {
    const made = graph('model', [node('model', { verdict: null, kind: 'model', tier: 'guarded' })], []);
    const used = graph('model', [node('model', { verdict: 'warn', kind: null })], []);
    for (const answers of [[made, used], [used, made]]) {
      expect(merged(null, answers).nodes.get('model')).toMatchObject({ verdict: 'warn', kind: 'model', tier: 'guarded' });
    }
    const later = merged(merged(null, [used]), [graph('model', [node('model', { verdict: 'block' })], [])]);
    expect(later.nodes.get('model')?.verdict).toBe('block');
  });

  it('stands from what was used on the left to what was made on the right', () => {
    const { placed } = arranged(merged(null, [graph('model', [node('raw'), node('train'), node('model')], [['raw', 'train'], ['train', 'model']])]));
    const at = (id: string): number => placed.find(each => each.node.id === id)!.x;
    expect(at('raw')).toBeLessThan(at('train'));
    expect(at('train')).toBeLessThan(at('model'));
  });

  it('leaves out an edge to a node that the server did not send, and bears a circle', () => {
    const circle = merged(null, [graph('a', [node('a'), node('b')], [['a', 'b'], ['b', 'a'], ['b', 'gone']])]);
    expect(arranged(circle).edges).toHaveLength(2);
  });

  it('says of an artifact what the panel says of it', () => {
    expect(under(node('x', { digest: null }), ENGLISH)).toBe('Allowed · dataset');
    expect(under(node('x', { digest: null, verdict: 'block', revoked: true }), ENGLISH)).toBe('Revoked · dataset');
    expect(under(node('x', { digest: null, kind: null, verdict: null }), ENGLISH)).toBe('');
    expect(under(node('x', { type: 'cell', cell: 'fit', tier: 'guarded' }), ENGLISH)).toBe('cell fit · guarded');
    expect(under(node('x', { type: 'cell', cell: '3f2a9c1e-53aa-4c07-9a58-0d7c1b2a9e11', tier: 'guarded' }), ENGLISH)).toBe('cell 3f2a9c1e… · guarded');
  });

  it('is a document in which a name is text and nothing else', () => {
    const name = '</text><script>alert(1)</script>';
    const svg = svgDocument(arranged(merged(null, [graph('x', [node('x', { label: name, path: name })], [])])), COLOURS, ENGLISH);
    const document = new DOMParser().parseFromString(svg, 'image/svg+xml');
    expect(document.querySelector('parsererror, script')).toBeNull();
    expect(document.querySelector('title')?.textContent).toContain(name);
  });
});
