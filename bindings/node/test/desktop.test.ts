// The example of a desktop app: two windows, one main process, which is killed and started again.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { Archive, newSegmentId, newSessionId } from 'sessiondb';
import { type Ask, start } from '../examples/desktop.js';
import { folder } from './help.js';

/** What stands for Electron: it carries messages between windows and the main process, whichever that is now. */
class Carrier {
  readonly windows = [start('window'), start('window')];
  readonly said: string[] = [];
  readonly shown = [0, 0];
  len = 0;
  #main: ChildProcess | undefined;
  #next = 0;
  #asked = new Map<number, { window: number; id: number }>();
  #listeners = new Set<() => void>();

  constructor() {
    for (const [window, process] of this.windows.entries()) {
      process.on('message', (message: Ask | { said: string; len: number } | { shown: number } | { dump: unknown }) => {
        if ('verb' in message) {
          this.#next += 1;
          this.#asked.set(this.#next, { window, id: message.id });
          if (this.#main?.connected) {
            this.#main.send({ ...message, id: this.#next });
          }
        } else if ('said' in message) {
          this.said.push(message.said);
          this.len = Math.max(this.len, message.len);
        } else if ('shown' in message) {
          this.shown[window] = message.shown;
        }
        this.#listeners.forEach((listener) => listener());
      });
    }
  }

  async startMain(path: string): Promise<void> {
    const main = start('main', path);
    await once(main, 'message');
    this.#main = main;
    main.on('message', (message: { id: number } | { kind: string }) => {
      if ('kind' in message) {
        this.windows.forEach((window) => window.send(message));
        return;
      }
      const asked = this.#asked.get(message.id);
      if (asked) {
        this.#asked.delete(message.id);
        this.windows[asked.window]?.send({ ...message, id: asked.id });
      }
    });
  }

  async killMain(): Promise<void> {
    const main = this.#main;
    this.#main = undefined;
    main?.kill('SIGKILL');
    if (main && main.exitCode === null && main.signalCode === null) {
      await once(main, 'exit');
    }
    this.#asked.clear();
  }

  async quit(): Promise<void> {
    const main = this.#main;
    main?.send('quit');
    if (main) {
      await once(main, 'exit');
    }
    this.windows.forEach((window) => window.disconnect());
  }

  /** Waits until something is so. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        const listener = (): void => { this.#listeners.delete(listener); resolve(); };
        this.#listeners.add(listener);
      });
    }
  }
}

test('two windows follow one session through a kill of the main process', async (t) => {
  const path = join(folder(t), 'app.sessiondb');
  const log = { session: newSessionId(), segment: newSegmentId() };
  const before = await Archive.open(path);
  await before.log(log.session, log.segment).append({ kind: 'message', text: 'welcome' });
  await before.close();
  const app = new Carrier();
  await app.startMain(path);
  app.windows.forEach((window) => window.send({ show: log }));
  await app.until(() => app.shown.every((shown) => shown === 1));
  for (let n = 0; n < 20; n++) {
    app.windows[n % 2]?.send({ type: `a${n}` });
  }
  await app.until(() => app.said.length === 20 && app.shown.every((shown) => shown === 21));
  // A burst, in the middle of which the main process is killed.
  for (let n = 0; n < 50; n++) {
    app.windows[n % 2]?.send({ type: `b${n}` });
  }
  await app.until(() => app.said.length >= 22);
  await app.killMain();
  await app.startMain(path);
  app.windows.forEach((window) => window.send('lost'));
  const acknowledged = [...app.said];
  // Behind what a window said before comes its last word, so that nothing more is appended once both are there.
  app.windows.forEach((window, at) => window.send({ type: `after${at}` }));
  await app.until(() => app.said.includes('after0') && app.said.includes('after1'));
  await app.until(() => app.shown.every((shown) => shown === app.len));
  const dumps = await Promise.all(app.windows.map(async (window) => {
    window.send('dump');
    for (;;) {
      const [message] = await once(window, 'message') as [{ dump?: Array<{ text: string }> }];
      if (message.dump) {
        return message.dump.map(({ text }) => text);
      }
    }
  }));
  assert.deepEqual(dumps[0], dumps[1]);
  for (const text of acknowledged) {
    assert.ok(dumps[0]?.includes(text), text);
  }
  assert.equal(new Set(dumps[0]).size, dumps[0]?.length);
  await app.quit();
  const archive = await Archive.open(path, { create: false });
  const texts = (await archive.log(log.session, log.segment).read().values<{ text: string }>()).map(({ text }) => text);
  assert.deepEqual(texts, dumps[0]);
  await archive.close();
});
