// A desktop app without its windows: the shape of an Electron main process, with plain processes in their places.
//
//   node test-dist/examples/desktop.js main PATH    the main process: owns the archive, answers the windows
//   node test-dist/examples/desktop.js window       a window: knows messages alone, and shows what it is told
//
// A window never opens the archive. It asks by `invoke`, as a preload script of Electron does, and is told of what is
// changed. The main process hands every call to the archive's threads, so that it goes on answering. When it is killed
// and started again, the windows ask again, and nothing that was acknowledged is missing.
import { type ChildProcess, fork } from 'node:child_process';
import { Archive, SessiondbError } from 'sessiondb';

/** What a window asks, and what it gets: a value, or an error with a code that it can act on. */
export interface Ask { id: number; verb: 'say' | 'entries' | 'sessions'; session?: string; segment?: string; text?: string; from?: number }
export interface Answer { id: number; value?: unknown; error?: { code: string; message: string } }
/** What a window is told without asking. */
export interface Told { kind: 'changed'; session: string; segment: string; len: number }

/** What the windows may ask for: one place, as with `ipcMain.handle`. */
async function answer(archive: Archive, ask: Ask): Promise<unknown> {
  if (ask.verb === 'sessions') {
    const { sessions } = await archive.querySessions({ limit: 50 });
    return sessions.map(({ id, entries }) => ({ id, entries }));
  }
  const log = archive.log(ask.session ?? '', ask.segment ?? '');
  if (ask.verb === 'say') {
    return (await log.append({ kind: 'message', text: ask.text })).len;
  }
  return log.read({ from: ask.from }).values();
}

/** The main process. Its parent stands for Electron, which carries the messages of the windows. */
async function main(path: string): Promise<void> {
  const archive = await Archive.open(path);
  const changes = await archive.changes();
  process.on('message', (ask: Ask | 'quit') => {
    if (ask === 'quit') {
      void archive.close().then(() => process.disconnect());
      return;
    }
    answer(archive, ask).then(
      (value) => process.send?.({ id: ask.id, value } satisfies Answer),
      (error: unknown) => {
        const code = error instanceof SessiondbError ? error.code : 'IO';
        process.send?.({ id: ask.id, error: { code, message: String(error) } } satisfies Answer);
      },
    );
  });
  process.send?.('ready');
  for await (const change of changes) {
    if (change.kind === 'append' && change.session && change.segment) {
      process.send?.({ kind: 'changed', session: change.session, segment: change.segment, len: change.to } satisfies Told);
    }
  }
}

/** A window: shows the entries of one log, and says what a person types. Its parent carries its messages too. */
function windowProcess(): void {
  const shown: unknown[] = [];
  let log: { session: string; segment: string } | undefined;
  let next = 0;
  let isReading = false;
  let isStale = false;
  const waiting = new Map<number, (answer: Answer) => void>();
  const invoke = (ask: Omit<Ask, 'id'>): Promise<unknown> => new Promise((resolve, reject) => {
    next += 1;
    waiting.set(next, ({ value, error }) => (error ? reject(new Error(error.code)) : resolve(value)));
    process.send?.({ ...ask, id: next });
  });
  const refresh = async (): Promise<void> => {
    isStale = true;
    if (isReading || !log) {
      return;
    }
    isReading = true;
    while (isStale) {
      isStale = false;
      shown.push(...await invoke({ verb: 'entries', ...log, from: shown.length }) as unknown[]);
    }
    isReading = false;
    process.send?.({ shown: shown.length });
  };
  process.on('message', (message: Answer | Told | { show: { session: string; segment: string } } | { type: string } | 'lost' | 'dump') => {
    if (message === 'dump') {
      process.send?.({ dump: shown });
    } else if (message === 'lost') {
      // The main process is another one: what was asked of the last one is not answered any more.
      waiting.clear();
      isReading = false;
      void refresh();
    } else if ('show' in message) {
      log = message.show;
      void refresh();
    } else if ('type' in message && log) {
      invoke({ verb: 'say', ...log, text: message.type }).then(
        (len) => process.send?.({ said: message.type, len }),
        (error: unknown) => process.send?.({ failed: String(error) }),
      );
    } else if ('kind' in message) {
      if (message.segment === log?.segment) {
        void refresh();
      }
    } else if ('id' in message) {
      const settle = waiting.get(message.id);
      waiting.delete(message.id);
      settle?.(message);
    }
  });
  process.once('disconnect', () => process.exit(0));
}

/** Starts one of them as Electron would. */
export function start(role: 'main' | 'window', ...args: string[]): ChildProcess {
  return fork(__filename, [role, ...args]);
}

if (require.main === module) {
  const [role, path] = process.argv.slice(2);
  if (role === 'main' && path !== undefined) {
    main(path).catch((error: unknown) => { console.error(error); process.exit(1); });
  } else if (role === 'window') {
    windowProcess();
  }
}
