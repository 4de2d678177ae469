import type { Abort, Lines, NativeLog, NativeReader, Receipt } from '../native.js';
import type { CallOptions, Core } from './core.js';
import { closed } from './error.js';
import { Entry, type EntryInput, entriesOf, toGiven } from './entry.js';

/** What an append waits for: the disk, or the operating system. */
export type Durability = 'synced' | 'written';

/** Which entries: from the first number on, before the second. */
export interface Range {
  from?: number | undefined;
  to?: number | undefined;
}

/** About how many bytes of entries are read at a time. */
const CHUNK_BYTES = 1 << 20;

/** One log of a segment. Calls on it, and on others of the same log, are made in their order, awaited or not. */
export class Log {
  readonly #native: NativeLog;
  readonly #order: string;

  /** @internal Made by `Archive.log` and `Archive.trace`. */
  constructor(
    private readonly core: Core,
    readonly session: string,
    readonly segment: string,
    readonly isTrace: boolean,
    private readonly durability: Durability | undefined,
  ) {
    this.#native = core.native.log(session, segment, isTrace, durability);
    this.#order = orderOf(this);
  }

  /** The same log, whose appends wait for this. */
  withDurability(durability: Durability): Log {
    return new Log(this.core, this.session, this.segment, this.isTrace, durability);
  }

  /** Appends an entry. When it resolves, the entry is on the disk (`synced`) or with the system (`written`). */
  append(entry: EntryInput, options?: CallOptions): Promise<Receipt> {
    return this.#write((abort) => this.#native.appendOne(toGiven(entry), abort), options);
  }

  /** Appends several entries as one change. */
  appendMany(entries: Iterable<EntryInput>, options?: CallOptions): Promise<Receipt> {
    return this.#write((abort) => this.#native.append(Array.from(entries, toGiven), null, abort), options);
  }

  /** Appends entries if the log has this length; another length is an error `CONFLICT`, and nothing is written. */
  appendAt(expectedLen: number, entries: Iterable<EntryInput>, options?: CallOptions): Promise<Receipt> {
    return this.#write((abort) => this.#native.append(Array.from(entries, toGiven), expectedLen, abort), options);
  }

  /** Puts entries in the place of all that there are. */
  replace(entries: Iterable<EntryInput>, options?: CallOptions): Promise<void> {
    return this.#write((abort) => this.#native.replace(Array.from(entries, toGiven), abort), options);
  }

  /** Takes the entries from number `len` on away. */
  truncate(len: number, options?: CallOptions): Promise<void> {
    return this.#write((abort) => this.#native.truncate(len, abort), options);
  }

  /** Puts tombstones in the place of entries; how many were not yet erased. */
  erase(from: number, to: number, options?: CallOptions): Promise<number> {
    return this.#write((abort) => this.#native.erase(from, to, abort), options);
  }

  /** Takes the log away; whether it was there. */
  delete(options?: CallOptions): Promise<boolean> {
    return this.#write((abort) => this.#native.delete(abort), options);
  }

  /** Makes a segment of the same session that shares the first `len` entries. */
  async branch(len: number, segment: string, options?: CallOptions): Promise<Log> {
    await this.#write((abort) => this.#native.branch(len, segment, abort), options);
    return new Log(this.core, this.session, segment, this.isTrace, this.durability);
  }

  /** How many entries there are; reads none. */
  length(options?: CallOptions): Promise<number> {
    return this.#read((abort) => this.#native.len(abort), options);
  }

  /** Whether it is there. */
  exists(options?: CallOptions): Promise<boolean> {
    return this.#read((abort) => this.#native.exists(abort), options);
  }

  /** The last entries, in their order. */
  async last(most: number, options?: CallOptions): Promise<Entry[]> {
    return entriesOf(await this.#read((abort) => this.#native.last(most, abort), options));
  }

  /** The entries as they are when it begins to read them. */
  read(range: Range & CallOptions = {}): Entries {
    const { core } = this;
    return new Entries(
      core,
      () => this.#read((abort) => this.#native.reader(abort), range),
      () => this.#read((abort) => this.#native.read(range.from ?? 0, range.to, abort), range),
      range,
    );
  }

  #write<T>(start: (abort?: Abort) => Promise<T>, options?: CallOptions): Promise<T> {
    return this.core.call(start, { log: this.#order, writes: true, signal: options?.signal });
  }

  #read<T>(start: (abort?: Abort) => Promise<T>, options?: CallOptions): Promise<T> {
    return this.core.call(start, { log: this.#order, signal: options?.signal });
  }
}

/** What tells one log from others. */
export function orderOf(log: { session: string; segment: string; isTrace: boolean }): string {
  return `${log.session}/${log.segment}/${log.isTrace}`.toLowerCase();
}

/** A log as it was at one moment. */
export class LogSnapshot {
  /** @internal Made by `Snapshot.log` and `Snapshot.trace`. */
  constructor(private readonly core: Core, private readonly native: NativeReader) {}

  /** How many entries there are. */
  length(options?: CallOptions): Promise<number> {
    return this.core.call((abort) => this.native.len(abort), { signal: options?.signal });
  }

  /** The entries. */
  read(range: Range & CallOptions = {}): Entries {
    const all = (): Promise<Lines> => this.core.call(
      (abort) => this.native.read(range.from ?? 0, range.to, Number.MAX_SAFE_INTEGER, abort), { signal: range.signal },
    );
    return new Entries(this.core, () => Promise.resolve(this.native), all, range, true);
  }
}

/** Entries that are read as they are asked for: `for await (const entry of log.read())`. */
export class Entries implements AsyncIterable<Entry> {
  /** @internal */
  constructor(
    private readonly core: Core,
    private readonly open: () => Promise<NativeReader>,
    private readonly all: () => Promise<Lines>,
    private readonly range: Range & CallOptions,
    private readonly isShared = false,
  ) {}

  /** All of them. */
  async toArray(): Promise<Entry[]> {
    return entriesOf(await this.all());
  }

  /** What all of them say. */
  async values<T = unknown>(): Promise<T[]> {
    return (await this.toArray()).map((entry) => entry.as<T>());
  }

  /** Some at a time, of about a megabyte. The next ones are read while these are used. */
  async *chunks(): AsyncGenerator<Entry[], void, void> {
    const reader = await this.open();
    if (!this.isShared) {
      this.core.keep(reader);
    }
    const { to, signal } = this.range;
    const next = (from: number): Promise<Lines> => {
      const lines = this.core.call((abort) => reader.read(from, to, CHUNK_BYTES, abort), { signal });
      // Whoever stops early does not look at what was read ahead.
      lines.catch(() => undefined);
      return lines;
    };
    try {
      let ahead = next(this.range.from ?? 0);
      for (;;) {
        const lines = await ahead;
        if (lines.ends.length === 0) {
          return;
        }
        if (this.core.isClosed) {
          throw closed();
        }
        ahead = next(lines.next);
        yield entriesOf(lines);
      }
    } finally {
      if (!this.isShared) {
        this.core.letGo(reader);
      }
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Entry, void, void> {
    for await (const chunk of this.chunks()) {
      yield* chunk;
    }
  }
}
