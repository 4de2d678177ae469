import type { Lines } from '../native.js';
import { SessiondbError } from './error.js';

/** What an entry can be made of. A string or bytes are JSON already and are stored as they are; anything else is
 * turned into JSON. A string as a JSON value is `JSON.stringify(text)`. */
export type EntryInput = string | Uint8Array | Entry | object | number | boolean | null;

/** One entry, decoded when it is asked for. */
export class Entry {
  readonly #data: Buffer;
  readonly #start: number;
  readonly #end: number;
  #value: { json: unknown } | undefined;

  constructor(
    /** Its number in the log, counted from 0. */
    readonly index: number,
    data: Buffer,
    start: number,
    end: number,
  ) {
    this.#data = data;
    this.#start = start;
    this.#end = end;
  }

  /** The JSON as it was given, byte for byte. It shares memory with its neighbours: copy what is kept for long. */
  get bytes(): Buffer {
    return this.#data.subarray(this.#start, this.#end);
  }

  /** The JSON as it was given. */
  get text(): string {
    return this.#data.toString('utf8', this.#start, this.#end);
  }

  /** What the JSON says; parsed once. */
  get value(): unknown {
    this.#value ??= { json: JSON.parse(this.text) };
    return this.#value.json;
  }

  /** The same, of a type that the caller knows. */
  as<T>(): T {
    return this.value as T;
  }

  toJSON(): unknown {
    return this.value;
  }

  toString(): string {
    return this.text;
  }
}

/** Entries as the addon gives them. */
export function entriesOf(lines: Lines): Entry[] {
  const { data, ends, first } = lines;
  const entries = new Array<Entry>(ends.length);
  let start = 0;
  for (let i = 0; i < ends.length; i++) {
    const end = ends[i] ?? 0;
    entries[i] = new Entry(first + i, data, start, end);
    start = end;
  }
  return entries;
}

/** An entry as the addon takes it. */
export function toGiven(entry: EntryInput): string | Buffer {
  if (typeof entry === 'string') {
    return wellFormed(entry);
  }
  if (entry instanceof Uint8Array) {
    return Buffer.isBuffer(entry) ? entry : Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength);
  }
  if (entry instanceof Entry) {
    return entry.bytes;
  }
  return toJson(entry);
}

/** JSON text of a value. */
export function toJson(value: unknown): string {
  const json: unknown = JSON.stringify(value);
  if (typeof json !== 'string') {
    throw new SessiondbError('INVALID', `${typeof value} cannot be an entry: it has no JSON; give an object, text or bytes`);
  }
  return json;
}

function wellFormed(text: string): string {
  if (!text.isWellFormed()) {
    throw new SessiondbError(
      'INVALID', 'the text has half a surrogate pair, which UTF-8 cannot hold; write it as an escape, as JSON.stringify does',
    );
  }
  return text;
}
