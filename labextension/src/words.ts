/**
 * The panel's own words, each of which can be translated. What the server says is shown as it stands.
 *
 * Rules kept: one word for one thing, the same as on the command line; placeholders are `%1`, `%2`, as JupyterLab's translator has them.
 */

import type { Mode, NotebookRuns, Row, Verdict } from './api';

/** JupyterLab's translation bundle, or anything that has its two methods. */
export interface Words {
  __: (text: string, ...values: (string | number)[]) => string;
  _n: (one: string, many: string, count: number, ...values: (string | number)[]) => string;
}

function fill(text: string, values: readonly (string | number)[]): string {
  return text.replace(/%(\d)/g, (found, place: string) => String(values[Number(place) - 1] ?? found));
}

/** English as it is written in the sources. */
export const ENGLISH: Words = {
  __: (text, ...values) => fill(text, values),
  _n: (one, many, count, ...values) => fill(count === 1 ? one : many, [count, ...values])
};

/** A verdict in one word. */
export function verdictWord(verdict: Verdict, words: Words): string {
  return { allow: words.__('Allowed'), warn: words.__('Warning'), block: words.__('Blocked') }[verdict];
}

/** How a notebook stands: its verdict, or why there is none yet that anybody could rely on. */
export type NotebookStanding = Verdict | 'unrun' | 'waiting';

/** A notebook of which no run is on record is not in order, it is unknown; nor is one in order of which files were not looked at yet. */
export function standingOf(runs: Pick<NotebookRuns, 'verdict' | 'run' | 'rows'>): NotebookStanding {
  if (runs.verdict !== 'allow') {
    return runs.verdict;
  }
  if (runs.run === null) {
    return 'unrun';
  }
  return runs.rows.some(row => row.judged === 'record' && !row.missing) ? 'waiting' : 'allow';
}

/** How a notebook stands, in few words. */
export function standingWord(standing: NotebookStanding, words: Words): string {
  if (standing === 'unrun') {
    return words.__('No run on record');
  }
  return standing === 'waiting' ? words.__('Allowed so far') : verdictWord(standing, words);
}

/** What the policy's mode means, in a few words. */
export function modeMeaning(mode: Mode, words: Words): string {
  return {
    observe: words.__('Recorded only: nothing is refused'),
    warn: words.__('What fails is warned of, not refused'),
    enforce: words.__('What fails does not load')
  }[mode];
}

/** How a run was observed. */
export function tierMeaning(tier: string | null, words: Words): string {
  if (tier === 'supervised') {
    return words.__('Another process decided every file open and kept the record');
  }
  if (tier === 'guarded') {
    return words.__('Watched from inside the kernel: stops hostile artifacts and honest mistakes, not notebook code that sets out to undo it');
  }
  return words.__('No run of this notebook is on record');
}

const STEPS: readonly (readonly [number, Intl.RelativeTimeFormatUnit])[] = [
  [60, 'second'],
  [60, 'minute'],
  [24, 'hour'],
  [30, 'day'],
  [12, 'month'],
  [Number.POSITIVE_INFINITY, 'year']
];

/** How long ago a time was, in the user's language: `3 minutes ago`. Empty for what is no time. */
export function ago(at: string | null, now: number, locale?: string): string {
  const time = at === null ? Number.NaN : Date.parse(at);
  if (Number.isNaN(time)) {
    return '';
  }
  let value = (time - now) / 1000;
  if (Math.abs(value) < 10) {
    return new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(0, 'second');
  }
  for (const [size, unit] of STEPS) {
    if (Math.abs(value) < size) {
      return new Intl.RelativeTimeFormat(locale, { numeric: 'always', style: 'short' }).format(Math.round(value), unit);
    }
    value /= size;
  }
  return '';
}

/** The first characters of a digest, for people; the whole one is always at hand. */
export function shortDigest(digest: string | null): string {
  const [algorithm, hex] = (digest ?? '').split(':');
  return hex === undefined || algorithm === undefined ? (digest ?? '') : `${algorithm}:${hex.slice(0, 12)}…`;
}

/** Who stands behind a row: names once each, the unnamed as the beginning of their key. */
export function signersOf(row: Pick<Row, 'signers'>): string[] {
  return [...new Set(row.signers.map(signer => signer.identity ?? `${signer.key.slice(0, 12)}…`))];
}

/** Text on one line, with control and bidirectional characters made visible: a name cannot rearrange what stands beside it. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, character => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
