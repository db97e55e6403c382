/** Small drawings. Those of verdicts differ in shape as well as in colour. */

import * as React from 'react';
import type { NotebookStanding } from '../words';

/** Strokes on a grid of 16 by 16. */
export const STROKES = {
  allow: 'M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 0 0 0-13zM5 8.2l2.1 2.1L11 6.2',
  warn: 'M8 2L1.5 13.8h13zM8 6.5v3.4M8 11.6v.6',
  block: 'M5.3 1.5h5.4l3.8 3.8v5.4l-3.8 3.8H5.3l-3.8-3.8V5.3zM5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8',
  none: 'M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 0 0 0-13zM5 8h6',
  close: 'M4 4l8 8M12 4l-8 8',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  graph: 'M1.5 6h4v4h-4zM10.5 1.5h4v4h-4zM10.5 10.5h4v4h-4zM5.5 8h2.5M8 3.5v9M8 3.5h2.5M8 12.5h2.5',
  refresh: 'M13.5 8a5.5 5.5 0 1 1-1.8-4.1M13.5 1.5v3h-3',
  open: 'M9 2h5v5M14 2L7.5 8.5M12 9.5V14H2V4h4.5',
  key: 'M10.5 2a3.5 3.5 0 1 0 0 7a3.5 3.5 0 0 0 0-7zM8 8l-6 6M4 12l1.8 1.8',
  ledger: 'M3 2h10v12H3zM5.5 5h5M5.5 8h5M5.5 11h3',
  next: 'M2.5 8h10M9 4.5L12.5 8L9 11.5',
  down: 'M4 6l4 4l4-4',
  thumb: 'M3 8.4l3.2 3.2L13 4.8'
} as const;

export type IconName = keyof typeof STROKES;

export function Icon({ name, className = '' }: { readonly name: IconName; readonly className?: string }): React.JSX.Element {
  return (
    <svg className={`mlsc-Icon ${className}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={STROKES[name]} fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}

/** A verdict's sign: a ring with a tick, a triangle, an octagon with a cross; where there is none that could be relied on, a ring with a bar. */
export function VerdictIcon({ verdict }: { readonly verdict: NotebookStanding | null }): React.JSX.Element {
  const sign = verdict === null || verdict === 'unrun' || verdict === 'waiting' ? 'none' : verdict;
  return <Icon name={sign} className={`mlsc-VerdictIcon mlsc-mod-${sign}`} />;
}
