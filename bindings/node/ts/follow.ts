import type { ChangeInfo, NativeChanges, NativeSearch } from '../native.js';
import type { CallOptions, Core } from './core.js';
import { onAbort } from './signal.js';
import { parse } from './json.js';

/** Something that is asked for more until nothing comes. */
interface Source<T> {
  next(): Promise<T[]>;
  close(): void;
}

/** What comes from a source, one by one. It ends with `close`, with `break`, with a signal, or by itself. */
class Stream<T> implements AsyncIterableIterator<T> {
  #ready: T[] = [];
  #at = 0;
  #hasEnded = false;
  #asked: Promise<void> = Promise.resolve();
  readonly #unlisten: (() => void) | undefined;

  constructor(
    private readonly core: Core,
    private readonly source: Source<T>,
    private readonly signal: AbortSignal | undefined,
  ) {
    core.keep(source);
    this.#unlisten = signal && onAbort(signal, () => this.close());
  }

  next(): Promise<IteratorResult<T, undefined>> {
    // Who asks twice at once gets two different ones.
    const next = this.#asked.then(() => this.#next());
    this.#asked = next.then(() => undefined, () => undefined);
    return next;
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends it; whoever waits for the next one is told of the end. */
  close(): void {
    this.#hasEnded = true;
    this.#unlisten?.();
    this.core.letGo(this.source);
  }

  async #next(): Promise<IteratorResult<T, undefined>> {
    while (!this.#hasEnded) {
      if (this.#at < this.#ready.length) {
        const value = this.#ready[this.#at] as T;
        this.#at += 1;
        return { done: false, value };
      }
      await this.#fill();
    }
    if (this.signal?.aborted) {
      throw this.signal.reason;
    }
    return { done: true, value: undefined };
  }

  async #fill(): Promise<void> {
    try {
      this.#ready = await this.core.call(() => this.source.next());
      this.#at = 0;
    } catch (error) {
      const isOver = this.#hasEnded || this.core.isClosed;
      this.close();
      if (isOver) {
        return;
      }
      throw error;
    }
    if (this.#ready.length === 0) {
      this.close();
    }
  }
}

/** What is changed from the moment of `Archive.changes` on, by whichever process, each once and in order. */
export type Changes = AsyncIterableIterator<ChangeInfo> & { close(): void };

export function changesOf(core: Core, native: NativeChanges, options?: CallOptions): Changes {
  return new Stream<ChangeInfo>(core, { next: () => native.next(), close: () => native.close() }, options?.signal);
}

/** One thing of a session in which the pattern is. */
export interface Hit {
  session: string;
  segment: string;
  /** The number of the entry. */
  entry: number;
  /** When, in milliseconds since 1970, if the entry says so. */
  at_ms: number | null;
  kind: string;
  role: 'user' | 'assistant' | 'tool' | 'system';
  /** The lines with a match, and those around them that were asked for; `matches` are ranges of bytes. */
  lines: Array<{ number: number; text: string; matches: Array<{ start: number; end: number }>; is_cut?: boolean }>;
}

/** The hits of a search, the newest first. */
export type Hits = AsyncIterableIterator<Hit> & { close(): void };

export function hitsOf(core: Core, native: NativeSearch, options?: CallOptions): Hits {
  const next = async (): Promise<Hit[]> => (await native.next()).map((json) => parse<Hit>(json));
  return new Stream<Hit>(core, { next, close: () => native.close() }, options?.signal);
}
