import type { Step } from '../native.js';
import type { CallOptions, Core } from './core.js';
import { type EntryInput, toGiven, toJson } from './entry.js';
import { type Durability, type Log, orderOf } from './log.js';

/** Changes that are made as one, if all conditions hold, or not at all. Nothing is done before `commit`. */
export class Batch {
  readonly #steps: Step[] = [];
  readonly #logs = new Set<string>();

  /** @internal Made by `Archive.batch`. */
  constructor(private readonly core: Core, private readonly durability: Durability | undefined) {}

  append(log: Log, ...entries: EntryInput[]): this {
    return this.#ofLog('append', log, { entries: entries.map(toGiven) });
  }

  /** Appends if the log has this length. */
  appendAt(log: Log, expectedLen: number, entries: Iterable<EntryInput>): this {
    return this.#ofLog('appendAt', log, { from: expectedLen, entries: Array.from(entries, toGiven) });
  }

  replace(log: Log, entries: Iterable<EntryInput>): this {
    return this.#ofLog('replace', log, { entries: Array.from(entries, toGiven) });
  }

  truncate(log: Log, len: number): this {
    return this.#ofLog('truncate', log, { from: len });
  }

  erase(log: Log, from: number, to: number): this {
    return this.#ofLog('erase', log, { from, to });
  }

  delete(log: Log): this {
    return this.#ofLog('delete', log, {});
  }

  branch(log: Log, len: number, segment: string): this {
    this.#logs.add(orderOf({ session: log.session, segment, isTrace: log.isTrace }));
    return this.#ofLog('branch', log, { from: len, target: segment });
  }

  deleteSegment(session: string, segment: string): this {
    this.#logs.add(orderOf({ session, segment, isTrace: false }));
    return this.#put({ verb: 'deleteSegment', session, segment });
  }

  deleteSession(session: string): this {
    return this.#put({ verb: 'deleteSession', session });
  }

  /** The log has to have this length; another one is an error `CONFLICT`. */
  expectLen(log: Log, len: number): this {
    return this.#ofLog('expectLen', log, { from: len });
  }

  expectAbsent(log: Log): this {
    return this.#ofLog('expectAbsent', log, {});
  }

  expectPresent(log: Log): this {
    return this.#ofLog('expectPresent', log, {});
  }

  /** The session has to have no other segment. */
  expectOnlySegment(log: Log): this {
    return this.#ofLog('expectOnlySegment', log, {});
  }

  expectSessionAbsent(session: string): this {
    return this.#put({ verb: 'expectSessionAbsent', session });
  }

  expectSessionPresent(session: string): this {
    return this.#put({ verb: 'expectSessionPresent', session });
  }

  setMetadata(session: string, metadata: object): this {
    return this.#put({ verb: 'setMetadata', session, json: toJson(metadata) });
  }

  writeName(name: string, record: unknown): this {
    return this.#put({ verb: 'writeName', key: name, json: toJson(record) });
  }

  deleteName(name: string): this {
    return this.#put({ verb: 'deleteName', key: name });
  }

  writeNote(key: string, note: unknown): this {
    return this.#put({ verb: 'writeNote', key, json: toJson(note) });
  }

  deleteNote(key: string): this {
    return this.#put({ verb: 'deleteNote', key });
  }

  /** Makes the changes, after what was called before on the logs that are concerned. */
  commit(options?: CallOptions): Promise<void> {
    const { native } = this.core;
    // What is added from here on is of another commit.
    const steps = [...this.#steps];
    return this.core.call((abort) => native.commit(steps, this.durability, abort), {
      logs: [...this.#logs], writes: true, signal: options?.signal,
    });
  }

  #ofLog(verb: string, log: Log, fields: Omit<Step, 'verb' | 'session' | 'segment' | 'trace'>): this {
    this.#logs.add(orderOf(log));
    return this.#put({ verb, session: log.session, segment: log.segment, trace: log.isTrace, ...fields });
  }

  #put(step: Step): this {
    this.#steps.push(step);
    return this;
  }
}
