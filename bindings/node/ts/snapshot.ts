import type { Abort, MatchInfo, NativeSnapshot, SegmentInfo, SessionInfo, SessionPageInfo, SessionQueryOptions } from '../native.js';
import type { CallOptions, Core } from './core.js';
import { parse } from './json.js';
import { LogSnapshot } from './log.js';

/** A note or a record: what was written as JSON. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The archive as it was at one moment. Close it, or what is deleted meanwhile keeps its space. */
export class Snapshot {
  /** @internal Made by `Archive.snapshot`. */
  constructor(private readonly core: Core, private readonly native: NativeSnapshot) {
    core.keep(native);
  }

  log(session: string, segment: string): LogSnapshot {
    return new LogSnapshot(this.core, this.core.keep(this.native.log(session, segment, false)));
  }

  trace(session: string, segment: string): LogSnapshot {
    return new LogSnapshot(this.core, this.core.keep(this.native.log(session, segment, true)));
  }

  session(id: string, options?: CallOptions): Promise<SessionInfo | null> {
    return this.#ask((abort) => this.native.session(id, abort), options);
  }

  segment(session: string, segment: string, options?: CallOptions): Promise<SegmentInfo | null> {
    return this.#ask((abort) => this.native.segment(session, segment, abort), options);
  }

  segments(session: string, options?: CallOptions): Promise<SegmentInfo[]> {
    return this.#ask((abort) => this.native.segments(session, abort), options);
  }

  /** The session that a segment is of. */
  sessionOf(segment: string, options?: CallOptions): Promise<string | null> {
    return this.#ask((abort) => this.native.sessionOf(segment, abort), options);
  }

  /** A page of the sessions by their last use, the latest first. */
  querySessions(query: SessionQueryOptions = {}, options?: CallOptions): Promise<SessionPageInfo> {
    return this.#ask((abort) => this.native.querySessions(query, abort), options);
  }

  /** All of them, read a page at a time. */
  async *sessions(query: SessionQueryOptions = {}, options?: CallOptions): AsyncGenerator<SessionInfo, void, void> {
    let left = query.limit ?? Infinity;
    let after = query.after;
    do {
      const page = await this.querySessions({ ...query, limit: Math.min(left, 500), ...(after && { after }) }, options);
      yield* page.sessions;
      left -= page.sessions.length;
      after = page.next;
    } while (after && left > 0);
  }

  /** The sessions and segments whose ids begin so. */
  matching(prefix: string, options?: CallOptions): Promise<MatchInfo[]> {
    return this.#ask((abort) => this.native.matching(prefix, abort), options);
  }

  async metadata(session: string, options?: CallOptions): Promise<Record<string, Json> | null> {
    return parsed(await this.#ask((abort) => this.native.metadata(session, abort), options));
  }

  names(options?: CallOptions): Promise<string[]> {
    return this.#ask((abort) => this.native.names(abort), options);
  }

  async readName<T = Json>(name: string, options?: CallOptions): Promise<T | null> {
    return parsed(await this.#ask((abort) => this.native.readName(name, abort), options));
  }

  /** The keys of the notes that begin so. */
  notes(prefix: string, options?: CallOptions): Promise<string[]> {
    return this.#ask((abort) => this.native.notes(prefix, abort), options);
  }

  async readNote<T = Json>(key: string, options?: CallOptions): Promise<T | null> {
    return parsed(await this.#ask((abort) => this.native.readNote(key, abort), options));
  }

  /** What a list shows of a session: title, agent, models, tokens. `null` if no agent is known. */
  async summary(session: string, options?: CallOptions): Promise<Record<string, Json> | null> {
    return parsed(await this.#ask((abort) => this.native.summary(session, abort), options));
  }

  close(): void {
    this.core.letGo(this.native);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #ask<T>(start: (abort?: Abort) => Promise<T>, options?: CallOptions): Promise<T> {
    return this.core.call(start, { signal: options?.signal });
  }
}

function parsed<T>(json: string | null): T | null {
  return json === null ? null : parse<T>(json);
}
