// The contracts of the Claude Agent SDK's session stores, which the suite of its Python edition lists, held by this one
// and by the SDK's own store in memory; and what this one promises besides.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type {
  InMemorySessionStore, SessionKey, SessionStore, SessionStoreEntry, foldSessionSummary,
} from '@anthropic-ai/claude-agent-sdk' with { 'resolution-mode': 'import' };
import { Archive, SessiondbError } from 'sessiondb';
import { ClaudeSessionStore } from 'sessiondb/claude';
import { folder } from './help.js';

type Full = Required<SessionStore>;
interface Sdk { InMemorySessionStore: typeof InMemorySessionStore; foldSessionSummary: typeof foldSessionSummary }
const sdk: Promise<Sdk> = import('@anthropic-ai/claude-agent-sdk');

const KEY: SessionKey = { projectKey: 'proj', sessionId: 'sess' };
const SUB1: SessionKey = { ...KEY, subpath: 'subagents/agent-1' };
const SUB2: SessionKey = { ...KEY, subpath: 'subagents/agent-2' };
const e = (fields: Record<string, unknown>): SessionStoreEntry => ({ type: 'x', ...fields });
const ids = async (store: Full, project: string): Promise<string[]> =>
  (await store.listSessions(project)).map(({ sessionId }) => sessionId).sort();

const CONTRACTS: Array<[string, (store: Full) => Promise<void>]> = [
  ['1: what was appended is loaded in its order', async (store) => {
    const entries = [e({ uuid: 'b', n: 1 }), e({ uuid: 'a', n: 2 })];
    await store.append(KEY, entries);
    assert.deepEqual(await store.load(KEY), entries);
  }],
  ['2: an unknown key gives null', async (store) => {
    assert.equal(await store.load({ ...KEY, sessionId: 'nope' }), null);
    await store.append(KEY, [e({ uuid: 'x' })]);
    assert.equal(await store.load({ ...KEY, subpath: 'nope' }), null);
  }],
  ['3: appends keep the order of their calls', async (store) => {
    await store.append(KEY, [e({ uuid: 'z', n: 1 })]);
    await store.append(KEY, [e({ uuid: 'a', n: 2 }), e({ uuid: 'm', n: 3 })]);
    await store.append(KEY, [e({ uuid: 'b', n: 4 })]);
    assert.deepEqual((await store.load(KEY))?.map((entry) => entry['n']), [1, 2, 3, 4]);
  }],
  ['4: an append of nothing does nothing', async (store) => {
    await store.append(KEY, []);
    await store.append(KEY, [e({ uuid: 'a' })]);
    await store.append(KEY, []);
    assert.deepEqual(await store.load(KEY), [e({ uuid: 'a' })]);
  }],
  ['5: a subpath is a log of its own', async (store) => {
    await store.append(KEY, [e({ uuid: 'm' })]);
    await store.append(SUB1, [e({ uuid: 's' })]);
    assert.deepEqual(await store.load(KEY), [e({ uuid: 'm' })]);
    assert.deepEqual(await store.load(SUB1), [e({ uuid: 's' })]);
  }],
  ['6: projects are apart', async (store) => {
    for (const projectKey of ['A', 'B']) {
      await store.append({ projectKey, sessionId: 's1' }, [e({ from: projectKey })]);
    }
    for (const projectKey of ['A', 'B']) {
      assert.deepEqual(await store.load({ projectKey, sessionId: 's1' }), [e({ from: projectKey })]);
      assert.deepEqual(await ids(store, projectKey), ['s1']);
    }
  }],
  ['7: the sessions of a project are listed', async (store) => {
    await store.append({ projectKey: 'proj', sessionId: 'a' }, [e({})]);
    await store.append({ projectKey: 'proj', sessionId: 'b' }, [e({})]);
    await store.append({ projectKey: 'other', sessionId: 'c' }, [e({})]);
    assert.deepEqual(await ids(store, 'proj'), ['a', 'b']);
    for (const { mtime } of await store.listSessions('proj')) {
      assert.ok(Number.isInteger(mtime) && mtime > 1e12);
    }
    assert.deepEqual(await store.listSessions('never'), []);
  }],
  ['8: subpaths are no sessions', async (store) => {
    await store.append(KEY, [e({})]);
    await store.append(SUB1, [e({})]);
    assert.deepEqual(await ids(store, 'proj'), ['sess']);
  }],
  ['9: what was deleted is loaded as null', async (store) => {
    await store.delete({ ...KEY, sessionId: 'never-written' });
    await store.append(KEY, [e({})]);
    await store.delete(KEY);
    assert.equal(await store.load(KEY), null);
  }],
  ['10: deleting a session deletes its subkeys, and nothing else', async (store) => {
    const others = [{ ...KEY, sessionId: 'sess2' }, { ...KEY, projectKey: 'other-proj' }];
    for (const key of [KEY, SUB1, SUB2, ...others]) {
      await store.append(key, [e({})]);
    }
    await store.delete(KEY);
    for (const key of [KEY, SUB1, SUB2]) {
      assert.equal(await store.load(key), null);
    }
    for (const key of others) {
      assert.equal((await store.load(key))?.length, 1);
    }
    assert.deepEqual(await store.listSubkeys(KEY), []);
    assert.deepEqual(await ids(store, 'proj'), ['sess2']);
  }],
  ['11: deleting a subkey deletes that alone', async (store) => {
    for (const key of [KEY, SUB1, SUB2]) {
      await store.append(key, [e({})]);
    }
    await store.delete(SUB1);
    assert.equal(await store.load(SUB1), null);
    assert.equal((await store.load(SUB2))?.length, 1);
    assert.equal((await store.load(KEY))?.length, 1);
    assert.deepEqual(await store.listSubkeys(KEY), ['subagents/agent-2']);
  }],
  ['12: subkeys of a session are listed', async (store) => {
    for (const key of [KEY, SUB1, SUB2, { projectKey: 'proj', sessionId: 'o', subpath: 'subagents/agent-x' }]) {
      await store.append(key, [e({})]);
    }
    assert.deepEqual((await store.listSubkeys(KEY)).sort(), ['subagents/agent-1', 'subagents/agent-2']);
  }],
  ['13: the main log is no subkey', async (store) => {
    await store.append(KEY, [e({})]);
    assert.deepEqual(await store.listSubkeys(KEY), []);
    assert.deepEqual(await store.listSubkeys({ projectKey: 'proj', sessionId: 'never' }), []);
  }],
  ['14: summaries are what the fold of the SDK says, of the main log alone', async (store) => {
    const { foldSessionSummary: fold } = await sdk;
    const at = (n: number): string => `2024-01-01T00:00:0${n}.000Z`;
    await store.append(KEY, [e({ timestamp: at(0), customTitle: 'first' }), e({ timestamp: at(1) })]);
    await store.append(KEY, [e({ timestamp: at(2), customTitle: 'second' })]);
    await store.append({ projectKey: 'other', sessionId: 'elsewhere' }, [e({ timestamp: at(0) })]);
    const [summary, ...more] = await store.listSessionSummaries('proj');
    assert.ok(summary && more.length === 0);
    assert.equal(summary.sessionId, 'sess');
    const [listed] = await store.listSessions('proj');
    assert.ok(listed && summary.mtime > 1e12 && summary.mtime >= listed.mtime);
    const again = fold(summary, KEY, [e({ timestamp: at(3) })]);
    assert.deepEqual([again.sessionId, again.mtime], ['sess', summary.mtime]);
    const whole = fold(undefined, KEY, (await store.load(KEY)) ?? []);
    assert.deepEqual(summary.data, whole.data);
    await store.append(SUB1, [e({ timestamp: at(9), customTitle: 'subagent' })]);
    assert.deepEqual((await store.listSessionSummaries('proj'))[0]?.data, summary.data);
    assert.deepEqual(await store.listSessionSummaries('never'), []);
    await store.delete(KEY);
    assert.deepEqual(await store.listSessionSummaries('proj'), []);
  }],
];

for (const [name, contract] of CONTRACTS) {
  test(`contract ${name}`, async () => {
    const archive = await Archive.inMemory();
    await contract(new ClaudeSessionStore(archive));
    await archive.close();
  });
  test(`the SDK's own store holds contract ${name}`, async () => {
    await contract(new (await sdk).InMemorySessionStore() as Full);
  });
}

test('a uuid is appended once, by any store, also after the archive was opened again', async (t) => {
  const path = join(folder(t), 'a.sessiondb');
  let archive = await Archive.open(path);
  const store = new ClaudeSessionStore(archive);
  await store.append(KEY, [e({ uuid: 'a', n: 1 }), e({ n: 2 })]);
  await store.append(KEY, [e({ uuid: 'a', n: 3 }), e({ n: 4 }), e({ uuid: 'b', n: 5 })]);
  await new ClaudeSessionStore(archive).append(KEY, [e({ uuid: 'b', n: 6 })]);
  await archive.close();
  archive = await Archive.open(path);
  const again = new ClaudeSessionStore(archive);
  await again.append(KEY, [e({ uuid: 'a', n: 7 }), e({ uuid: 'c', n: 8 })]);
  assert.deepEqual((await again.load(KEY))?.map((entry) => entry['n']), [1, 2, 4, 5, 8]);
  await archive.close();
});

test('ids are strings of any kind, and are given back as they were', async () => {
  const archive = await Archive.inMemory();
  const store = new ClaudeSessionStore(archive);
  const odd = ['-Users-ann-shop', 'ä/ö\u{1f600}', '..', ' ', 'x'.repeat(500)];
  for (const sessionId of odd) {
    await store.append({ projectKey: 'ü', sessionId }, [e({ uuid: sessionId })]);
  }
  assert.deepEqual(await ids(store, 'ü'), [...odd].sort());
  await archive.close();
});

test('appends with one key are made in the order of their calls, and a close waits for them', async (t) => {
  const path = join(folder(t), 'a.sessiondb');
  let archive = await Archive.open(path, { durability: 'written' });
  const store = new ClaudeSessionStore(archive);
  const made = Array.from({ length: 60 }, (_, n) => store.append(n % 3 ? KEY : SUB1, [e({ uuid: `u${n}`, n })]));
  await archive.close();
  await Promise.all(made);
  await assert.rejects(store.append(KEY, [e({})]), (error) => error instanceof SessiondbError && error.code === 'UNUSABLE');
  archive = await Archive.open(path);
  const all = [KEY, SUB1].map(async (key) => (await new ClaudeSessionStore(archive).load(key))?.map((entry) => entry['n']));
  const [main, sub] = await Promise.all(all);
  assert.deepEqual(main, Array.from({ length: 60 }, (_, n) => n).filter((n) => n % 3));
  assert.deepEqual(sub, Array.from({ length: 60 }, (_, n) => n).filter((n) => n % 3 === 0));
  await archive.close();
});

test('the session of a store is one of the archive', async () => {
  const archive = await Archive.inMemory();
  const store = new ClaudeSessionStore(archive);
  await store.append(KEY, [{
    type: 'user', uuid: 'u1', sessionId: 'sess', isSidechain: false, timestamp: '2026-01-02T03:04:05.000Z',
    message: { role: 'user', content: 'Why is the total off?' },
  }]);
  const { sessions: [session] } = await archive.querySessions();
  assert.equal(session?.entries, 1);
  assert.equal((await archive.summary(session.id))?.['title'], 'Why is the total off?');
  const hits = [];
  for await (const hit of await archive.search('total')) {
    hits.push(hit.session);
  }
  assert.deepEqual(hits, [session.id]);
  await archive.close();
});
