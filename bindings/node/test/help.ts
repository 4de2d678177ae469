// What several tests use: folders, children that are killed, numbers by a seed.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** A folder that goes with its test. */
export function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'sessiondb-node-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Numbers below one, the same for the same seed (mulberry32). */
export function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of this run, printed so that it can be had again. */
export function seed(t: TestContext): number {
  const chosen = Number(process.env['SESSIONDB_SEED'] ?? Date.now() % 1_000_000);
  t.diagnostic(`SESSIONDB_SEED=${chosen}`);
  return chosen;
}

/** A child that runs a compiled file beside this one, and says something when it is ready. */
export function child(file: string, ...args: string[]): ChildProcess {
  return fork(join(__dirname, file), args, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
}

/** What a child writes until it ends. */
export async function output(of: ChildProcess): Promise<string> {
  let text = '';
  of.stdout?.setEncoding('utf8').on('data', (part: string) => { text += part; });
  await once(of, 'close');
  return text;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, ms); });
}
