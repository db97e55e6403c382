/**
 * What a person does in the panel: asked before, done by the server, told after.
 *
 * Rules kept: nothing is sent before the person said yes; a refusal is shown with the server's reason and next step; the passphrase is asked for only
 * when the server says that the key is locked, is sent once and kept nowhere here.
 */

import { Refused } from './api';
import type { Api, Decided, Mode, Problem } from './api';
import { plain, verdictWord } from './words';
import type { Words } from './words';

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly kind: 'text' | 'lines' | 'date' | 'password';
  readonly required: boolean;
  readonly value: string;
}

export interface Question {
  readonly title: string;
  readonly text: readonly string[];
  readonly fields: readonly Field[];
  readonly accept: string;
  readonly danger: boolean;
}

/** Ask a person; null when they would rather not. */
export type Ask = (question: Question) => Promise<Readonly<Record<string, string>> | null>;

/** Tell a person what came of it. */
export type Tell = (kind: 'success' | 'error', message: string, next: string | null) => void;

const LOCKED = 423;

export class Acts {
  constructor(
    private readonly api: Api,
    private readonly words: Words,
    private readonly ask: Ask,
    private readonly tell: Tell,
    private readonly after: () => Promise<void>
  ) {}

  async sign(paths: readonly string[]): Promise<void> {
    const { __, _n } = this.words;
    const answer = await this.ask({
      title: _n('Sign %1 artifact', 'Sign %1 artifacts', paths.length),
      text: [...paths.slice(0, 12).map(plain), ...(paths.length > 12 ? [__('and %1 more', paths.length - 12)] : []), __('You stand for exactly the bytes that lie there now. They are scanned first.')],
      fields: [this.note(__('Note (optional)'), false)],
      accept: __('Sign'),
      danger: false
    });
    if (answer !== null) {
      await this.carryOut(
        paths[0] ?? '',
        () => this.api.sign(paths, answer['note'] ?? ''),
        done => {
          const unnamed = done.signed.find(each => !each.named);
          const names = done.signed.map(each => plain(each.path)).join(', ');
          return unnamed === undefined
            ? __('Signed as %1: %2', plain(done.signed[0]?.signer ?? ''), names)
            : __('Signed %1, but the policy does not name your key, so it counts for nothing yet', names);
        }
      );
    }
  }

  async review(path: string, decision: 'approve' | 'reject'): Promise<void> {
    const { __ } = this.words;
    const approve = decision === 'approve';
    const answer = await this.ask({
      title: approve ? __('Approve %1', plain(path)) : __('Reject %1', plain(path)),
      text: [
        approve
          ? path.endsWith('.ipynb')
            ? __('You approve exactly the bytes that lie there now, with what the last run read and wrote.')
            : __('You approve exactly the bytes that lie there now.')
          : __('You reject exactly the bytes that lie there now. Where the policy asks for a review, they are refused.')
      ],
      fields: [this.note(approve ? __('Note: what did you look at?') : __('Note: what must be put right?'), true)],
      accept: approve ? __('Approve') : __('Reject'),
      danger: !approve
    });
    if (answer !== null) {
      await this.carryOut(
        path,
        () => this.api.review(path, decision, answer['note'] ?? ''),
        done => this.decided(done)
      );
    }
  }

  async revoke(digest: string, name: string, at: string): Promise<void> {
    const { __ } = this.words;
    const answer = await this.ask({
      title: __('Revoke %1', plain(name)),
      text: [digest, __('Every gate refuses these bytes from now on, and what was made from them is marked. A revocation cannot be taken back.')],
      fields: [{ name: 'note', label: __('Why? Others will read it'), kind: 'lines', required: true, value: '' }],
      accept: __('Revoke'),
      danger: true
    });
    if (answer !== null) {
      await this.carryOut(
        at,
        () => this.api.revoke(digest, at, answer['note'] ?? ''),
        done => this.decided(done)
      );
    }
  }

  async override(path: string, today: Date): Promise<void> {
    const { __ } = this.words;
    const week = new Date(today.getTime() + 7 * 86_400_000).toISOString().slice(0, 10);
    const answer = await this.ask({
      title: __('Make an exception for %1', plain(path)),
      text: [__('Exactly these bytes may be used until the day that you name, although they fail. It is signed, shown and counted.')],
      fields: [
        { name: 'note', label: __('Why? Others will read it'), kind: 'lines', required: true, value: '' },
        { name: 'until', label: __('Until the end of (UTC)'), kind: 'date', required: true, value: week }
      ],
      accept: __('Make the exception'),
      danger: true
    });
    if (answer !== null) {
      await this.carryOut(
        path,
        () => this.api.override(path, answer['note'] ?? '', answer['until'] ?? ''),
        done => this.decided(done)
      );
    }
  }

  async initialize(path: string, mode: Mode): Promise<void> {
    const { __ } = this.words;
    await this.carryOut(
      path,
      () => this.api.initialize(path, mode),
      done => __('A record is kept here now, and you vouch as %1. Made: %2', plain(done.identity), done.created.map(plain).join(', ') || __('nothing new'))
    );
  }

  async verify(path: string): Promise<void> {
    const { _n } = this.words;
    await this.carryOut(
      path,
      () => this.api.verify(path),
      done => {
        const worst = done.artifacts.find(each => each.verdict === 'block') ?? done.artifacts.find(each => each.verdict === 'warn');
        const count = _n('%1 artifact hashed afresh', '%1 artifacts hashed afresh', done.artifacts.length);
        return worst === undefined
          ? `${count}: ${verdictWord('allow', this.words)}`
          : `${count}: ${verdictWord(worst.verdict, this.words)}: ${plain(worst.reasons.find(each => each.fails)?.message ?? worst.path)}`;
      },
      done => (done.ok ? 'success' : 'error')
    );
  }

  private note(label: string, required: boolean): Field {
    return { name: 'note', label, kind: 'lines', required, value: '' };
  }

  private decided(done: Decided): string {
    const { __ } = this.words;
    const when = done.until === null ? '' : ` ${__('until %1', done.until.slice(0, 16).replace('T', ' '))}`;
    return `${plain(done.path)}: ${plain(done.decision)}${when} ${__('by %1', plain(done.signer))}`;
  }

  /** Do it, unlocking the key first where the server asks for that; tell what came of it, and have everything shown anew. */
  private async carryOut<T>(path: string, act: () => Promise<T>, story: (done: T) => string, kind: (done: T) => 'success' | 'error' = () => 'success'): Promise<void> {
    try {
      let done: T;
      try {
        done = await act();
      } catch (error) {
        if (!(error instanceof Refused) || error.status !== LOCKED || !(await this.unlock(path, error.problem))) {
          throw error;
        }
        done = await act();
      }
      this.tell(kind(done), story(done), null);
    } catch (error) {
      if (!(error instanceof Refused)) {
        throw error;
      }
      this.tell('error', plain(error.problem.message), error.problem.next === null ? null : plain(error.problem.next));
    } finally {
      await this.after();
    }
  }

  /** Ask for the passphrase until the key opens; false when the person gives up. */
  private async unlock(path: string, why: Problem): Promise<boolean> {
    const { __ } = this.words;
    let said = why.message;
    for (;;) {
      const answer = await this.ask({
        title: __('Unlock your vouching key'),
        text: [plain(said), __('The server keeps the passphrase in memory until it stops; it is not stored.')],
        fields: [{ name: 'passphrase', label: __('Passphrase'), kind: 'password', required: true, value: '' }],
        accept: __('Unlock'),
        danger: false
      });
      if (answer === null) {
        return false;
      }
      try {
        await this.api.unlock(answer['passphrase'] ?? '', path);
        return true;
      } catch (error) {
        if (!(error instanceof Refused) || error.offline) {
          throw error;
        }
        said = error.problem.message;
      }
    }
  }
}
