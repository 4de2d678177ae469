// Children that append are killed at random moments: what was acknowledged is there, and in its order.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Archive, newSegmentId, newSessionId } from 'sessiondb';
import { ClaudeSessionStore } from 'sessiondb/claude';
import { child, folder, numbers, output, seed, sleep } from './help.js';

const KILLS = 100;

/** Starts a child, kills it some time after it is ready, and gives the numbers that it said. */
async function killed(ms: number, ...args: string[]): Promise<number[]> {
  const running = child('appender.js', ...args);
  let text = '';
  const ready = new Promise<void>((resolve) => {
    running.stdout?.on('data', (part: Buffer) => {
      text += part.toString();
      if (text.includes('ready\n')) {
        resolve();
      }
    });
  });
  const end = output(running);
  await Promise.race([ready, end]);
  await sleep(ms);
  running.kill('SIGKILL');
  await end;
  // A line that is not whole was not said.
  return text.slice(0, text.lastIndexOf('\n') + 1).split('\n').filter((line) => /^\d+$/.test(line)).map(Number);
}

async function killedLogs(t: TestContext, durability: 'synced' | 'written', kills: number): Promise<void> {
  const path = join(folder(t), 'a.sessiondb');
  const random = numbers(seed(t));
  const [session, segment] = [newSessionId(), newSegmentId()];
  let acknowledged = 0;
  for (let kill = 0; kill < kills; kill++) {
    const said = await killed(random() * 60, durability, path, `${session}/${segment}`, '1000000');
    acknowledged = Math.max(acknowledged, ...said.map((n) => n + 1));
    const archive = await Archive.open(path);
    const entries = await archive.log(session, segment).read().values<{ n: number }>();
    assert.ok(entries.length >= acknowledged, `${entries.length} of ${acknowledged} after kill ${kill}`);
    entries.forEach(({ n }, index) => assert.equal(n, index));
    await archive.close();
  }
  t.diagnostic(`${acknowledged} acknowledged, ${kills} kills`);
  assert.ok(acknowledged > kills / 2, 'the children appended');
  const archive = await Archive.open(path);
  assert.equal((await archive.check()).problemsFound, 0);
  await archive.close();
}

test('acknowledged entries survive kills, synced', (t) => killedLogs(t, 'synced', KILLS));
test('acknowledged entries survive kills, written', (t) => killedLogs(t, 'written', 30));

test('acknowledged entries of the session store survive kills, each once', async (t) => {
  const path = join(folder(t), 'a.sessiondb');
  const random = numbers(seed(t));
  const key = { projectKey: 'kills', sessionId: 'one' };
  const acknowledged = new Set<string>();
  for (let kill = 0; kill < KILLS; kill++) {
    for (const n of await killed(random() * 80, 'store', path, `k${kill}`, '1000000')) {
      acknowledged.add(`k${kill}-${n}`);
    }
  }
  const archive = await Archive.open(path);
  const store = new ClaudeSessionStore(archive);
  for (const log of [key, { ...key, subpath: 'subagents/agent-1' }]) {
    const uuids = ((await store.load(log)) ?? []).map(({ uuid }) => uuid ?? '');
    assert.equal(new Set(uuids).size, uuids.length, 'none is there twice');
    for (const uuid of acknowledged) {
      assert.ok(uuids.includes(uuid), uuid);
    }
  }
  assert.ok(acknowledged.size > 10);
  t.diagnostic(`${acknowledged.size} acknowledged, ${KILLS} kills`);
  const [listed] = await store.listSessions('kills');
  const [summary] = await store.listSessionSummaries('kills');
  assert.deepEqual([listed?.sessionId, summary?.sessionId], ['one', 'one']);
  assert.equal(summary?.mtime, listed?.mtime);
  assert.equal((await archive.check()).problemsFound, 0);
  await archive.close();
});

test('two processes append to one log and one session at once', async (t) => {
  const path = join(folder(t), 'a.sessiondb');
  const archive = await Archive.open(path);
  const changes = await archive.changes();
  const [session, segment] = [newSessionId(), newSegmentId()];
  const finished = async (...args: string[]): Promise<void> => {
    const running = child('appender.js', ...args);
    await output(running);
    assert.equal(running.exitCode, 0, args.join(' '));
  };
  const children = ['written', 'written'].map((how) => finished(how, path, `${session}/${segment}`, '200'));
  children.push(...['a', 'b'].map((name) => finished('store', path, name, '25')));
  const watched = (async (): Promise<void> => {
    let seen = 0;
    for await (const change of changes) {
      assert.notEqual(change.kind, 'gap');
      if (change.segment === segment && change.kind === 'append') {
        assert.equal(change.from, seen);
        seen = change.to;
        if (seen === 400) {
          break;
        }
      }
    }
  })();
  // A child that fails is told of, where a wait for its entries would have no end.
  await Promise.all([watched, ...children]);
  assert.equal(await archive.log(session, segment).length(), 400);
  const store = new ClaudeSessionStore(archive);
  const key = { projectKey: 'kills', sessionId: 'one' };
  for (const log of [key, { ...key, subpath: 'subagents/agent-1' }]) {
    const uuids = ((await store.load(log)) ?? []).map(({ uuid }) => uuid);
    const of = (name: string): unknown[] => uuids.filter((uuid) => uuid?.startsWith(name));
    assert.equal(uuids.length, 50);
    assert.deepEqual(of('a'), Array.from({ length: 25 }, (_, n) => `a-${n}`));
    assert.deepEqual(of('b'), Array.from({ length: 25 }, (_, n) => `b-${n}`));
  }
  const [summary] = await store.listSessionSummaries('kills');
  assert.equal(summary?.sessionId, 'one');
  await archive.close();
});
