/**
 * The ledger as this browser knows it: its newest checkpoint against the last one that was seen here.
 *
 * Rules kept: what was seen is remembered per ledger, and only after it was found to extend what was seen before; a ledger that is another one than
 * the project had is said to be so; the server's own faults are shown beside the browser's checks and replace none.
 */

import type { Api, Reason } from './api';
import { checkCheckpoint, parseNote } from './proof';
import type { Checked } from './proof';

/** Where a browser keeps a few bytes: `localStorage`, or less. */
export type Memory = Pick<Storage, 'getItem' | 'setItem'>;

/** A checkpoint that this browser saw. */
export interface Seen {
  readonly size: number;
  readonly root: string;
  readonly at: string;
}

/** What the panel shows of the ledger. */
export interface LedgerView {
  readonly origin: string;
  readonly size: number;
  readonly root: string;
  readonly note: string;
  readonly checked: Checked;
  /** The checkpoint that it was held against; null at the first sight of this ledger. */
  readonly since: Seen | null;
  /** The project had another ledger when this browser last looked. */
  readonly replaced: string | null;
  readonly faults: readonly Reason[];
}

const seenKey = (origin: string): string => `jupyter_mlsc:checkpoint:${origin}`;
const originKey = (project: string): string => `jupyter_mlsc:ledger-of:${project}`;

/** What was remembered, unless it is not what this file writes. */
export function recall(memory: Memory, origin: string): Seen | null {
  try {
    const seen: unknown = JSON.parse(memory.getItem(seenKey(origin)) ?? 'null');
    if (typeof seen === 'object' && seen !== null && 'size' in seen && 'root' in seen && 'at' in seen) {
      const { size, root, at } = seen;
      return typeof size === 'number' && typeof root === 'string' && typeof at === 'string' ? { size, root, at } : null;
    }
  } catch {
    // Somebody else's text under our name: as good as nothing seen.
  }
  return null;
}

/** Hold this ledger for the project's own from now on. */
export function acceptLedger(memory: Memory, project: string, ledger: LedgerView): void {
  memory.setItem(originKey(project), ledger.origin);
}

/** Ask for the newest checkpoint and check it. Throws `Refused`. */
export async function examine(api: Api, path: string, project: string, memory: Memory): Promise<LedgerView> {
  const known = memory.getItem(originKey(project));
  const last = known === null ? null : recall(memory, known);
  let now = await api.checkpoint(path, last?.size);
  const since = known === now.origin ? last : recall(memory, now.origin);
  if (since !== null && since.size !== last?.size) {
    now = await api.checkpoint(path, since.size);
  }
  const checked = await checkCheckpoint(now, since);
  const replaced = known !== null && known !== now.origin ? known : null;
  if (checked.outcome !== 'fails') {
    // The note's own numbers are what was checked, not those beside it.
    const note = parseNote(now.note);
    const root = Array.from(note.root, byte => byte.toString(16).padStart(2, '0')).join('');
    if (since?.size !== note.size) {
      memory.setItem(seenKey(now.origin), JSON.stringify({ size: note.size, root, at: new Date().toISOString() } satisfies Seen));
    }
    if (replaced === null) {
      memory.setItem(originKey(project), now.origin);
    }
  }
  return { origin: now.origin, size: now.size, root: now.root, note: now.note, checked, since, replaced, faults: now.faults };
}
