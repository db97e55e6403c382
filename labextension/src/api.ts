/**
 * The REST interface as functions: one for each route that the panel uses.
 *
 * Rules kept: types come from the server's own document (tokens.ts); every failure is a `Refused` with the server's reason and next step; paths and
 * digests are encoded here and nowhere else.
 */

import type { components } from './tokens';

type Shapes = components['schemas'];

export type Artifact = Shapes['Artifact'];
export type Cell = Shapes['Cell'];
export type Checkpoint = Shapes['Checkpoint'];
export type ColumnDifference = Shapes['ColumnDifference'];
export type Decided = Shapes['Decided'];
export type Decision = Shapes['Decision'];
export type Difference = Shapes['Difference'];
export type Environment = Shapes['Environment'];
export type FileMark = Shapes['FileMark'];
export type Files = Shapes['Files'];
export type Finding = Shapes['Finding'];
export type Gap = Shapes['Gap'];
export type Graph = Shapes['Graph'];
export type GraphEdge = Shapes['Edge'];
export type GraphNode = Shapes['Node'];
export type Inclusion = Shapes['Inclusion'];
export type Initialized = Shapes['Initialized'];
export type Judged = Shapes['Judged'];
export type LedgerEvent = Shapes['LedgerEvent'];
export type Mode = Shapes['NotebookRuns']['mode'];
export type NotebookRuns = Shapes['NotebookRuns'];
export type Problem = Shapes['Problem'];
export type Reason = Shapes['Reason'];
export type Row = Shapes['Row'];
export type RunLine = Shapes['RunLine'];
export type SaveEvent = Shapes['SaveEvent'];
export type Signatures = Shapes['Signatures'];
export type Signature = Shapes['Signature'];
export type Signer = Shapes['Signer'];
export type Statement = Shapes['Statement'];
export type Status = Shapes['Status'];
export type Verdict = Row['verdict'];
export type Verified = Shapes['Verified'];
export type Version = Shapes['Version'];

/** The ids of the server's events, without their versions. */
export const LEDGER_EVENT = 'https://jupyter-mlsc.github.io/events/ledger/';
export const SAVE_EVENT = 'https://jupyter-mlsc.github.io/events/save/';

/** What comes back from the server: a status of 0 means that it could not be reached. */
export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** Sends one request below `/mlsc/api/`, with the page's own credentials. It answers; it never throws. */
export type Transport = (method: 'GET' | 'POST' | 'DELETE', route: string, body?: unknown) => Promise<Reply>;

/** The server did not do what was asked: why, and what to do next. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem
  ) {
    super(problem.message);
    this.name = 'Refused';
  }

  /** The server was not reached at all. */
  get offline(): boolean {
    return this.status === 0;
  }
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** The problem that a reply tells of, whoever wrote it: ours, the Jupyter server's own handlers, or a proxy that speaks no JSON. */
export function problemOf(reply: Reply): Problem {
  const body = (typeof reply.body === 'object' && reply.body !== null ? reply.body : {}) as Record<string, unknown>;
  if (reply.status === 0) {
    return { code: 'offline', message: 'The Jupyter server does not answer', next: 'It is asked again by itself; if it was stopped, start it' };
  }
  const message = text(body['message']) ?? text(body['reason']) ?? `The server answered ${reply.status}`;
  return { code: text(body['code']) ?? `http-${reply.status}`, message, next: text(body['next']) };
}

function query(values: Readonly<Record<string, string | number | undefined>>): string {
  const pairs = Object.entries(values).filter(([, value]) => value !== undefined && value !== '');
  return pairs.length === 0 ? '' : '?' + pairs.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&');
}

/** A digest as a part of an address, where a colon may stand as it is. */
const segment = (digest: string): string => encodeURIComponent(digest).replace('%3A', ':');

/** What the panel asks of the server. Each function throws `Refused`. */
export class Api {
  constructor(private readonly transport: Transport) {}

  status = (path: string): Promise<Status> => this.get('status', { path });
  runs = (path: string): Promise<NotebookRuns> => this.get('runs', { path });
  artifact = (digest: string, path: string): Promise<Artifact> => this.get(`artifacts/${segment(digest)}`, { path });
  lineage = (digest: string, path: string, depth: number): Promise<Graph> => this.get(`lineage/${segment(digest)}`, { path, depth });
  impact = (digest: string, path: string, depth: number): Promise<Graph> => this.get(`impact/${segment(digest)}`, { path, depth });
  files = (path: string): Promise<Files> => this.get('files', { path });
  checkpoint = (path: string, since?: number): Promise<Checkpoint> => this.get('log/checkpoint', { path, since });
  verify = (path: string): Promise<Verified> => this.ask('POST', 'verify', { path, full: false });
  sign = (paths: readonly string[], note: string): Promise<Signatures> => this.ask('POST', 'signatures', { paths, note });
  review = (path: string, decision: 'approve' | 'reject', note: string): Promise<Decided> => this.ask('POST', 'reviews', { path, decision, note });
  revoke = (digest: string, at: string, why: string): Promise<Decided> => this.ask('POST', 'revocations', { digest, at, why });
  override = (path: string, why: string, until: string): Promise<Decided> => this.ask('POST', 'overrides', { path, why, until });
  initialize = (path: string, mode: Mode): Promise<Initialized> => this.ask('POST', 'init', { path, mode });
  unlock = (passphrase: string, path: string): Promise<Shapes['Lock']> => this.ask('POST', 'unlock', { passphrase, path });

  private get<T>(route: string, values: Readonly<Record<string, string | number | undefined>>): Promise<T> {
    return this.ask('GET', route + query(values));
  }

  private async ask<T>(method: 'GET' | 'POST' | 'DELETE', route: string, body?: unknown): Promise<T> {
    const reply = await this.transport(method, route, body);
    if (reply.status < 200 || reply.status > 299) {
      throw new Refused(reply.status, problemOf(reply));
    }
    return reply.body as T;
  }
}
