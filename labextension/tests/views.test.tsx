import { fireEvent, render, screen, within } from '@testing-library/react';
import * as React from 'react';
import { describe, expect, it, vi } from 'vitest';
import type { Artifact, Difference, NotebookRuns, Statement } from '../src/api';
import { BlockedCard } from '../src/components/BlockedCard';
import type { Deeds } from '../src/components/context';
import { NO_DEEDS, SurroundingsContext } from '../src/components/context';
import { Details } from '../src/components/Details';
import { DifferenceView } from '../src/components/DifferenceView';
import { EnvironmentView } from '../src/components/findings';
import { LedgerFooter } from '../src/components/LedgerFooter';
import type { LedgerView } from '../src/ledger';
import { ENGLISH } from '../src/words';
import { row, status } from './samples';

const HOSTILE = `<img src=x onerror="globalThis.owned=1">\u202Egnp.csv`;

function show(what: React.JSX.Element, deeds: Partial<Deeds> = {}): HTMLElement {
  return render(<SurroundingsContext.Provider value={{ words: ENGLISH, deeds: { ...NO_DEEDS, ...deeds }, now: Date.parse('2026-01-01T01:00:00Z') }}>{what}</SurroundingsContext.Provider>).container;
}

describe('the details of an artifact', () => {
  it('keep a statement open while the artifact is fetched anew', () => {
    const statement = { envelope: 'sha256:e', kind: 'dataset', decision: null, signer: null, why: null, notebook: null, predicate_type: 'p/v1', at: '2026-01-01T00:00:00Z', signatures: [], predicate: 'the body', problem: null, inclusion: null, source: 's' } as unknown as Statement;
    const known = { digest: row().digest, size: 1, statements: [statement], statements_left: 0, versions: [], findings: [], difference: null } as unknown as Artifact;
    const around = (artifact: Artifact | null): React.JSX.Element => (
      <SurroundingsContext.Provider value={{ words: ENGLISH, deeds: NO_DEEDS, now: 0 }}>
        <Details detail={{ row: row(), artifact, may: null, problem: null }} />
      </SurroundingsContext.Provider>
    );
    const { container, rerender } = render(around(known));
    const opened = container.querySelector<HTMLDetailsElement>('.mlsc-Statement') as HTMLDetailsElement;
    opened.open = true;
    fireEvent(opened, new Event('toggle'));
    expect(screen.getByText('the body')).toBeTruthy();
    rerender(around(null));
    expect(screen.queryByText('the body')).toBeNull();
    rerender(around({ ...known, statements: [{ ...statement, envelope: 'sha256:newer', predicate: 'another' }, statement] }));
    expect(screen.getByText('the body')).toBeTruthy();
    expect(screen.queryByText('another')).toBeNull();
  });
});

describe('what differs in a data set', () => {
  const difference = (change: Partial<Difference>): Difference => ({
    against: 'sha256:0',
    sentence: '45 rows changed',
    rows_before: 200,
    rows_after: 201,
    rows_added: 1,
    rows_removed: null,
    rows_changed: 45,
    columns: [],
    ...change
  });

  it('says in numbers what is known, and nothing of what is not', () => {
    const view = show(<DifferenceView difference={difference({ rows_added: 0 })} />);
    expect([...view.querySelectorAll('dt')].map(each => each.textContent)).toEqual(['rows when signed', 'rows now', 'added', 'changed']);
    expect([...view.querySelectorAll('dd')].map(each => each.textContent)).toEqual(['200', '201', '0', '45']);
  });

  it('draws a column before and after on one scale, and says it in a table that marks what changed', () => {
    const column = { name: HOSTILE, change: 'distribution', message: HOSTILE, labels: ['no', 'yes'], before: [50, 150], after: [50, 100] };
    const view = show(<DifferenceView difference={difference({ columns: [column] })} />);
    expect([...view.querySelectorAll('rect')].map(each => Math.round(Number(each.getAttribute('height'))))).toEqual([10, 30, 10, 20]);
    expect(view.querySelector('svg')?.getAttribute('aria-hidden')).toBe('true');
    expect([...view.querySelectorAll('tbody tr')].map(each => [each.textContent, each.className])).toEqual([['no5050', ''], ['yes150100', 'mlsc-mod-differs']]);
    expect(view.querySelectorAll('img')).toHaveLength(0);
    expect(view.textContent).not.toContain('\u202E');
  });

  it('draws nothing of a column without numbers', () => {
    const column = { name: 'x', change: 'gone', message: 'the column is gone', labels: [], before: [], after: [] };
    expect(show(<DifferenceView difference={difference({ columns: [column] })} />).querySelectorAll('svg')).toHaveLength(0);
  });
});

describe('the card under a blocked load', () => {
  const blocked = row({ path: HOSTILE, verdict: 'block', recorded: 'block', reasons: [{ code: 'unsigned', message: HOSTILE, next: 'ask a data-steward to run: mlsc sign data/a.csv', fails: true }] });

  function card(rows: readonly ReturnType<typeof row>[], deeds: Partial<Deeds> = {}, runAgain = vi.fn(), may = status().may): HTMLElement {
    return render(<BlockedCard rows={rows} status={status({ may })} words={ENGLISH} deeds={{ ...NO_DEEDS, ...deeds }} onRunAgain={runAgain} />).container;
  }

  it('offers what mends it: sign, copy the command, look closer', () => {
    const [sign, copy, select] = [vi.fn(), vi.fn(), vi.fn()];
    const view = card([blocked], { sign, copy, select });
    fireEvent.click(screen.getByTestId('mlsc-card-sign'));
    fireEvent.click(screen.getByTestId('mlsc-card-copy'));
    fireEvent.click(screen.getByRole('button', { name: 'Details' }));
    expect([sign.mock.calls, copy.mock.calls, select.mock.calls]).toEqual([[[['data/train.csv']]], [['mlsc sign data/a.csv']], [[blocked]]]);
    expect(view.querySelectorAll('img')).toHaveLength(0);
  });

  it('offers no signature to who may not sign, nor where one would not help', () => {
    const view = card([blocked], {}, vi.fn(), { ...status().may, sign: { allowed: false, why: 'no' } });
    expect(within(view).queryByTestId('mlsc-card-sign')).toBeNull();
    const revoked = row({ ...blocked, reasons: [{ code: 'revoked', message: 'm', next: 'take another', fails: true }] });
    expect(within(card([revoked])).queryByTestId('mlsc-card-sign')).toBeNull();
    expect(within(card([row({ ...blocked, server_path: null })])).queryByTestId('mlsc-card-sign')).toBeNull();
  });

  it('has the cell run again once it would load', () => {
    const runAgain = vi.fn();
    card([row({ recorded: 'block' })], {}, runAgain);
    fireEvent.click(screen.getByTestId('mlsc-card-run'));
    expect(runAgain).toHaveBeenCalledOnce();
  });
});

describe('the foot', () => {
  const ledger = (change: Partial<LedgerView>): LedgerView => ({ origin: 'o', size: 7, root: 'ab'.repeat(32), note: 'the note', checked: { outcome: 'holds', why: '' }, since: null, replaced: null, faults: [], ...change });

  it('says how far the ledger was checked, in a word for each outcome', () => {
    const cases: [Partial<LedgerView>, string, string][] = [
      [{}, 'holds', 'First seen by this browser now'],
      [{ since: { size: 5, root: 'r', at: '2026-01-01T00:00:00Z' } }, 'holds', 'It extends by 2 entries what this browser saw before (1 hr. ago)'],
      [{ checked: { outcome: 'unable', why: 'no Ed25519 here' } }, 'unable', 'no Ed25519 here'],
      [{ checked: { outcome: 'fails', why: 'it shrank' } }, 'fails', 'it shrank'],
      [{ faults: [{ code: 'tampered', message: 'entry 3', next: 'n', fails: true }] }, 'fails', 'entry 3']
    ];
    for (const [change, outcome, text] of cases) {
      const view = show(<LedgerFooter ledger={ledger(change)} />);
      expect(within(view).getByTestId('mlsc-checkpoint').dataset['outcome']).toBe(outcome);
      expect(view.textContent).toContain(text);
      view.remove();
    }
  });

  it('takes another ledger for the project’s own only when a person says so', () => {
    const acceptLedger = vi.fn();
    show(<LedgerFooter ledger={ledger({ replaced: 'other' })} />, { acceptLedger });
    fireEvent.click(screen.getByText('Accept this ledger'));
    expect(acceptLedger).toHaveBeenCalledOnce();
  });
});

describe('the run', () => {
  it('lists what was not seen, the runs and the packages, which are filtered', () => {
    const environment = { digest: 'sha256:' + 'e'.repeat(64), packages: ['numpy==2.0', 'pandas==2.2'] } as NotebookRuns['environment'];
    const view = show(<EnvironmentView environment={environment} gaps={[{ code: 'shell', count: 3, meaning: 'shell commands' }]} runs={[]} />);
    expect(view.textContent).toContain('3 shell commands');
    fireEvent.change(screen.getByRole('searchbox'), { target: { value: 'NUM' } });
    expect([...view.querySelectorAll('.mlsc-Packages li')].map(each => each.textContent)).toEqual(['numpy==2.0']);
  });
});
