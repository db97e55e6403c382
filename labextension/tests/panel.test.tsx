import { fireEvent, render, screen, within } from '@testing-library/react';
import * as React from 'react';
import { describe, expect, it, vi } from 'vitest';
import type { NotebookRuns, Row } from '../src/api';
import type { Deeds } from '../src/components/context';
import { NO_DEEDS, SurroundingsContext } from '../src/components/context';
import { Panel } from '../src/components/Panel';
import { secondLine } from '../src/components/RowView';
import type { PanelState } from '../src/model';
import { ENGLISH } from '../src/words';
import { row, runs, status } from './samples';

const state = (change: Partial<PanelState> = {}): PanelState => ({
  path: 'work.ipynb',
  status: status(),
  runs: runs(),
  ledger: null,
  reviews: [],
  detail: null,
  problem: null,
  loading: false,
  offline: false,
  ...change
});

function show(change: Partial<PanelState> = {}, deeds: Partial<Deeds> = {}): HTMLElement {
  return render(
    <SurroundingsContext.Provider value={{ words: ENGLISH, deeds: { ...NO_DEEDS, ...deeds }, now: Date.parse('2026-01-01T01:00:00Z') }}>
      <Panel state={state(change)} cell={null} onCell={() => undefined} />
    </SurroundingsContext.Provider>
  ).container;
}

const HOSTILE = `<img src=x onerror="globalThis.owned=1"><script>globalThis.owned=1</script>\u202Egnp.csv`;

describe('the panel', () => {
  it('says the verdict in a word, a shape and a tone', () => {
    for (const [verdict, word] of [
      ['allow', 'Allowed'],
      ['warn', 'Warning'],
      ['block', 'Blocked']
    ] as const) {
      const panel = show({ runs: runs({ verdict }) });
      expect(within(panel).getByTestId('mlsc-verdict').textContent).toBe(word);
      expect(panel.querySelector(`.mlsc-Header .mlsc-mod-${verdict}`)).not.toBeNull();
      panel.remove();
    }
  });

  it('says nothing good of a notebook that was not run, or not looked at in full', () => {
    const unknown: [Partial<NotebookRuns>, string][] = [
      [{ run: null, rows: [] }, 'No run on record'],
      [{ rows: [row(), row({ path: 'large.csv', judged: 'record' })] }, 'Allowed so far']
    ];
    for (const [change, word] of unknown) {
      const panel = show({ runs: runs(change) });
      expect(within(panel).getByTestId('mlsc-verdict').textContent).toBe(word);
      expect(panel.querySelector('.mlsc-Header .mlsc-mod-none')).not.toBeNull();
      expect(panel.querySelector('.mlsc-Header.mlsc-mod-allow')).toBeNull();
      panel.remove();
    }
    const refused = show({ runs: runs({ run: null, rows: [], verdict: 'block' }) });
    expect(within(refused).getByTestId('mlsc-verdict').textContent).toBe('Blocked');
  });

  it('has a row for each artifact with the fixed handles, spoken as one sentence', () => {
    show({ runs: runs({ rows: [row(), row({ op: 'write', path: 'models/m.joblib', verdict: 'block', cell_id: 'two', reasons: [{ code: 'revoked', message: 'it was revoked', next: 'n', fails: true }] })] }) });
    const [first, second] = screen.getAllByTestId('mlsc-row');
    expect(first?.dataset).toMatchObject({ path: 'data/train.csv', op: 'read', verdict: 'allow', cell: 'one' });
    expect(second?.dataset).toMatchObject({ path: 'models/m.joblib', op: 'write', verdict: 'block', cell: 'two' });
    expect(screen.getByRole('option', { name: 'models/m.joblib, Blocked, it was revoked' })).toBe(second);
  });

  it('does not say a name twice in a row, so that what is wrong with it has the room', () => {
    const failing = (message: string): Partial<Row> => ({ verdict: 'block', reasons: [{ code: 'c', message, next: 'n', fails: true }] });
    const told = (message: string): string => secondLine(row({ path: 'data/a.csv', ...failing(message) }), ENGLISH);
    expect(told('data/a.csv was changed: ada signed sha256:12')).toBe('was changed: ada signed sha256:12');
    expect(told('data/a.csv.gz was changed')).toBe('data/a.csv.gz was changed');
    expect(told('no statement names data/a.csv')).toBe('no statement names data/a.csv');
  });

  it('shows what comes from a notebook as text, with what would rearrange it made visible', () => {
    const reason = { code: 'unsigned', message: HOSTILE, next: HOSTILE, fails: true };
    const hostile = row({ path: HOSTILE, kind: HOSTILE, verdict: 'warn', reasons: [reason], signers: [] });
    const panel = show({
      runs: runs({ rows: [hostile], headline: HOSTILE, reasons: [reason], findings: [{ path: HOSTILE, code: HOSTILE, severity: 'high', message: HOSTILE, where: HOSTILE, fix: HOSTILE }] }),
      detail: { row: hostile, artifact: null, may: status().may, problem: { code: 'x', message: HOSTILE, next: HOSTILE } }
    });
    fireEvent.click(screen.getByRole('tab', { name: /Findings/ }));
    expect(panel.querySelectorAll('img, script, iframe')).toHaveLength(0);
    expect((globalThis as { owned?: number }).owned).toBeUndefined();
    expect(panel.textContent).toContain('<img src=x');
    expect(panel.textContent).not.toContain('\u202E');
  });

  it('draws few rows of many thousands', () => {
    const rows = Array.from({ length: 10_000 }, (_, index) => row({ path: `data/${index}.csv`, execution_count: index }));
    show({ runs: runs({ rows }) });
    const shown = screen.getAllByTestId('mlsc-row');
    expect(shown.length).toBeGreaterThan(5);
    expect(shown.length).toBeLessThan(60);
    expect(shown[0]?.getAttribute('aria-setsize')).toBe('10000');
  });

  it('is walked with the keyboard: down, end, enter, escape', () => {
    const select = vi.fn();
    const jump = vi.fn();
    const rows = [row({ path: 'a.csv' }), row({ path: 'b.csv', cell_id: 'two' }), row({ path: 'c.csv', cell_id: 'three' })];
    show({ runs: runs({ rows }), detail: { row: rows[0]!, artifact: null, may: status().may, problem: null } }, { select, jump });
    const list = screen.getByRole('listbox');
    fireEvent.keyDown(list, { key: 'ArrowDown' });
    expect(list.getAttribute('aria-activedescendant')).toBe(screen.getAllByTestId('mlsc-row')[0]?.id);
    fireEvent.keyDown(list, { key: 'End' });
    fireEvent.keyDown(list, { key: 'Enter' });
    expect(select).toHaveBeenCalledWith(rows[2]);
    expect(jump).toHaveBeenCalledWith('three', 1);
    fireEvent.keyDown(list, { key: 'Escape' });
    expect(select).toHaveBeenLastCalledWith(null);
  });

  it('filters as somebody types and says when nothing is left', () => {
    show({ runs: runs({ rows: [row(), row({ path: 'data/test.csv' })] }) });
    fireEvent.change(screen.getByRole('searchbox'), { target: { value: 'test' } });
    expect(screen.getAllByTestId('mlsc-row').map(each => each.dataset['path'])).toEqual(['data/test.csv']);
    fireEvent.change(screen.getByRole('searchbox'), { target: { value: 'zzz' } });
    expect(screen.getByText('Nothing matches “zzz”.')).toBeTruthy();
  });

  it('offers to begin a project where there is none, and says why where it may not', () => {
    const initialize = vi.fn();
    const nobody = { allowed: false, why: 'the folder is read-only' };
    const { may } = status();
    const panel = show({ status: status({ state: 'no-project' }), runs: null }, { initialize });
    fireEvent.click(within(panel).getByLabelText(/Enforce/));
    fireEvent.click(within(panel).getByTestId('mlsc-init'));
    expect(initialize).toHaveBeenCalledWith('enforce');
    panel.remove();
    const refused = show({ status: status({ state: 'no-project', may: { ...may, init: nobody } }), runs: null });
    expect(within(refused).getByTestId<HTMLButtonElement>('mlsc-init').disabled).toBe(true);
    expect(refused.textContent).toContain('the folder is read-only');
  });

  it('helps while it loads, where nothing is on record, where no notebook is open, and where something is wrong', () => {
    expect(show({ runs: null, loading: true }).textContent).toContain('Asking the server');
    expect(show({ runs: runs({ rows: [] }) }).textContent).toContain('%load_ext jupyter_mlsc');
    expect(show({ runs: null, path: null }).textContent).toContain('Open one to see');
    const wrong = show({ runs: null, problem: { code: 'policy-invalid', message: 'mlsc.toml line 3: unknown key', next: 'run: mlsc policy check' } });
    expect(within(wrong).getByRole('alert').textContent).toContain('run: mlsc policy check');
    expect(show({ offline: true }).textContent).toContain('The server does not answer');
  });

  it('says who decided last, and why', () => {
    const decided = (decision: string, at: string) => ({ decision, by: 'ada', at, why: 'a label is off', until: null, about: null });
    const panel = show({ reviews: [decided('approved', '2026-01-01T00:00:00Z'), decided('rejected', '2026-01-01T00:30:00Z')] });
    expect(panel.querySelector('.mlsc-Decision')?.textContent).toContain('Rejected by ada');
    expect(panel.querySelector('.mlsc-Decision q')?.textContent).toBe('a label is off');
  });

  it('keeps what may not be done within reach of a screen reader, with the reason, and does nothing', () => {
    const override = vi.fn();
    show({ detail: { row: row(), artifact: null, may: status().may, problem: null } }, { override });
    const button = screen.getByTestId('mlsc-override');
    fireEvent.click(button);
    expect(override).not.toHaveBeenCalled();
    expect(button.getAttribute('aria-disabled')).toBe('true');
    expect(button.title).toBe('the policy names nobody for it');
  });

  it('lets an artifact be approved and rejected in its details, under the rules of its own', () => {
    const review = vi.fn();
    const open = (change: Partial<Row>, allowed: boolean): HTMLElement =>
      show({ detail: { row: row(change), artifact: null, may: { ...status().may, review: { allowed, why: allowed ? '' : 'it counts only through: terminal' } }, problem: null } }, { review });
    const panel = open({ path: 'models/m.bin', server_path: 'sub/models/m.bin' }, true);
    expect(screen.getAllByTestId('mlsc-approve'), 'one place bears the handle').toHaveLength(1);
    fireEvent.click(screen.getByTestId('mlsc-approve'));
    fireEvent.click(screen.getByTestId('mlsc-reject'));
    expect(review.mock.calls).toEqual([
      ['sub/models/m.bin', 'approve'],
      ['sub/models/m.bin', 'reject']
    ]);
    fireEvent.click(screen.getByTestId('mlsc-approve-notebook'));
    expect(review).toHaveBeenLastCalledWith('work.ipynb', 'approve');
    fireEvent.click(screen.getByRole('tab', { name: 'Run' }));
    fireEvent.click(screen.getByTestId('mlsc-approve'));
    expect(review).toHaveBeenLastCalledWith('work.ipynb', 'approve');
    panel.remove();
    review.mockClear();
    for (const [change, allowed, why] of [
      [{}, false, 'it counts only through: terminal'],
      [{ missing: true }, true, 'The file is not there any more'],
      [{ server_path: null }, true, 'The file lies outside the server’s folder']
    ] as const) {
      const refused = open(change, allowed);
      const button = within(within(refused).getByTestId('mlsc-details')).getByTestId('mlsc-approve');
      fireEvent.click(button);
      expect([button.title, button.getAttribute('aria-disabled')]).toEqual([why, 'true']);
      refused.remove();
    }
    expect(review).not.toHaveBeenCalled();
  });
});
