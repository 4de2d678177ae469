// The general surface: what goes in comes out, in its order, and what cannot be is an error with a code.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Archive, type ErrorCode, SessiondbError, newSegmentId, newSessionId } from 'sessiondb';
import { folder } from './help.js';

function code(expected: ErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof SessiondbError && error.code === expected;
}

async function memory(): Promise<Archive> {
  return Archive.inMemory();
}

test('text and bytes are stored as they are, values as JSON', async () => {
  const archive = await memory();
  const log = archive.log(newSessionId(), newSegmentId());
  await log.append('{"n": 1e400 }');
  await log.append(Buffer.from('{"half":"\\ud83d","half":2}'));
  await log.append(new Uint8Array(Buffer.from('[]')));
  await log.append({ text: 'é\u{1f600}\ud83d' });
  await log.append(7);
  const texts = (await log.read().toArray()).map((entry) => entry.text);
  assert.deepEqual(texts, ['{"n": 1e400 }', '{"half":"\\ud83d","half":2}', '[]', '{"text":"é\u{1f600}\\ud83d"}', '7']);
  const [last] = await log.last(1);
  assert.equal(last?.value, 7);
  assert.equal(last?.index, 4);
  const again = await log.append((await log.last(2))[0] ?? '');
  assert.deepEqual([again.index, again.len, again.synced], [5, 6, true]);
  assert.deepEqual((await log.last(1))[0]?.value, { text: 'é\u{1f600}\ud83d' });
  await archive.close();
});

test('what is no entry is refused, and nothing is written', async () => {
  const archive = await memory();
  const log = archive.log(newSessionId(), newSegmentId());
  await assert.rejects(log.append('{'), code('INVALID'));
  await assert.rejects(log.append('1\n'), code('INVALID'));
  await assert.rejects(log.append('"\ud83d"'), code('INVALID'));
  await assert.rejects(log.append(Buffer.from([0x22, 0xff, 0x22])), code('INVALID'));
  await assert.rejects(log.append((() => 1) as unknown as object), code('INVALID'));
  await assert.rejects(log.appendMany([1, '{']), (error) => code('INVALID')(error) && (error as SessiondbError).details['position'] === 1);
  assert.equal(await log.exists(), false);
  assert.throws(() => archive.log('none', newSegmentId()), code('INVALID'));
  await archive.close();
});

test('numbers are whole and exact', async () => {
  const archive = await memory();
  const log = archive.log(newSessionId(), newSegmentId());
  await log.appendMany([0, 1, 2]);
  for (const wrong of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
    await assert.rejects(log.truncate(wrong), code('INVALID'), String(wrong));
    await assert.rejects(log.read({ from: wrong }).toArray(), code('INVALID'), String(wrong));
  }
  assert.deepEqual(await log.read({ from: Number.MAX_SAFE_INTEGER }).toArray(), []);
  assert.equal(await log.length(), 3);
  await archive.close();
});

test('calls on one log are made in their order, with batches among them, awaited or not', async () => {
  const archive = await memory();
  const session = newSessionId();
  const logs = Array.from({ length: 5 }, () => archive.log(session, newSegmentId()));
  const made: Array<Promise<unknown>> = [];
  const expected: number[][] = logs.map(() => []);
  for (let n = 0; n < 400; n++) {
    const at = n % logs.length;
    if (n % 7 === 0) {
      const batch = archive.batch({ durability: 'written' });
      for (const of of [at, (at + 2) % logs.length]) {
        batch.append(logs[of]!, n);
        expected[of]!.push(n);
      }
      made.push(batch.commit());
    } else {
      made.push(logs[at]!.withDurability('written').append(n));
      expected[at]!.push(n);
    }
  }
  const lengths = logs.map((log) => log.length());
  for (const [at, log] of logs.entries()) {
    assert.deepEqual(await log.read().values(), expected[at]);
    assert.equal(await lengths[at], expected[at]!.length);
  }
  await Promise.all(made);
  await archive.close();
});

test('iterators read a part at a time, of one moment, and may be left', async () => {
  const archive = await memory();
  const log = archive.log(newSessionId(), newSegmentId());
  const long = 'x'.repeat(100_000);
  await log.appendMany(Array.from({ length: 50 }, (_, n) => ({ n, long })));
  let seen = 0;
  let chunks = 0;
  for await (const chunk of log.read().chunks()) {
    chunks += 1;
    for (const entry of chunk) {
      assert.equal(entry.as<{ n: number }>().n, seen);
      seen += 1;
    }
    await log.append({ late: true });
  }
  assert.equal(seen, 50);
  assert.ok(chunks > 2);
  for await (const entry of log.read({ from: 10, to: 20 })) {
    if (entry.index === 12) {
      break;
    }
  }
  const some = await log.read({ from: 3, to: 5 }).values<{ n: number }>();
  assert.deepEqual(some.map(({ n }) => n), [3, 4]);
  const closed = await archive.close();
  assert.equal(closed?.isOpenHere, false);
});

test('conflicts tell what is there, and batches are all or nothing', async () => {
  const archive = await memory();
  const log = archive.log(newSessionId(), newSegmentId());
  await log.append(1);
  await assert.rejects(log.appendAt(0, [2]), (error) => {
    assert.ok(error instanceof SessiondbError);
    assert.deepEqual([error.code, error.details['expected'], error.details['actual']], ['CONFLICT', 0, 1]);
    assert.equal(error.details['segment'], log.segment);
    return true;
  });
  const other = archive.log(newSessionId(), newSegmentId());
  await assert.rejects(archive.batch().append(other, 1).expectLen(log, 5).commit(), code('CONFLICT'));
  assert.equal(await other.exists(), false);
  await archive.batch().append(other, 1, 2).expectLen(log, 1).truncate(log, 0)
    .setMetadata(other.session, { cwd: '/src' }).writeNote('app/theme', { dark: true }).writeName('main', { at: 1 })
    .branch(other, 1, newSegmentId()).commit();
  assert.equal(await log.length(), 0);
  assert.deepEqual(await archive.metadata(other.session), { cwd: '/src' });
  assert.deepEqual(await archive.readNote('app/theme'), { dark: true });
  assert.deepEqual(await archive.readName('main'), { at: 1 });
  assert.equal((await archive.segments(other.session)).length, 2);
  await archive.close();
});

test('branches, traces, erasing, replacing, deleting', async () => {
  const archive = await memory();
  const log = archive.log(newSessionId(), newSegmentId());
  await log.appendMany(['{"a":1}', '{"a":2}', '{"a":3}']);
  const fork = await log.branch(2, newSegmentId());
  await fork.append({ a: 9 });
  assert.deepEqual(await fork.read().values(), [{ a: 1 }, { a: 2 }, { a: 9 }]);
  assert.equal((await archive.segment(fork.session, fork.segment))?.parent?.segment, log.segment);
  const trace = archive.trace(log.session, log.segment);
  await trace.append({ kind: 'x' });
  assert.equal(await trace.length(), 1);
  assert.equal(await log.erase(0, 1), 1);
  assert.notEqual((await log.read().toArray())[0]?.text, '{"a":1}');
  await log.replace([1, 2]);
  assert.deepEqual(await log.read().values(), [1, 2]);
  assert.equal(await archive.sessionOf(fork.segment), log.session);
  assert.equal((await archive.matching(log.session.slice(0, 30)))[0]?.session, log.session);
  assert.equal(await archive.deleteSegment(fork.session, fork.segment), true);
  assert.equal(await archive.deleteSession(log.session), true);
  assert.equal(await archive.deleteSession(log.session), false);
  assert.equal(await archive.session(log.session), null);
  await archive.close();
});

test('metadata and names are changed by several at once without a loss', async () => {
  const archive = await memory();
  const session = newSessionId();
  await archive.log(session, newSegmentId()).append(1);
  const add = (): Promise<unknown> => archive.updateMetadata(session, (fields) => ({ ...fields, n: Number(fields['n'] ?? 0) + 1 }));
  await Promise.all(Array.from({ length: 20 }, add));
  assert.deepEqual(await archive.metadata(session), { n: 20 });
  await Promise.all(Array.from({ length: 20 }, () => archive.updateName<{ n: number }>('w', (old) => ({ n: (old?.n ?? 0) + 1 }))));
  assert.deepEqual(await archive.readName('w'), { n: 20 });
  assert.deepEqual(await archive.names(), ['w']);
  assert.equal(await archive.deleteName('w'), true);
  await archive.close();
});

test('sessions are listed a page at a time; the trash and hidden ones are left out', async () => {
  const archive = await memory();
  const ids = Array.from({ length: 5 }, () => newSessionId());
  for (const id of ids) {
    await archive.log(id, newSegmentId()).append({ id });
  }
  const listed: string[] = [];
  let page = await archive.querySessions({ limit: 2 });
  listed.push(...page.sessions.map(({ id }) => id));
  while (page.next) {
    page = await archive.querySessions({ limit: 2, after: page.next });
    listed.push(...page.sessions.map(({ id }) => id));
  }
  assert.deepEqual([...listed].sort(), [...ids].sort());
  await archive.trashSession(ids[0]!);
  await archive.hideSession(ids[1]!);
  const left: string[] = [];
  for await (const session of archive.sessions()) {
    left.push(session.id);
  }
  assert.deepEqual(left.sort(), ids.slice(2).sort());
  assert.ok((await archive.session(ids[0]!))?.trashedMs);
  await archive.restoreSession(ids[0]!);
  assert.equal((await archive.querySessions({ hidden: true })).sessions.length, 5);
  await archive.close();
});

test('a snapshot shows one moment', async () => {
  const archive = await memory();
  const log = archive.log(newSessionId(), newSegmentId());
  await log.append(1);
  const now = await archive.snapshot();
  await log.append(2);
  assert.equal(await now.log(log.session, log.segment).length(), 1);
  assert.deepEqual(await now.log(log.session, log.segment).read().values(), [1]);
  assert.equal((await now.session(log.session))?.entries, 1);
  now.close();
  await assert.rejects(now.names(), code('UNUSABLE'));
  await archive.close();
});

test('changes are told once and in order, and end with a signal or a close', async () => {
  const archive = await memory();
  const log = archive.log(newSessionId(), newSegmentId());
  const changes = await archive.changes();
  for (let n = 0; n < 600; n++) {
    void log.withDurability('written').append(n);
  }
  let next = 0;
  for await (const change of changes) {
    assert.deepEqual([change.kind, change.segment, change.from], ['append', log.segment, next]);
    next = change.to;
    if (next === 600) {
      break;
    }
  }
  const abort = new AbortController();
  const others = await archive.changes({ signal: abort.signal });
  const waiting = others.next();
  abort.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
  const last = await archive.changes();
  const end = last.next();
  await archive.close();
  assert.deepEqual(await end, { done: true, value: undefined });
});

test('a signal calls off what has not begun', async () => {
  const archive = await memory();
  const log = archive.log(newSessionId(), newSegmentId());
  const reason = new Error('not any more');
  await assert.rejects(log.append(1, { signal: AbortSignal.abort(reason) }), reason);
  assert.equal(await log.exists(), false);
  const abort = new AbortController();
  // Its thread is busy with this for long after all of the others have been called.
  const many = log.appendMany(Array.from({ length: 100_000 }, () => ({ text: 'x'.repeat(100) })));
  const calls = Array.from({ length: 200 }, (_, n) => log.append(n, { signal: abort.signal }));
  abort.abort(reason);
  const ends = await Promise.allSettled(calls);
  const made = ends.filter((end) => end.status === 'fulfilled').length;
  for (const end of ends.slice(made)) {
    assert.equal(end.status === 'rejected' && end.reason, reason);
  }
  // What is said to be there is there, and what was called off is not.
  await many;
  assert.deepEqual(await log.read({ from: 100_000 }).values(), Array.from({ length: made }, (_, n) => n));
  assert.ok(made < 200);
  await archive.close();
});

test('a close makes what came before, and refuses what comes after', async (t) => {
  const path = join(folder(t), 'a.sessiondb');
  const archive = await Archive.open(path);
  const log = archive.log(newSessionId(), newSegmentId());
  const made = Array.from({ length: 100 }, (_, n) => log.append(n));
  const closing = archive.close();
  await assert.rejects(log.append('late'), code('UNUSABLE'));
  assert.deepEqual(await closing, { isOpenHere: false, isOpenElsewhere: false, isJournalEmpty: true });
  assert.equal((await made.at(-1))?.len, 100);
  assert.equal(await archive.close(), null);
  const again = await Archive.open(path, { create: false });
  assert.equal(await again.log(log.session, log.segment).length(), 100);
  await again.close();
});

test('files that are no archive, or not there, have codes of their own', async (t) => {
  const path = folder(t);
  await assert.rejects(Archive.open(join(path, 'none'), { create: false }), code('NOT_FOUND'));
  writeFileSync(join(path, 'text'), 'x'.repeat(10_000));
  await assert.rejects(Archive.open(join(path, 'text')), code('INCOMPATIBLE'));
  const archive = await Archive.open(join(path, 'a'));
  await archive.close();
  const read = await Archive.open(join(path, 'a'), { readOnly: true });
  await assert.rejects(read.log(newSessionId(), newSegmentId()).append(1), code('READ_ONLY'));
  await read.close();
  const alone = await Archive.open(join(path, 'a'), { sharing: 'exclusive' });
  await alone.close();
  await assert.rejects(Archive.open(join(path, 'a'), { durability: 'soon' as 'synced' }), code('INVALID'));
});

test('check, backup, merge, compact', async (t) => {
  const path = folder(t);
  const archive = await Archive.open(join(path, 'a'));
  const log = archive.log(newSessionId(), newSegmentId());
  await log.appendMany(Array.from({ length: 100 }, (_, n) => ({ n })));
  const found = await archive.check();
  assert.deepEqual([found.entries, found.problems, found.problemsFound], [100, [], 0]);
  const copy = await archive.backup(join(path, 'b'));
  assert.deepEqual([copy.sessions, copy.entries], [1, 100]);
  await assert.rejects(archive.backup(join(path, 'b')), code('CONFLICT'));
  const some = await archive.backup(join(path, 'c'), { sessions: [] });
  assert.equal(some.sessions, 0);
  await archive.deleteSession(log.session);
  assert.equal((await archive.merge(join(path, 'b'))).sessions.length, 1);
  assert.equal(await log.length(), 100);
  assert.equal((await archive.stats()).entries, 100);
  assert.ok((await archive.compact()).bytesAfter > 0);
  await archive.sync();
  await archive.checkpoint();
  assert.ok(await archive.version() > 0);
  assert.ok(existsSync(archive.path));
  await archive.close();
  assert.equal((await Archive.compactFile(join(path, 'a'))).mode, 'fresh');
  await assert.rejects(Archive.compactFile(join(path, 'none')), code('NOT_FOUND'));
  const again = await Archive.open(join(path, 'a'));
  assert.equal(await again.log(log.session, log.segment).length(), 100);
  await again.close();
});

test('logs of agents come in, are summed up, searched, and go out', async (t) => {
  const path = folder(t);
  const id = '0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f';
  const lines = ['Why is the total off?', 'And the sum?'].map((content, n) => JSON.stringify({
    type: 'user', isSidechain: false, sessionId: id, uuid: `u${n}`, cwd: '/src/shop', timestamp: '2026-01-02T03:04:05.000Z',
    message: { role: 'user', content },
  }));
  mkdirSync(join(path, 'in'));
  writeFileSync(join(path, 'in', `${id}.jsonl`), `${lines.join('\n')}\n`);
  const archive = await Archive.open(join(path, 'a'));
  const first = await archive.importLogs([join(path, 'in')]);
  assert.deepEqual([first.files[0]?.session, first.files[0]?.agent, first.files[0]?.isNewSession], [id, 'claude', true]);
  assert.equal((await archive.importLogs([join(path, 'in')])).files[0]?.isNewSession, false);
  assert.equal((await archive.session(id))?.entries, 2);
  assert.equal((await archive.summary(id))?.['title'], 'Why is the total off?');
  assert.equal(await archive.keepSummaries(), 0);
  const hits = [];
  for await (const hit of await archive.search('total', { wholeWords: true })) {
    hits.push([hit.session, hit.entry, hit.kind, hit.lines[0]?.text]);
  }
  assert.deepEqual(hits, [[id, 0, 'prompt', 'Why is the total off?']]);
  await assert.rejects(archive.search('(', { regex: true }), code('INVALID'));
  const out = await archive.exportLogs(join(path, 'out'));
  assert.equal(out.files.length, 1);
  assert.ok(readdirSync(join(path, 'out'), { recursive: true }).some((file) => String(file).endsWith(`${id}.jsonl`)));
  const resumed = await archive.resume(id, { home: path });
  assert.deepEqual([resumed.agent, resumed.command?.includes(id)], ['claude', true]);
  const synced = await archive.syncAgents({ home: path });
  assert.equal(synced.agents.find(({ agent }) => agent === 'claude')?.newEntries, 0);
  await archive.close();
});
