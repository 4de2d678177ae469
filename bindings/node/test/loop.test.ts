// What surrounds the calls: the event loop goes on, the process ends by itself, workers may be ended at any time.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Archive, newSegmentId, newSessionId } from 'sessiondb';
import { folder, numbers, seed, sleep } from './help.js';

const root = join(__dirname, '..', '..');

test('the event loop turns while a call is under way', async () => {
  const archive = await Archive.inMemory();
  const log = archive.log(newSessionId(), newSegmentId());
  let turns = 0;
  const turning = setInterval(() => { turns += 1; }, 0);
  const bytes = Buffer.from(JSON.stringify({ text: 'x'.repeat(10_000) }));
  await log.appendMany(Array.from({ length: 5_000 }, () => bytes));
  clearInterval(turning);
  assert.ok(turns > 0);
  await archive.close();
});

test('a program that closes nothing ends by itself, and loses nothing', async (t) => {
  const path = join(folder(t), 'a');
  const program = `
    const { Archive } = require('sessiondb');
    Archive.open(${JSON.stringify(path)}).then(async (archive) => {
      const log = archive.log('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002');
      console.log((await log.append({ n: 1 })).len);
    });`;
  assert.equal(execFileSync(process.execPath, ['-e', program], { cwd: root, encoding: 'utf8', timeout: 30_000 }).trim(), '1');
  const archive = await Archive.open(path);
  assert.equal((await archive.stats()).entries, 1);
  await archive.close();
});

test('the package is there for import as well', () => {
  const program = "import { Archive, SessiondbError } from 'sessiondb'; import { ClaudeSessionStore } from 'sessiondb/claude';"
    + 'console.log(typeof Archive, typeof SessiondbError, typeof ClaudeSessionStore);';
  const told = execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd: root, encoding: 'utf8' });
  assert.equal(told.trim(), 'function function function');
});

test('workers that are ended in the middle of calls harm nothing', async (t) => {
  const path = join(folder(t), 'a');
  const random = numbers(seed(t));
  const archive = await Archive.open(path, { durability: 'written' });
  const log = archive.log(newSessionId(), newSegmentId());
  const program = `
    const { Archive } = require('sessiondb');
    const { workerData, parentPort } = require('node:worker_threads');
    Archive.open(workerData.path).then(async (archive) => {
      const changes = await archive.changes();
      void changes.next();
      const log = archive.log(workerData.session, workerData.segment, { durability: 'written' });
      parentPort.postMessage('ready');
      for (;;) { await Promise.all([log.append({ n: 1 }), log.append({ n: 2 }), archive.stats()]); }
    });`;
  for (let n = 0; n < 10; n++) {
    const worker = new Worker(program, { eval: true, workerData: { path, session: log.session, segment: log.segment } });
    await once(worker, 'message');
    await sleep(random() * 20);
    await worker.terminate();
  }
  const len = await log.length();
  assert.equal((await log.append({ last: true })).index, len);
  assert.equal((await archive.check()).problemsFound, 0);
  await archive.close();
});

test('the quick start of the README runs', async (t) => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const examples = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code ?? '');
  assert.ok(examples.length >= 2);
  const path = folder(t);
  for (const code of examples) {
    const program = code.replaceAll(/'([a-z-]+\.sessiondb)'/g, (_, file: string) => JSON.stringify(join(path, file)));
    execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd: root, encoding: 'utf8', timeout: 60_000 });
  }
});
