/**
 * What the browser checks by itself: that an entry stands in the ledger's tree, that a tree extends an earlier one (RFC 6962, sections 2.1.1 and
 * 2.1.2), and that a checkpoint carries its log's signature (C2SP signed note, Ed25519).
 *
 * Rules kept: nothing of the server's own opinion is used, only bytes; sizes stay below 2**53, and are halved by division since `>>` has 32 bits; what
 * cannot be parsed is no proof. Pure but for WebCrypto.
 */

import type { Checkpoint, Inclusion } from './api';

/** What a check came to. `unable` is no pass: the browser lacks what it needs, and `why` says so. */
export interface Checked {
  readonly outcome: 'holds' | 'fails' | 'unable';
  readonly why: string;
}

/** A checkpoint's text, as its note states it. */
export interface Note {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  readonly body: string;
  readonly signatures: readonly { readonly name: string; readonly bytes: Uint8Array }[];
}

export function fromHex(text: string): Uint8Array {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) {
    throw new TypeError('not hexadecimal');
  }
  return Uint8Array.from(text.match(/../g) ?? [], pair => parseInt(pair, 16));
}

export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), character => character.charCodeAt(0));
}

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

async function sha256(...parts: readonly Uint8Array[]): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', join(...parts)));
}

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

export const leafHash = (record: Uint8Array): Promise<Uint8Array> => sha256(LEAF, record);
const nodeHash = (left: Uint8Array, right: Uint8Array): Promise<Uint8Array> => sha256(NODE, left, right);

/** The root that an audit path leads to (RFC 9162, section 2.1.3.2); null when the path does not belong to this place in a tree of this size. */
export async function rootOfPath(leaf: Uint8Array, index: number, size: number, path: readonly Uint8Array[]): Promise<Uint8Array | null> {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) {
    return null;
  }
  let [node, last, hash] = [index, size - 1, leaf];
  for (const sibling of path) {
    if (last === 0) {
      return null;
    }
    if (node % 2 === 1 || node === last) {
      hash = await nodeHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) {
        [node, last] = [node / 2, Math.floor(last / 2)];
      }
    } else {
      hash = await nodeHash(hash, sibling);
    }
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 ? hash : null;
}

/** Whether a tree of `newSize` entries with `newRoot` extends the one of `oldSize` with `oldRoot` (RFC 9162, section 2.1.4.2). */
export async function extendsTree(oldSize: number, oldRoot: Uint8Array, newSize: number, newRoot: Uint8Array, proof: readonly Uint8Array[]): Promise<boolean> {
  if (oldSize === newSize) {
    return proof.length === 0 && same(oldRoot, newRoot);
  }
  if (oldSize === 0) {
    return proof.length === 0;
  }
  if (oldSize > newSize || proof.length === 0) {
    return false;
  }
  let rest = proof;
  let [first, second] = [oldSize - 1, newSize - 1];
  while (first % 2 === 1) {
    [first, second] = [Math.floor(first / 2), Math.floor(second / 2)];
  }
  let seed = oldRoot;
  if (first !== 0) {
    seed = proof[0] as Uint8Array;
    rest = proof.slice(1);
  }
  let [oldHash, newHash] = [seed, seed];
  for (const sibling of rest) {
    if (second === 0) {
      return false;
    }
    if (first % 2 === 1 || first === second) {
      oldHash = await nodeHash(sibling, oldHash);
      newHash = await nodeHash(sibling, newHash);
      while (first % 2 === 0 && first !== 0) {
        [first, second] = [first / 2, Math.floor(second / 2)];
      }
    } else {
      newHash = await nodeHash(newHash, sibling);
    }
    [first, second] = [Math.floor(first / 2), Math.floor(second / 2)];
  }
  return second === 0 && same(oldHash, oldRoot) && same(newHash, newRoot);
}

/** Read a checkpoint (C2SP tlog-checkpoint in a signed note). Throws TypeError for anything else. */
export function parseNote(text: string): Note {
  const split = text.indexOf('\n\n');
  const body = text.slice(0, split + 1);
  const [origin, size, root] = body.split('\n');
  if (split < 0 || !origin || !/^(?:0|[1-9][0-9]{0,15})$/.test(size ?? '') || !root) {
    throw new TypeError('not a checkpoint');
  }
  const signatures = [];
  for (const line of text.slice(split + 2).split('\n')) {
    const found = /^\u2014 (\S+) ([A-Za-z0-9+/]+=*)$/u.exec(line);
    if (found !== null) {
      signatures.push({ name: found[1] as string, bytes: fromBase64(found[2] as string) });
    }
  }
  return { origin, size: Number(size), root: fromBase64(root), body, signatures };
}

/** Check a note's signature with a verifier key, `name+hash+base64(0x01 || Ed25519 key)`. */
export async function checkNote(note: Note, verifier: string): Promise<Checked> {
  const [, name, hash, encoded] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(verifier) ?? [];
  if (name === undefined || hash === undefined || encoded === undefined) {
    return { outcome: 'fails', why: 'the key of the ledger cannot be read' };
  }
  const key = fromBase64(encoded);
  const id = (await sha256(new TextEncoder().encode(name + '\n'), key)).slice(0, 4);
  if (key[0] !== 1 || !same(id, fromHex(hash))) {
    return { outcome: 'fails', why: 'the key of the ledger does not match its own id' };
  }
  const signature = note.signatures.find(each => each.name === name && same(each.bytes.slice(0, 4), id));
  if (signature === undefined) {
    return { outcome: 'fails', why: 'the checkpoint is not signed by the key of the ledger' };
  }
  let verifying: CryptoKey;
  try {
    verifying = await crypto.subtle.importKey('raw', join(key.slice(1)), 'Ed25519', false, ['verify']);
  } catch {
    return { outcome: 'unable', why: 'this browser cannot check Ed25519 signatures' };
  }
  const holds = await crypto.subtle.verify('Ed25519', verifying, join(signature.bytes.slice(4)), join(new TextEncoder().encode(note.body)));
  return holds ? { outcome: 'holds', why: '' } : { outcome: 'fails', why: 'the signature of the checkpoint does not hold' };
}

/** Check that an entry's record stands at its index under the signed checkpoint. */
export async function checkInclusion(proof: Inclusion): Promise<Checked> {
  try {
    const note = parseNote(proof.checkpoint);
    if (note.size !== proof.size) {
      return { outcome: 'fails', why: 'the proof is for a tree of another size than the checkpoint' };
    }
    const root = await rootOfPath(await leafHash(fromBase64(proof.leaf)), proof.index, note.size, proof.path.map(fromHex));
    if (root === null || !same(root, note.root)) {
      return { outcome: 'fails', why: 'the entry does not stand in the tree that the checkpoint signs' };
    }
    return await checkNote(note, proof.vkey);
  } catch (error) {
    return { outcome: 'fails', why: error instanceof Error ? error.message : 'the proof cannot be read' };
  }
}

/** Whether a record of the ledger is about an envelope: its digest stands in the record's own bytes. */
export function recordNames(leaf: string, envelope: string): boolean {
  return new TextDecoder().decode(fromBase64(leaf)).includes(envelope);
}

/** Check a checkpoint's signature, and that its tree extends the one that was seen before. */
export async function checkCheckpoint(now: Checkpoint, seen: { readonly size: number; readonly root: string } | null): Promise<Checked> {
  try {
    const note = parseNote(now.note);
    const signed = await checkNote(note, now.vkey);
    if (signed.outcome === 'fails' || seen === null) {
      return signed;
    }
    if (note.size < seen.size) {
      return { outcome: 'fails', why: `the ledger has ${note.size} entries; this browser has seen ${seen.size}` };
    }
    const proof = now.consistency;
    const path = proof !== null && proof.old_size === seen.size && proof.new_size === note.size ? proof.proof.map(fromHex) : [];
    if (!(await extendsTree(seen.size, fromHex(seen.root), note.size, note.root, path))) {
      return { outcome: 'fails', why: `the ledger does not extend the one of ${seen.size} entries that this browser has seen` };
    }
    return signed;
  } catch (error) {
    return { outcome: 'fails', why: error instanceof Error ? error.message : 'the checkpoint cannot be read' };
  }
}
