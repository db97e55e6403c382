/** What every component of the panel is given: the words, the time, and what a person can set off. */

import * as React from 'react';
import type { Mode, Row } from '../api';
import { ENGLISH } from '../words';
import type { Words } from '../words';

/** What a person can set off in the panel. Each asks first where it changes something, and tells afterwards what came of it. */
export interface Deeds {
  /** Show the cell, in the notebook. */
  readonly jump: (cell: string | null, count: number | null) => void;
  readonly select: (row: Row | null) => void;
  readonly refresh: () => void;
  readonly sign: (paths: readonly string[]) => void;
  readonly review: (path: string, decision: 'approve' | 'reject') => void;
  readonly revoke: (digest: string, name: string, path: string) => void;
  readonly override: (path: string) => void;
  readonly verify: (path: string) => void;
  readonly graph: (digest: string, name: string, path: string) => void;
  readonly initialize: (mode: Mode) => void;
  /** Put `%load_ext jupyter_mlsc` at the top of the notebook. */
  readonly guard: () => void;
  readonly acceptLedger: () => void;
  readonly copy: (text: string) => void;
  readonly open: (path: string) => void;
}

export interface Surroundings {
  readonly words: Words;
  readonly deeds: Deeds;
  /** Milliseconds since the epoch, as of the last minute. */
  readonly now: number;
}

const nothing = (): void => undefined;

export const NO_DEEDS: Deeds = {
  jump: nothing,
  select: nothing,
  refresh: nothing,
  sign: nothing,
  review: nothing,
  revoke: nothing,
  override: nothing,
  verify: nothing,
  graph: nothing,
  initialize: nothing,
  guard: nothing,
  acceptLedger: nothing,
  copy: nothing,
  open: nothing
};

export const SurroundingsContext = React.createContext<Surroundings>({ words: ENGLISH, deeds: NO_DEEDS, now: 0 });

export const useSurroundings = (): Surroundings => React.useContext(SurroundingsContext);
