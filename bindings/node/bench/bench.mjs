// sessiondb beside better-sqlite3: the same entries, in turn, in one process. Each step is done by the one and then by
// the other, with the first changing every time, so that what the machine does meanwhile meets both.
//
//   node bench.mjs [--rounds N] [--folder PATH]
import { createRequire } from 'node:module';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Archive, newSegmentId, newSessionId } from '../dist/index.js';

const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : process.argv[at + 1];
};
const ROUNDS = Number(option('rounds', 300));
const FOLDER = mkdtempSync(join(option('folder', tmpdir()), 'sessiondb-bench-'));
process.on('exit', () => rmSync(FOLDER, { recursive: true, force: true }));

const require = createRequire(import.meta.url);
let Sqlite;
try {
  Sqlite = require(process.env.BETTER_SQLITE3 ?? 'better-sqlite3');
} catch (error) {
  console.log(`better-sqlite3 is left out: ${error.message.split('\n')[0]}`);
}

// Numbers by a seed (mulberry32), and entries as an agent writes them: about 1 KB, of words that come back.
let state = 7;
const random = () => {
  state = (state + 0x6d2b79f5) >>> 0;
  let x = Math.imul(state ^ (state >>> 15), state | 1);
  x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
  return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
};
const WORDS = Array.from({ length: 4000 }, () => Math.floor(random() * 1e9).toString(36).slice(0, 3 + Math.floor(random() * 6)));
const text = (words) => Array.from({ length: words }, () => WORDS[Math.floor(random() ** 2 * WORDS.length)]).join(' ');
const entry = (n) => ({
  type: n % 3 === 0 ? 'user' : 'assistant',
  uuid: Array.from({ length: 4 }, () => Math.floor(random() * 2 ** 32).toString(16).padStart(8, '0')).join('-'),
  timestamp: new Date(1.7e12 + n * 1000).toISOString(),
  cwd: '/home/ann/src/shop', version: '2.1.0', gitBranch: 'main',
  message: { role: n % 3 === 0 ? 'user' : 'assistant', content: [{ type: 'text', text: text(130) }] },
});

/** The one: an archive. */
class Sessiondb {
  name = 'sessiondb';
  async open(file, durability) {
    this.file = join(FOLDER, `${file}.sessiondb`);
    this.archive = await Archive.open(this.file, { durability });
    this.logs = [];
    return this;
  }
  add() {
    this.logs.push(this.archive.log(newSessionId(), newSegmentId()));
  }
  append(session, value) {
    return this.logs[session].append(value);
  }
  fill(session, values) {
    return this.logs[session].appendMany(values);
  }
  load(session) {
    return this.logs[session].read().values();
  }
  async resume(session) {
    return (await this.logs[session].last(50)).map((one) => one.value);
  }
  async list() {
    return (await this.archive.querySessions({ limit: 100 })).sessions.map(({ id, entries, updatedMs }) => [id, entries, updatedMs]);
  }
  async close() {
    await this.archive.close();
    return statSync(this.file).size;
  }
}

/** The other: a table of entries and one of sessions, which each append changes in one transaction. */
class BetterSqlite {
  name = 'better-sqlite3';
  async open(file, durability) {
    this.file = join(FOLDER, `${file}.sqlite`);
    this.db = new Sqlite(this.file);
    this.db.pragma('journal_mode = WAL');
    this.db.pragma(`synchronous = ${durability === 'synced' ? 'FULL' : 'NORMAL'}`);
    this.db.exec(`
      CREATE TABLE sessions (id INTEGER PRIMARY KEY, updated INTEGER NOT NULL, entries INTEGER NOT NULL);
      CREATE INDEX by_use ON sessions (updated);
      CREATE TABLE entries (session INTEGER NOT NULL, n INTEGER NOT NULL, json TEXT NOT NULL, PRIMARY KEY (session, n)) WITHOUT ROWID;`);
    const count = this.db.prepare('UPDATE sessions SET entries = entries + ?, updated = ? WHERE id = ? RETURNING entries');
    const insert = this.db.prepare('INSERT INTO entries VALUES (?, ?, ?)');
    this.put = this.db.transaction((session, values) => {
      let n = count.get(values.length, Date.now(), session).entries - values.length;
      for (const value of values) {
        insert.run(session, n++, JSON.stringify(value));
      }
    });
    this.read = this.db.prepare('SELECT json FROM entries WHERE session = ? ORDER BY n');
    this.last = this.db.prepare('SELECT json FROM entries WHERE session = ? ORDER BY n DESC LIMIT 50');
    this.newest = this.db.prepare('SELECT id, entries, updated FROM sessions ORDER BY updated DESC LIMIT 100');
    this.sessions = 0;
    return this;
  }
  add() {
    this.db.prepare('INSERT INTO sessions VALUES (?, 0, 0)').run(this.sessions++);
  }
  append(session, value) {
    this.put(session, [value]);
  }
  fill(session, values) {
    this.put(session, values);
  }
  load(session) {
    return this.read.all(session).map(({ json }) => JSON.parse(json));
  }
  resume(session) {
    return this.last.all(session).reverse().map(({ json }) => JSON.parse(json));
  }
  list() {
    return this.newest.all().map(({ id, entries, updated }) => [id, entries, updated]);
  }
  close() {
    this.db.pragma('wal_checkpoint(TRUNCATE)');
    this.db.close();
    return statSync(this.file).size;
  }
}

const stores = () => (Sqlite ? [new Sessiondb(), new BetterSqlite()] : [new Sessiondb()]);

/** Times of one step by each, in microseconds, in turn. */
async function inTurn(systems, rounds, step, check) {
  const times = new Map(systems.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 ? [...systems].reverse() : systems;
    for (const system of order) {
      const begun = performance.now();
      const result = await step(system, round);
      times.get(system.name).push((performance.now() - begun) * 1000);
      check?.(result);
    }
  }
  return times;
}

const at = (times, part) => [...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * part))];
const us = (number) => (number < 10_000 ? `${number.toFixed(0)} us` : `${(number / 1000).toFixed(1)} ms`);
const row = (cells) => console.log(`| ${cells.map((cell, n) => (n ? String(cell).padStart(16) : String(cell).padEnd(44))).join(' | ')} |`);
function show(what, times) {
  row([what, ...[...times.values()].map((all) => `${us(at(all, 0.5))} / ${us(at(all, 0.99))}`)]);
}
function same(length) {
  return (result) => {
    if (result.length !== length) {
      throw new Error(`${result.length} where ${length} were expected`);
    }
  };
}

console.log(`node ${process.argv.slice(1).map((arg) => arg.replace(/^.*\//, '')).join(' ')}`);
console.log(`Node ${process.version}, ${process.platform} ${release()}, ${cpus().length} x ${cpus()[0]?.model}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB; ${FOLDER}`);
console.log(`median / p99 of ${ROUNDS} rounds in turn, entries of ${JSON.stringify(entry(1)).length} bytes\n`);
row(['', ...stores().map(({ name }) => name)]);
row(['---', ...stores().map(() => '---:')]);

for (const durability of ['synced', 'written']) {
  const systems = await Promise.all(stores().map((store) => store.open(`append-${durability}`, durability)));
  systems.forEach((system) => system.add());
  const values = Array.from({ length: ROUNDS }, (_, n) => entry(n));
  show(`append one entry, ${durability}`, await inTurn(systems, ROUNDS, (system, round) => system.append(0, values[round])));
  const burst = Array.from({ length: 32 }, (_, n) => entry(n));
  const bursts = await inTurn(systems, Math.ceil(ROUNDS / 10), (system) => Promise.all(burst.map((value) => system.append(0, value))));
  show(`append 32 entries, each by itself, ${durability}`, bursts);
  for (const system of systems) {
    await system.close();
  }
}

const systems = await Promise.all(stores().map((store) => store.open('read', 'written')));
for (let session = 0; session < 200; session++) {
  const values = Array.from({ length: session === 0 ? 1000 : 20 }, (_, n) => entry(n));
  for (const system of systems) {
    system.add();
    await system.fill(session, values);
  }
}
for (const system of systems) {
  await system.archive?.checkpoint();
  system.db?.pragma('wal_checkpoint(TRUNCATE)');
}
show('load 1,000 entries, as values', await inTurn(systems, Math.ceil(ROUNDS / 3), (system) => system.load(0), same(1000)));
show('resume: the last 50 of them', await inTurn(systems, ROUNDS, (system) => system.resume(0), same(50)));
show('list 100 of 200 sessions', await inTurn(systems, ROUNDS, (system) => system.list(), same(100)));
for (const system of systems) {
  await system.close();
}

const turns = await Promise.all(stores().map((store) => store.open('turns', 'written')));
turns.forEach((system) => system.add());
let bytes = 0;
for (let turn = 0; turn < 1000; turn++) {
  for (const value of [entry(0), entry(1), entry(2)]) {
    bytes += JSON.stringify(value).length + 1;
    for (const system of turns) {
      await system.append(0, value);
    }
  }
}
const sizes = [];
for (const system of turns) {
  sizes.push(await system.close());
}
row([`bytes on disk after 1,000 turns (${bytes} of JSONL)`, ...sizes]);
await Archive.compactFile(turns[0].file);
row(['the same, compacted', statSync(turns[0].file).size, ...(Sqlite ? ['-'] : [])]);
