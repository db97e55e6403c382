import { describe, expect, it } from 'vitest';
import { chosen, lines, WHOLE } from '../src/rows';
import { row } from './samples';

const rows = [
  row({ path: 'data/b.csv', execution_count: 2, cell_id: 'two', verdict: 'block', reasons: [{ code: 'unsigned', message: 'm', next: 'n', fails: true }] }),
  row({ path: 'data/a10.csv', execution_count: 1 }),
  row({ path: 'data/a9.csv', execution_count: 1, at: '2026-02-01T00:00:00Z', stale: true }),
  row({ path: 'models/m.joblib', op: 'write', kind: 'model', execution_count: 3, verdict: 'warn' })
];
const paths = (view: Partial<typeof WHOLE>): string[] => chosen(rows, { ...WHOLE, ...view }).map(each => each.path);

describe('the list', () => {
  it('is ordered by cell, verdict, name or time', () => {
    expect(paths({})).toEqual(['data/a9.csv', 'data/a10.csv', 'data/b.csv', 'models/m.joblib']);
    expect(paths({ order: 'verdict' })[0]).toBe('data/b.csv');
    expect(paths({ order: 'name' }).slice(0, 2)).toEqual(['data/a9.csv', 'data/a10.csv']);
    expect(paths({ order: 'time' })[0]).toBe('data/a9.csv');
  });

  it('shows what is asked for: problems, one operation, one cell, words in any field', () => {
    expect(paths({ show: 'problems' })).toEqual(['data/a9.csv', 'data/b.csv', 'models/m.joblib']);
    expect(paths({ show: 'write' })).toEqual(['models/m.joblib']);
    expect(paths({ cell: 'two' })).toEqual(['data/b.csv']);
    expect(paths({ text: 'UNSIGNED data' })).toEqual(['data/b.csv']);
    expect(paths({ text: 'ada model' })).toEqual(['models/m.joblib']);
  });

  it('has inputs under their heading and outputs under theirs, each with its count', () => {
    const headings = lines(rows, { ...WHOLE, show: 'problems' }).flatMap(line => ('heading' in line ? [line] : []));
    expect(headings).toEqual([
      { heading: 'read', count: 2, of: 3 },
      { heading: 'write', count: 1, of: 1 }
    ]);
  });
});
