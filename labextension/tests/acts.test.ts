import { describe, expect, it } from 'vitest';
import { Acts } from '../src/acts';
import type { Question } from '../src/acts';
import { Api } from '../src/api';
import type { Reply } from '../src/api';
import { ENGLISH } from '../src/words';

const DECIDED = { decision: 'approved', path: 'work.ipynb', digests: [], signer: 'ada', key: 'k', at: '', why: '', index: 1, until: null, seen: 0, judged: null };

/** A person who gives these answers in turn, and a server that gives those. */
function scene(answers: (Record<string, string> | null)[], replies: Record<string, Reply[]>) {
  const questions: Question[] = [];
  const sent: [string, unknown][] = [];
  const told: [string, string, string | null][] = [];
  const api = new Api(async (_, route, body) => {
    sent.push([route, body]);
    return replies[route]?.shift() ?? { status: 500, body: null };
  });
  const acts = new Acts(
    api,
    ENGLISH,
    async question => {
      questions.push(question);
      return answers.shift() ?? null;
    },
    (kind, message, next) => told.push([kind, message, next]),
    async () => undefined
  );
  return { acts, questions, sent, told };
}

describe('what a person does', () => {
  it('is asked before, sent with the note, and told after', async () => {
    const { acts, questions, sent, told } = scene([{ note: 'read it' }], { reviews: [{ status: 201, body: DECIDED }] });
    await acts.review('work.ipynb', 'approve');
    expect(questions[0]?.fields.map(field => [field.name, field.required])).toEqual([['note', true]]);
    expect(sent).toEqual([['reviews', { path: 'work.ipynb', decision: 'approve', note: 'read it' }]]);
    expect(told).toEqual([['success', 'work.ipynb: approved by ada', null]]);
  });

  it('is asked about a run where a notebook is approved, and only there', async () => {
    const { acts, questions } = scene([null, null], {});
    await acts.review('work.ipynb', 'approve');
    await acts.review('models/m.joblib', 'approve');
    expect(questions.map(question => question.text.join(' ').includes('last run'))).toEqual([true, false]);
  });

  it('is not sent when the person would rather not', async () => {
    const { acts, sent, told } = scene([null, null, null, null], {});
    await acts.review('x', 'reject');
    await acts.sign(['x']);
    await acts.revoke('sha256:0', 'x', 'x');
    await acts.override('x', new Date(0));
    expect([sent, told]).toEqual([[], []]);
  });

  it('is refused with the reason and the next step of the server', async () => {
    const body = { code: 'decision-refused', message: 'the rule asks for the channel terminal', next: 'run: mlsc revoke' };
    const { acts, told } = scene([{ note: 'bad' }], { revocations: [{ status: 403, body }] });
    await acts.revoke('sha256:0', 'x', 'x');
    expect(told).toEqual([['error', 'the rule asks for the channel terminal', 'run: mlsc revoke']]);
  });

  it('unlocks the key when the server says that it is locked, asks again after a wrong passphrase, and gives up when the person does', async () => {
    const locked = { status: 423, body: { code: 'key-locked', message: 'the key is locked', next: null } };
    const wrong = { status: 403, body: { code: 'wrong', message: 'that does not open the key', next: null } };
    const { acts, questions, sent, told } = scene([{ note: 'n' }, { passphrase: 'no' }, { passphrase: 'yes' }], {
      reviews: [locked, { status: 201, body: DECIDED }],
      unlock: [wrong, { status: 200, body: { unlocked: true, key: 'k' } }]
    });
    await acts.review('work.ipynb', 'approve');
    expect(sent.map(([route]) => route)).toEqual(['reviews', 'unlock', 'unlock', 'reviews']);
    expect(questions[2]?.text[0]).toBe('that does not open the key');
    expect(told.at(-1)?.[0]).toBe('success');

    const given = scene([{ note: 'n' }, null], { reviews: [locked] });
    await given.acts.review('work.ipynb', 'approve');
    expect(given.told).toEqual([['error', 'the key is locked', null]]);
  });
});
