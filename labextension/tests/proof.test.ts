import { describe, expect, it } from 'vitest';
import type { Checkpoint, Inclusion } from '../src/api';
import { checkCheckpoint, checkInclusion, checkNote, parseNote, recordNames } from '../src/proof';
import vectors from './vectors.json';

// The vectors come from RFC 6962's recursive definitions and from the ledger's own signing of checkpoints.
const trees = vectors.trees as Record<string, { root: string; note: string }>;
const vkey = vectors.vkey;

const inclusion = (of: (typeof vectors.inclusions)[number], change: Partial<Inclusion> = {}): Inclusion => {
  const tree = trees[of.size]!;
  return { ...of, leaf_hash: '', root: tree.root, checkpoint: tree.note, vkey, proof_file: '', ...change };
};

const checkpoint = (size: number, proof: Checkpoint['consistency'] = null, change: Partial<Checkpoint> = {}): Checkpoint => {
  const tree = trees[size]!;
  return { origin: 'mlsc.local/test', size, root: tree.root, note: tree.note, vkey, consistency: proof, faults: [], ...change };
};

const flipped = (hex: string): string => (hex.startsWith('0') ? '1' : '0') + hex.slice(1);

describe('inclusion', () => {
  it('holds for each entry of each tree', async () => {
    for (const each of vectors.inclusions) {
      expect(await checkInclusion(inclusion(each)), JSON.stringify([each.index, each.size])).toEqual({ outcome: 'holds', why: '' });
    }
  });

  it('fails for another place, another record, a shorter, a longer and a changed path', async () => {
    const sound = vectors.inclusions.find(each => each.size === 13 && each.index === 5)!;
    const attempts: Partial<Inclusion>[] = [
      { index: 4 },
      { index: 13 },
      { index: -1 },
      { leaf: btoa('{"envelope":"another"}') },
      { path: sound.path.slice(1) },
      { path: [...sound.path, sound.path[0]!] },
      { path: [flipped(sound.path[0]!), ...sound.path.slice(1)] },
      { path: ['xyz'] },
      { size: 11 }
    ];
    for (const attempt of attempts) {
      expect((await checkInclusion(inclusion(sound, attempt))).outcome, JSON.stringify(attempt)).toBe('fails');
    }
  });

  it('fails under a checkpoint that another key signed, or whose text was changed after it was signed', async () => {
    const sound = vectors.inclusions.find(each => each.size === 8 && each.index === 3)!;
    const note = trees[8]!.note;
    const otherKey = vkey.replace(/.$/, vkey.endsWith('A') ? 'B' : 'A');
    expect((await checkInclusion(inclusion(sound, { vkey: otherKey }))).outcome).toBe('fails');
    expect((await checkInclusion(inclusion(sound, { checkpoint: note.replace('mlsc.local/test\n', 'mlsc.local/tess\n') }))).outcome).toBe('fails');
    expect((await checkInclusion(inclusion(sound, { checkpoint: 'no note' }))).outcome).toBe('fails');
    expect((await checkInclusion(inclusion(sound, { checkpoint: note.slice(0, note.indexOf('\n\n')) + '\n\n' }))).outcome).toBe('fails');
  });

  it('is of the envelope whose digest stands in the record', () => {
    const leaf = vectors.inclusions[0]!.leaf;
    expect(recordNames(leaf, 'sha256:' + '0'.repeat(64))).toBe(true);
    expect(recordNames(leaf, 'sha256:' + '1'.repeat(64))).toBe(false);
  });
});

describe('consistency', () => {
  it('holds between each two trees', async () => {
    for (const each of vectors.consistencies) {
      const seen = { size: each.old_size, root: trees[each.old_size]!.root };
      expect((await checkCheckpoint(checkpoint(each.new_size, each), seen)).outcome, JSON.stringify(each)).toBe('holds');
    }
  });

  it('fails for a ledger that shrank, was rewritten, or proves something else', async () => {
    const proof = vectors.consistencies.find(each => each.old_size === 7 && each.new_size === 13)!;
    const root = trees[7]!.root;
    expect((await checkCheckpoint(checkpoint(5), { size: 7, root })).outcome).toBe('fails');
    expect((await checkCheckpoint(checkpoint(13, proof), { size: 7, root: flipped(root) })).outcome).toBe('fails');
    expect((await checkCheckpoint(checkpoint(13, null), { size: 7, root })).outcome).toBe('fails');
    expect((await checkCheckpoint(checkpoint(13, { ...proof, proof: proof.proof.slice(1) }), { size: 7, root })).outcome).toBe('fails');
    expect((await checkCheckpoint(checkpoint(13, { ...proof, old_size: 5 }), { size: 7, root })).outcome).toBe('fails');
    expect((await checkCheckpoint(checkpoint(7), { size: 7, root: flipped(root) })).outcome).toBe('fails');
    expect((await checkCheckpoint(checkpoint(7), { size: 7, root })).outcome).toBe('holds');
  });
});

describe('a note', () => {
  it('is read as it is written, and nothing else is', () => {
    expect(parseNote(trees[3]!.note)).toMatchObject({ origin: 'mlsc.local/test', size: 3 });
    for (const text of ['', 'a\n1\nQUJD\n', 'a\n01\nQUJD\n\n', 'a\n-1\nQUJD\n\n', 'a\n1e3\nQUJD\n\n']) {
      expect(() => parseNote(text), text).toThrow(TypeError);
    }
  });

  it('is unchecked, and said to be, where the browser knows no Ed25519', async () => {
    const known = crypto.subtle.importKey.bind(crypto.subtle);
    Object.defineProperty(crypto.subtle, 'importKey', { configurable: true, value: () => Promise.reject(new DOMException('unknown', 'NotSupportedError')) });
    try {
      expect((await checkNote(parseNote(trees[3]!.note), vkey)).outcome).toBe('unable');
    } finally {
      Object.defineProperty(crypto.subtle, 'importKey', { configurable: true, value: known });
    }
  });
});
