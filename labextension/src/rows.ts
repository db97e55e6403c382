/**
 * Which rows the list shows and in which order. Pure.
 *
 * Rules kept: rows are the server's; this chooses and orders them, it makes none and changes none.
 */

import type { Row, Verdict } from './api';
import { signersOf } from './words';

export type Order = 'cell' | 'verdict' | 'name' | 'time';
export type Show = 'all' | 'problems' | 'read' | 'write';

/** What a person asked the list to show. */
export interface View {
  readonly text: string;
  readonly show: Show;
  readonly order: Order;
  /** Only what this cell touched. */
  readonly cell: string | null;
}

export const WHOLE: View = { text: '', show: 'all', order: 'cell', cell: null };

/** A line of the list: a heading over the rows of one operation, or a row. */
export type Line = { readonly heading: 'read' | 'write'; readonly count: number; readonly of: number } | { readonly row: Row };

const STRICTNESS: Readonly<Record<Verdict, number>> = { block: 0, warn: 1, allow: 2 };

/** One row's name among the rows of a run. */
export const rowKey = (row: Row): string => `${row.op} ${row.path} ${row.digest} ${row.cell_id ?? ''}`;

/** A row that somebody should look at. */
export const isProblem = (row: Row): boolean => row.verdict !== 'allow' || row.changed || row.missing || row.stale;

// One for all comparisons: of ten thousand names there are more than a hundred thousand.
const NAMES = new Intl.Collator(undefined, { numeric: true });

const byName = (one: Row, other: Row): number => NAMES.compare(one.path, other.path);

const ORDERS: Readonly<Record<Order, (one: Row, other: Row) => number>> = {
  cell: (one, other) => (one.execution_count ?? Infinity) - (other.execution_count ?? Infinity) || byName(one, other),
  verdict: (one, other) => STRICTNESS[one.verdict] - STRICTNESS[other.verdict] || byName(one, other),
  name: byName,
  time: (one, other) => (one.at < other.at ? 1 : one.at > other.at ? -1 : 0) || byName(one, other)
};

function found(row: Row, words: readonly string[]): boolean {
  if (words.length === 0) {
    return true;
  }
  const text = `${row.path} ${row.kind ?? ''} ${row.digest} ${signersOf(row).join(' ')} ${row.reasons.map(reason => reason.code).join(' ')}`.toLowerCase();
  return words.every(word => text.includes(word));
}

/** The rows that a view shows, in its order. */
export function chosen(rows: readonly Row[], view: View): Row[] {
  const words = view.text.toLowerCase().split(/\s+/).filter(Boolean);
  return rows
    .filter(
      row =>
        (view.show === 'all' || (view.show === 'problems' ? isProblem(row) : row.op === view.show)) &&
        (view.cell === null || row.cell_id === view.cell) &&
        found(row, words)
    )
    .sort((one, other) => ORDERS[view.order](one, other) || (rowKey(one) < rowKey(other) ? -1 : 1));
}

/** The list: inputs under their heading, then outputs under theirs. */
export function lines(rows: readonly Row[], view: View): Line[] {
  const shown = chosen(rows, view);
  const list: Line[] = [];
  for (const heading of ['read', 'write'] as const) {
    const part = shown.filter(row => row.op === heading);
    const of = rows.filter(row => row.op === heading).length;
    if (part.length > 0) {
      list.push({ heading, count: part.length, of }, ...part.map(row => ({ row })));
    }
  }
  return list;
}
