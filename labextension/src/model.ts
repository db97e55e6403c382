/**
 * What the panel shows, asked from the server and asked again when the server says that something changed.
 *
 * Rules kept: the truth is the server's, this holds the last answer and no opinion; answers that come late, for a notebook that is no longer shown,
 * are dropped; nothing is asked on a timer, except while the server does not answer at all.
 */

import { Refused } from './api';
import type { Api, Artifact, Decision, LedgerEvent, NotebookRuns, Problem, Row, Status } from './api';
import { rowKey } from './rows';
import { acceptLedger, examine } from './ledger';
import type { LedgerView, Memory } from './ledger';

/** What is known of the artifact that a person looks at. */
export interface Detail {
  readonly row: Row;
  readonly artifact: Artifact | null;
  /** What may be decided about this artifact, whose rules are its own; null until the server said so. */
  readonly may: Status['may'] | null;
  readonly problem: Problem | null;
}

/** All that the panel shows, at one moment. */
export interface PanelState {
  /** The notebook in front, as the server names it; null when none is open. */
  readonly path: string | null;
  readonly status: Status | null;
  readonly runs: NotebookRuns | null;
  readonly ledger: LedgerView | null;
  /** Approvals and rejections of exactly the notebook's bytes as saved, oldest first. */
  readonly reviews: readonly Decision[];
  readonly detail: Detail | null;
  readonly problem: Problem | null;
  readonly loading: boolean;
  readonly offline: boolean;
}

/** Approvals and rejections among statements, by somebody whom the policy names, oldest first. */
function reviewsIn(statements: Artifact['statements']): Decision[] {
  return statements
    .flatMap(({ decision, signer, at, why, problem }) =>
      (decision === 'approved' || decision === 'rejected') && signer !== null && at !== null && problem === null
        ? [{ decision, by: signer, at, why: why ?? '', until: null, about: null }]
        : []
    )
    .sort((one, other) => one.at.localeCompare(other.at));
}

const NOTHING: PanelState = { path: null, status: null, runs: null, ledger: null, reviews: [], detail: null, problem: null, loading: true, offline: false };

const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;

/** Told after every change of the state. */
export type Listener = () => void;

export class PanelModel {
  private state: PanelState = NOTHING;
  private readonly listeners = new Set<Listener>();
  private running: Promise<void> | null = null;
  private again = false;
  private wait = FIRST_WAIT;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private disposed = false;
  private reviewed = '';

  constructor(
    readonly api: Api,
    private readonly memory: Memory
  ) {}

  readonly snapshot = (): PanelState => this.state;

  readonly subscribe = (listener: Listener): (() => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  dispose(): void {
    this.disposed = true;
    this.listeners.clear();
    if (this.timer !== null) {
      clearTimeout(this.timer);
    }
  }

  /** Show another notebook, or none. */
  show(path: string | null): Promise<void> {
    if (path !== this.state.path) {
      this.reviewed = '';
      this.set({ ...NOTHING, path, offline: this.state.offline, status: null });
    }
    return this.refresh();
  }

  /** The file was renamed while it was shown. */
  renamed(path: string): Promise<void> {
    this.set({ path });
    return this.refresh();
  }

  /** Ask the server anew. Calls that come while one is under way are answered by one more. */
  readonly refresh = (): Promise<void> => {
    if (this.running !== null) {
      this.again = true;
      return this.running;
    }
    this.running = this.ask().finally(() => {
      this.running = null;
      if (this.again && !this.disposed) {
        this.again = false;
        void this.refresh();
      }
    });
    return this.running;
  };

  /** A project's ledger or rules changed. */
  changed(event: Pick<LedgerEvent, 'project' | 'notebooks'>): void {
    const { path, status } = this.state;
    const ours = status?.project === event.project || (path !== null && event.notebooks.includes(path));
    if (ours || status?.state !== 'ready') {
      void this.refresh();
    }
  }

  /** The stream of events broke off: ask until the server answers again. */
  lost(): void {
    void this.refresh();
  }

  /** A person says that this other ledger is meant: it is remembered from now on. */
  readonly acceptLedger = (): Promise<void> => {
    const { ledger, status } = this.state;
    if (ledger !== null && status !== null) {
      acceptLedger(this.memory, status.project_id ?? '', ledger);
    }
    return this.refresh();
  };

  /** Look at one artifact, or at none. */
  readonly select = async (row: Row | null): Promise<void> => {
    if (row === null) {
      this.set({ detail: null });
      return;
    }
    const before = this.state.detail;
    const same = before !== null && rowKey(before.row) === rowKey(row);
    this.set({ detail: same ? { ...before, row } : { row, artifact: null, may: null, problem: null } });
    await this.fetchDetail(row);
  };

  private async fetchDetail(row: Row): Promise<void> {
    const place = row.server_path ?? this.state.path ?? '';
    let found: Partial<Omit<Detail, 'row'>>;
    try {
      const [artifact, status] = await Promise.all([this.api.artifact(row.digest, place), this.api.status(place)]);
      found = { artifact, may: status.may, problem: null };
    } catch (error) {
      found = { problem: this.refusal(error) };
    }
    const shown = this.state.detail;
    if (shown !== null && rowKey(shown.row) === rowKey(row)) {
      this.set({ detail: { ...shown, ...found } });
    }
  }

  private async ask(): Promise<void> {
    const { path } = this.state;
    const current = (): boolean => this.state.path === path && !this.disposed;
    try {
      // What the person waits for comes first; the project around it follows.
      const [runs, status] = await Promise.allSettled([path === null ? Promise.resolve(null) : this.showRuns(path), this.api.status(path ?? '')]);
      if (!current()) {
        return;
      }
      if (status.status === 'rejected') {
        throw status.reason;
      }
      const ready = status.value.state === 'ready';
      const problem = ready && runs.status === 'rejected' ? this.refusal(runs.reason) : null;
      this.set({ status: status.value, problem, loading: false, offline: false, runs: runs.status === 'fulfilled' ? runs.value : null });
      this.wait = FIRST_WAIT;
      if (!ready) {
        this.set({ ledger: null });
        return;
      }
      await Promise.all([this.examineLedger(path ?? '', status.value), this.renewReviews(), this.renewDetail()]);
    } catch (error) {
      if (current()) {
        const problem = this.refusal(error);
        this.set({ problem: this.state.offline ? null : problem, loading: false });
      }
    }
  }

  private async showRuns(path: string): Promise<NotebookRuns> {
    const runs = await this.api.runs(path);
    if (this.state.path === path && !this.disposed) {
      this.set({ runs, loading: false, problem: null, offline: false });
    }
    return runs;
  }

  private async examineLedger(path: string, status: Status): Promise<void> {
    try {
      const ledger = await examine(this.api, path, status.project_id ?? '', this.memory);
      if (this.state.path === (path === '' ? this.state.path : path)) {
        this.set({ ledger });
      }
    } catch (error) {
      this.set({ ledger: null });
      this.refusal(error);
    }
  }

  /** Ask who decided about the notebook's own bytes, where these or the record changed. */
  private async renewReviews(): Promise<void> {
    const { runs } = this.state;
    const digest = runs?.own?.digest ?? null;
    const about = `${digest ?? ''} ${runs?.ledger_size ?? 0}`;
    if (runs === null || about === this.reviewed) {
      return;
    }
    try {
      const statements = digest === null ? [] : (await this.api.artifact(digest, runs.server_path)).statements;
      this.reviewed = about;
      this.set({ reviews: reviewsIn(statements) });
    } catch (error) {
      this.refusal(error);
      this.set({ reviews: [] });
    }
  }

  /** After a change, what is looked at is looked at anew: the same artifact as its row stands now. */
  private async renewDetail(): Promise<void> {
    const { detail, runs } = this.state;
    if (detail === null) {
      return;
    }
    const key = rowKey(detail.row);
    const named = (runs?.rows ?? []).filter(row => row.path === detail.row.path && row.op === detail.row.op);
    const row = named.find(each => rowKey(each) === key) ?? named.at(-1);
    if (row !== undefined) {
      await this.select(row);
    }
  }

  /** A failure as a problem; one of the network starts asking again by itself. */
  private refusal(error: unknown): Problem {
    if (!(error instanceof Refused)) {
      throw error;
    }
    if (error.offline && !this.disposed) {
      this.set({ offline: true, loading: false });
      this.timer ??= setTimeout(() => {
        this.timer = null;
        void this.refresh();
      }, this.wait);
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
    }
    return error.problem;
  }

  private set(change: Partial<PanelState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) {
      listener();
    }
  }
}
