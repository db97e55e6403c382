/**
 * The graph as a document of its own, for a report: SVG, and PNG from it.
 *
 * Rules kept: text goes in as text nodes; nothing outside is referred to; colours are handed in, since a document cannot ask for a theme.
 */

import type { GraphNode } from '../api';
import { plain, shortDigest, verdictWord } from '../words';
import type { Words } from '../words';
import type { Arranged, Placed } from './layout';

export interface Colours {
  readonly background: string;
  readonly text: string;
  readonly quiet: string;
  readonly line: string;
  readonly allow: string;
  readonly warn: string;
  readonly block: string;
  readonly font: string;
}

const SVG = 'http://www.w3.org/2000/svg';

/** A character of the names is about this wide; a document cannot measure. */
const CHARACTER = 7;

function element(name: string, attributes: Readonly<Record<string, string | number>>, text?: string): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, String(value));
  }
  if (text !== undefined) {
    made.textContent = text;
  }
  return made;
}

function cut(text: string, width: number): string {
  const most = Math.floor(width / CHARACTER);
  return text.length <= most ? text : `…${text.slice(text.length - most + 1)}`;
}

/** A node's name: a path, or for a cell its notebook's. */
export function nameOf(node: GraphNode): string {
  return plain(node.type === 'cell' && node.notebook !== null ? node.notebook : node.label);
}

const LONGEST_ID = 12;

/** The beginning of a cell's id: JupyterLab's have 36 characters, of which the first eight tell cells apart. */
function shortId(id: string): string {
  return id.length <= LONGEST_ID ? id : `${id.slice(0, 8)}…`;
}

/** Whether a node stands, in the word that the panel has for it; empty where no run said so. */
export function stateOf(node: GraphNode, words: Words): string {
  return node.revoked ? words.__('Revoked') : node.verdict === null ? '' : verdictWord(node.verdict, words);
}

/** A node's second line: what it is, whether it stands. */
export function under(node: GraphNode, words: Words): string {
  const parts = node.type === 'cell' ? [node.cell === null ? '' : words.__('cell %1', shortId(node.cell)), node.tier] : [stateOf(node, words), node.kind, shortDigest(node.digest)];
  return plain(parts.filter(Boolean).join(' · '));
}

/** All of what a node's box has room for the beginning of. */
export function wholeOf(node: GraphNode): string {
  return plain(`${node.path ?? node.label} ${node.digest ?? ''}`.trimEnd());
}

function nodeDrawing({ node, x, y, width, height }: Placed, colours: Colours, words: Words): SVGElement {
  const group = element('g', { transform: `translate(${x} ${y})` });
  const tone = node.revoked ? colours.block : node.verdict === null ? colours.line : colours[node.verdict];
  group.append(
    element('title', {}, wholeOf(node)),
    element('rect', { width, height, rx: node.type === 'cell' ? height / 2 : 4, fill: colours.background, stroke: tone, 'stroke-width': 1.5, ...(node.revoked ? { 'stroke-dasharray': '5 3' } : {}) }),
    element('text', { x: 14, y: height / 2 - 3, fill: colours.text, 'font-weight': 600 }, cut(nameOf(node), width - 24)),
    element('text', { x: 14, y: height / 2 + 13, fill: colours.quiet, 'font-size': 10 }, cut(under(node, words), (width - 24) * 1.2))
  );
  return group;
}

/** A smooth line from the right side of one box to the left side of another. */
export function curve(from: Placed, to: Placed): string {
  const [x1, y1, x2, y2] = [from.x + from.width, from.y + from.height / 2, to.x, to.y + to.height / 2];
  const bend = Math.max(24, (x2 - x1) / 2);
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}

/** The whole graph as the text of an SVG document. */
export function svgDocument(graph: Arranged, colours: Colours, words: Words): string {
  const { width, height } = graph;
  const root = element('svg', { viewBox: `0 0 ${width} ${height}`, width, height, 'font-family': colours.font, 'font-size': 12 });
  root.append(element('rect', { width, height, fill: colours.background }));
  const places = new Map(graph.placed.map(each => [each.node.id, each]));
  for (const edge of graph.edges) {
    const [from, to] = [places.get(edge.source), places.get(edge.target)];
    if (from !== undefined && to !== undefined) {
      root.append(element('path', { d: curve(from, to), fill: 'none', stroke: colours.line, 'stroke-width': 1.2, ...(edge.precise ? {} : { 'stroke-dasharray': '4 3' }) }));
    }
  }
  root.append(...graph.placed.map(each => nodeDrawing(each, colours, words)));
  return new XMLSerializer().serializeToString(root);
}

const MOST_PIXELS = 8192;

/** The document as a PNG, at twice its size where that is not too large. Rejects where the browser cannot draw it. */
export async function pngOf(svg: string, width: number, height: number): Promise<Blob> {
  const image = new Image();
  const url = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }));
  try {
    image.src = url;
    await image.decode();
    const scale = Math.min(2, MOST_PIXELS / Math.max(width, height, 1));
    const canvas = document.createElement('canvas');
    canvas.width = Math.ceil(width * scale);
    canvas.height = Math.ceil(height * scale);
    canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) => {
      canvas.toBlob(blob => {
        if (blob === null) {
          reject(new Error('the picture is too large for this browser'));
        } else {
          resolve(blob);
        }
      }, 'image/png');
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}
