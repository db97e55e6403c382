/** Answers of the server, as small as a test needs them. */

import type { NotebookRuns, Row, Status } from '../src/api';

export const row = (change: Partial<Row> = {}): Row => ({
  path: 'data/train.csv',
  server_path: 'data/train.csv',
  op: 'read',
  kind: 'dataset',
  digest: 'sha256:' + 'ab'.repeat(32),
  verdict: 'allow',
  verified: true,
  reasons: [],
  signers: [{ identity: 'ada', key: 'f'.repeat(64), at: '2026-01-01T00:00:00Z' }],
  decisions: [],
  at: '2026-01-01T00:00:00Z',
  cell_id: 'one',
  execution_count: 1,
  tier: 'guarded',
  stale: false,
  changed: false,
  missing: false,
  recorded: 'allow',
  judged: 'now',
  index: 1,
  ...change
});

export const runs = (change: Partial<NotebookRuns> = {}): NotebookRuns => ({
  path: 'work.ipynb',
  server_path: 'work.ipynb',
  project: '',
  mode: 'enforce',
  verdict: 'allow',
  headline: 'in order: 1 artifact',
  reasons: [],
  own: null,
  tier: 'guarded',
  tier_meaning: null,
  run: 'r',
  complete: true,
  at: '2026-01-01T00:00:00Z',
  rows: [row()],
  rows_left: 0,
  cells: [],
  gone: [],
  coverage: [],
  environment: null,
  findings: [],
  runs: [],
  ledger_size: 2,
  ...change
});

const yes = { allowed: true, why: '' };

export const status = (change: Partial<Status> = {}): Status => ({
  state: 'ready',
  path: 'work.ipynb',
  project: '',
  project_id: 'p',
  mode: 'enforce',
  policy: 'accepted',
  policy_digest: null,
  tier: null,
  ledger: null,
  keys: [],
  notes: [],
  revocations: [],
  overrides: [],
  may: { sign: yes, review: yes, revoke: yes, override: { allowed: false, why: 'the policy names nobody for it' }, init: yes },
  unlocked: true,
  version: '0',
  ...change
});
