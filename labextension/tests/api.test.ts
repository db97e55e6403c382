import { describe, expect, it } from 'vitest';
import { Api, Refused } from '../src/api';
import type { Reply } from '../src/api';

const answering = (reply: Reply, asked: unknown[] = []): Api =>
  new Api(async (...request) => {
    asked.push(request);
    return reply;
  });

describe('the REST interface', () => {
  it('encodes a path and leaves out what was not given', async () => {
    const asked: unknown[] = [];
    const api = answering({ status: 200, body: {} }, asked);
    await api.runs('a b/ü&x=1.ipynb');
    await api.checkpoint('');
    await api.artifact('sha256:00', 'x.csv');
    expect(asked).toEqual([
      ['GET', 'runs?path=a%20b%2F%C3%BC%26x%3D1.ipynb', undefined],
      ['GET', 'log/checkpoint', undefined],
      ['GET', 'artifacts/sha256:00?path=x.csv', undefined]
    ]);
  });

  it('refuses with the reason and the next step that the server gave', async () => {
    const api = answering({ status: 409, body: { code: 'role', message: 'bob is no data-steward', next: 'ask a data-steward' } });
    const refused = await api.sign(['x'], '').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Refused);
    expect((refused as Refused).problem).toEqual({ code: 'role', message: 'bob is no data-steward', next: 'ask a data-steward' });
  });

  it('makes a problem of an answer that is no JSON, and of none', async () => {
    await expect(answering({ status: 502, body: null }).status('')).rejects.toMatchObject({ problem: { code: 'http-502' } });
    await expect(answering({ status: 0, body: null }).status('')).rejects.toMatchObject({ offline: true });
  });
});
