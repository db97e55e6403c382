import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Api } from '../src/api';
import type { NotebookRuns, Reply } from '../src/api';
import { PanelModel } from '../src/model';
import { row, runs, status } from './samples';
import vectors from './vectors.json';

const trees = vectors.trees as Record<string, { root: string; note: string }>;

/** A server that answers from a table; what it was asked is kept. */
class Server {
  readonly asked: string[] = [];
  size = 7;
  runs: NotebookRuns = runs();
  down = false;
  statements: unknown[] = [];
  held: Promise<void> = Promise.resolve();

  readonly api = new Api(async (_, route): Promise<Reply> => {
    const [name, rest = ''] = route.split('?');
    this.asked.push(route);
    await this.held;
    if (this.down) {
      return { status: 0, body: null };
    }
    if (name === 'log/checkpoint') {
      const since = Number(/since=(\d+)/.exec(rest)?.[1] ?? this.size);
      const consistency = vectors.consistencies.find(each => each.old_size === since && each.new_size === this.size) ?? null;
      return { status: 200, body: { origin: 'mlsc.local/test', size: this.size, ...trees[this.size], vkey: vectors.vkey, consistency, faults: [] } };
    }
    const answers: Record<string, unknown> = { runs: { ...this.runs, server_path: decodeURIComponent(rest.replace('path=', '')) }, status: status() };
    const body = answers[name ?? ''] ?? (name?.startsWith('artifacts/') ? { digest: name.slice(10), statements: this.statements } : undefined);
    return body === undefined ? { status: 404, body: { message: 'no such route' } } : { status: 200, body };
  });
}

const memory = (): Storage => {
  const kept = new Map<string, string>();
  return { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) } as Storage;
};

describe('the model', () => {
  let server: Server;
  let model: PanelModel;

  beforeEach(() => {
    server = new Server();
    model = new PanelModel(server.api, memory());
  });
  afterEach(() => {
    model.dispose();
    vi.useRealTimers();
  });

  it('shows what the server says of the notebook in front', async () => {
    await model.show('work.ipynb');
    expect(model.snapshot()).toMatchObject({ path: 'work.ipynb', loading: false, runs: { headline: 'in order: 1 artifact' }, status: { state: 'ready' } });
    expect(model.snapshot().ledger).toMatchObject({ size: 7, checked: { outcome: 'holds' }, since: null });
  });

  it('asks again when its project changed, and not for another one', async () => {
    await model.show('work.ipynb');
    const before = server.asked.length;
    model.changed({ project: 'elsewhere', notebooks: ['elsewhere/x.ipynb'] });
    await Promise.resolve();
    expect(server.asked.length).toBe(before);
    server.runs = runs({ verdict: 'block' });
    model.changed({ project: '', notebooks: [] });
    await vi.waitFor(() => expect(model.snapshot().runs?.verdict).toBe('block'));
  });

  it('drops an answer that comes after another notebook was opened', async () => {
    let release = (): void => undefined;
    server.held = new Promise(resolve => (release = resolve));
    const first = model.show('slow.ipynb');
    void model.show('quick.ipynb');
    server.held = Promise.resolve();
    release();
    await first;
    await vi.waitFor(() => expect(model.snapshot().runs?.server_path).toBe('quick.ipynb'));
  });

  it('answers many events that come at once with one question more', async () => {
    await model.show('work.ipynb');
    server.asked.length = 0;
    for (let count = 0; count < 50; count += 1) {
      model.changed({ project: '', notebooks: [] });
    }
    await vi.waitFor(() => expect(server.asked.filter(each => each.startsWith('runs')).length).toBe(2));
  });

  it('says that the server is gone, keeps what it showed, and finds it again', async () => {
    vi.useFakeTimers();
    await model.show('work.ipynb');
    server.down = true;
    await model.refresh();
    expect(model.snapshot()).toMatchObject({ offline: true, problem: null, runs: { headline: 'in order: 1 artifact' } });
    server.down = false;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(model.snapshot().offline).toBe(false);
  });

  it('holds the ledger against what was seen before, and says so when it shrank', async () => {
    await model.show('work.ipynb');
    server.size = 13;
    await model.refresh();
    expect(model.snapshot().ledger).toMatchObject({ size: 13, checked: { outcome: 'holds' }, since: { size: 7 } });
    server.size = 5;
    await model.refresh();
    expect(model.snapshot().ledger?.checked.outcome).toBe('fails');
    server.size = 13;
    await model.refresh();
    expect(model.snapshot().ledger?.checked.outcome).toBe('holds');
  });

  it('knows who approved or rejected exactly the notebook as it is saved, and asks once for each state of the record', async () => {
    server.runs = runs({ own: { ...status(), path: 'work.ipynb', server_path: 'work.ipynb', digest: 'sha256:nb' } as unknown as NotebookRuns['own'] });
    server.statements = [{ decision: 'rejected', signer: 'bob', at: '2026-01-02', why: 'w', problem: null }, { decision: 'approved', signer: null, at: '2026-01-03', why: '', problem: null }, { decision: 'approved', signer: 'ada', at: '2026-01-01', why: '', problem: null }];
    await model.show('work.ipynb');
    expect(model.snapshot().reviews.map(each => [each.decision, each.by])).toEqual([['approved', 'ada'], ['rejected', 'bob']]);
    server.asked.length = 0;
    await model.refresh();
    expect(server.asked.filter(each => each.startsWith('artifacts'))).toEqual([]);
  });

  it('shows the details of a row, as the row stands after a change', async () => {
    await model.show('work.ipynb');
    server.asked.length = 0;
    await model.select(row());
    expect(server.asked, 'its rules are its own').toContain('status?path=data%2Ftrain.csv');
    expect(model.snapshot().detail?.may?.sign.allowed).toBe(true);
    expect(model.snapshot().detail).toMatchObject({ row: { verdict: 'allow' }, artifact: { digest: row().digest } });
    server.runs = runs({ rows: [row({ verdict: 'block' })] });
    await model.refresh();
    expect(model.snapshot().detail?.row.verdict).toBe('block');
    server.down = true;
    await model.select(row());
    expect(model.snapshot().detail, 'what is known stays in sight beside the problem').toMatchObject({ artifact: { digest: row().digest }, problem: { code: 'offline' } });
    await model.select(row({ digest: 'sha256:other' }));
    expect(model.snapshot().detail?.artifact, 'of other bytes nothing is known').toBeNull();
    await model.select(null);
    expect(model.snapshot().detail).toBeNull();
  });
});
