import { Abort, type NativeArchive } from '../native.js';
import { SessiondbError, closed, toError } from './error.js';
import { Order, settled } from './order.js';
import { onAbort } from './signal.js';

/** What any call takes. */
export interface CallOptions {
  /** Calls it off. A call that has not begun is not made. A read that has begun is left to itself and its promise
   * rejects at once; a write that has begun is made, and its promise says how it went. */
  signal?: AbortSignal | undefined;
}

/** How a call is made. */
export interface Manner extends CallOptions {
  /** The log whose order it keeps. */
  log?: string;
  /** The logs that are changed together. */
  logs?: readonly string[];
  /** Whether it changes something. */
  writes?: boolean;
  /** Whether it is a part of `work` that began before the end. */
  isPart?: boolean;
}

/** Something that keeps the archive open. */
export interface Closable {
  close(): void;
}

/** The one way to the addon: order, errors, signals, and an end that waits for what is under way. */
export class Core {
  readonly #order = new Order();
  readonly #underWay = new Set<Promise<void>>();
  readonly #work = new Set<Promise<void>>();
  readonly #handles = new Set<Closable>();
  #closing: Promise<void> | undefined;

  constructor(readonly native: NativeArchive) {}

  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  call<T>(start: (abort?: Abort) => Promise<T>, manner: Manner = {}): Promise<T> {
    const { signal } = manner;
    if (this.isClosed && manner.isPart !== true) {
      return Promise.reject(closed());
    }
    if (signal?.aborted) {
      return Promise.reject(signal.reason);
    }
    const abort = signal && new Abort();
    // What is handed over wrongly throws at once in the addon; to the caller it is a promise that rejects.
    const begin = async (): Promise<T> => start(abort);
    const made = manner.logs
      ? this.#order.many(manner.logs, begin)
      : manner.log === undefined ? begin() : this.#order.one(manner.log, begin);
    watch(this.#underWay, made);
    const result = made.catch((error: unknown) => { throw toError(error); });
    return signal && abort ? called(result, signal, abort, manner.writes ?? false) : result;
  }

  /** Several calls that belong together: all of them are made before the end. */
  work<T>(begin: () => Promise<T>): Promise<T> {
    if (this.isClosed) {
      return Promise.reject(closed());
    }
    const made = begin();
    watch(this.#work, made);
    return made;
  }

  /** Keeps something in mind that has to be closed with the archive. */
  keep<T extends Closable>(handle: T): T {
    if (this.isClosed) {
      handle.close();
      throw closed();
    }
    this.#handles.add(handle);
    return handle;
  }

  letGo(handle: Closable): void {
    if (this.#handles.delete(handle)) {
      handle.close();
    }
  }

  /** Refuses further calls, closes what came from the archive, and waits for what is under way. */
  finish(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  async #finish(): Promise<void> {
    await Promise.all(this.#work);
    for (const handle of [...this.#handles]) {
      this.letGo(handle);
    }
    while (this.#underWay.size > 0) {
      await Promise.all(this.#underWay);
    }
  }
}

function watch(set: Set<Promise<void>>, promise: Promise<unknown>): void {
  const end = settled(promise);
  set.add(end);
  void end.then(() => set.delete(end));
}

/** A call that the signal calls off. */
export function called<T>(result: Promise<T>, signal: AbortSignal, abort: Abort, writes: boolean): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const end = onAbort(signal, () => {
      if (abort.abort() || !writes) {
        reject(signal.reason);
      }
    });
    result.then(
      (value) => { end(); resolve(value); },
      (error: unknown) => {
        end();
        const isOurs = error instanceof SessiondbError && error.code === 'ABORTED';
        reject(isOurs ? signal.reason : error);
      },
    );
  });
}
