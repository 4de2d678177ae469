import * as native from '../native.js';
import type { Abort, ClosedInfo, MatchInfo, OpenOptions, SearchOptions, SegmentInfo, SessionInfo, SessionPageInfo, SessionQueryOptions, Stats } from '../native.js';
import { Batch } from './batch.js';
import { type CallOptions, Core, called } from './core.js';
import { toJson } from './entry.js';
import { toError } from './error.js';
import { type Changes, type Hits, changesOf, hitsOf } from './follow.js';
import { report } from './json.js';
import { type Durability, Log } from './log.js';
import type * as reports from './reports.js';
import { type Json, Snapshot } from './snapshot.js';

/** One file with all sessions. Its calls are made by threads of its own, and none blocks the event loop. */
export class Archive {
  readonly #core: Core;

  private constructor(opened: native.NativeArchive) {
    this.#core = new Core(opened);
  }

  /** Opens the archive at a path, and makes it if it is not there. */
  static async open(path: string, options: OpenOptions & CallOptions = {}): Promise<Archive> {
    const { signal, ...rest } = options;
    signal?.throwIfAborted();
    const abort = signal && new native.Abort();
    const opening = rethrow(async () => native.open(path, rest, abort));
    return new Archive(await (signal && abort ? called(opening, signal, abort, true) : opening));
  }

  /** Makes an archive without a file, for tests. */
  static async inMemory(options: OpenOptions = {}): Promise<Archive> {
    return new Archive(await rethrow(async () => native.inMemory(options)));
  }

  /** Writes what can be read of a damaged archive into a new one. */
  static async recover(damaged: string, target: string): Promise<reports.RecoverReport> {
    return report(await rethrow(async () => native.recover(damaged, target)));
  }

  /** Shrinks an archive that this program does not have open, by a fresh copy if nobody else has it open. */
  static async compactFile(path: string): Promise<reports.Compacted> {
    return report(await rethrow(async () => native.compactFile(path)));
  }

  /** @internal What other parts of the package call it by. */
  get core(): Core {
    return this.#core;
  }

  get path(): string {
    return this.#core.native.path;
  }

  /** Why the place of the file may harm it, if it may. */
  get placeWarning(): string | null {
    return this.#core.native.placeWarning();
  }

  /** The entries of a segment. It and its session are made by the first append. */
  log(session: string, segment: string, options: { durability?: Durability } = {}): Log {
    return this.#log(session, segment, false, options.durability);
  }

  /** The traces of a segment. */
  trace(session: string, segment: string, options: { durability?: Durability } = {}): Log {
    return this.#log(session, segment, true, options.durability);
  }

  /** Changes that are made as one. */
  batch(options: { durability?: Durability } = {}): Batch {
    return new Batch(this.#core, options.durability);
  }

  /** The archive as it is now. */
  async snapshot(options?: CallOptions): Promise<Snapshot> {
    const { native } = this.#core;
    const taken = await this.#core.call((abort) => native.snapshot(abort), { signal: options?.signal });
    return new Snapshot(this.#core, taken);
  }

  session(id: string, options?: CallOptions): Promise<SessionInfo | null> {
    return this.#read((native, abort) => native.session(id, abort), options);
  }

  segment(session: string, segment: string, options?: CallOptions): Promise<SegmentInfo | null> {
    return this.#read((native, abort) => native.segment(session, segment, abort), options);
  }

  segments(session: string, options?: CallOptions): Promise<SegmentInfo[]> {
    return this.#now((now) => now.segments(session, options), options);
  }

  /** A page of the sessions by their last use, the latest first. */
  querySessions(query?: SessionQueryOptions, options?: CallOptions): Promise<SessionPageInfo> {
    return this.#now((now) => now.querySessions(query, options), options);
  }

  /** All of them as they are now, read a page at a time. */
  async *sessions(query?: SessionQueryOptions, options?: CallOptions): AsyncGenerator<SessionInfo, void, void> {
    const now = await this.snapshot(options);
    try {
      yield* now.sessions(query, options);
    } finally {
      now.close();
    }
  }

  sessionOf(segment: string, options?: CallOptions): Promise<string | null> {
    return this.#now((now) => now.sessionOf(segment, options), options);
  }

  matching(prefix: string, options?: CallOptions): Promise<MatchInfo[]> {
    return this.#now((now) => now.matching(prefix, options), options);
  }

  metadata(session: string, options?: CallOptions): Promise<Record<string, Json> | null> {
    return this.#now((now) => now.metadata(session, options), options);
  }

  setMetadata(session: string, metadata: object, options?: CallOptions): Promise<void> {
    return this.#write((native, abort) => native.setMetadata(session, toJson(metadata), abort), options);
  }

  /** Reads metadata, has it changed, and writes it if it is still what was read; else once more. */
  async updateMetadata(
    session: string, change: (metadata: Record<string, Json>) => Record<string, Json>, options?: CallOptions,
  ): Promise<Record<string, Json>> {
    for (;;) {
      const before = (await this.metadata(session, options)) ?? {};
      const expected = toJson(before);
      const after = change(structuredClone(before));
      const json = toJson(after);
      if (await this.#write((native, abort) => native.replaceMetadata(session, expected, json, abort), options)) {
        return after;
      }
    }
  }

  names(options?: CallOptions): Promise<string[]> {
    return this.#now((now) => now.names(options), options);
  }

  readName<T = Json>(name: string, options?: CallOptions): Promise<T | null> {
    return this.#now((now) => now.readName<T>(name, options), options);
  }

  writeName(name: string, record: unknown, options?: CallOptions): Promise<void> {
    return this.#write((native, abort) => native.writeName(name, toJson(record), abort), options);
  }

  /** Reads the record of a name, has it changed, and writes it if it is still what was read; else once more. */
  async updateName<T = Json>(name: string, change: (record: T | null) => T, options?: CallOptions): Promise<T> {
    for (;;) {
      const before = await this.readName<T>(name, options);
      const expected = before === null ? null : toJson(before);
      const after = change(structuredClone(before));
      const json = toJson(after);
      if (await this.#write((native, abort) => native.replaceName(name, expected, json, abort), options)) {
        return after;
      }
    }
  }

  deleteName(name: string, options?: CallOptions): Promise<boolean> {
    return this.#write((native, abort) => native.deleteName(name, abort), options);
  }

  notes(prefix: string, options?: CallOptions): Promise<string[]> {
    return this.#now((now) => now.notes(prefix, options), options);
  }

  readNote<T = Json>(key: string, options?: CallOptions): Promise<T | null> {
    return this.#now((now) => now.readNote<T>(key, options), options);
  }

  writeNote(key: string, note: unknown, options?: CallOptions): Promise<void> {
    return this.#write((native, abort) => native.writeNote(key, toJson(note), abort), options);
  }

  deleteNote(key: string, options?: CallOptions): Promise<boolean> {
    return this.#write((native, abort) => native.deleteNote(key, abort), options);
  }

  /** Deletes a session; whether it was there. */
  deleteSession(id: string, options?: CallOptions): Promise<boolean> {
    return this.#write((native, abort) => native.withSession('delete', id, abort), options);
  }

  /** Deletes a session, and has imports leave it out from now on. */
  forgetSession(id: string, options?: CallOptions): Promise<boolean> {
    return this.#write((native, abort) => native.withSession('forget', id, abort), options);
  }

  /** Has imports bring a forgotten session in again. */
  async allowAgain(id: string, options?: CallOptions): Promise<void> {
    await this.#write((native, abort) => native.withSession('allowAgain', id, abort), options);
  }

  trashSession(id: string, options?: CallOptions): Promise<boolean> {
    return this.#write((native, abort) => native.withSession('trash', id, abort), options);
  }

  restoreSession(id: string, options?: CallOptions): Promise<boolean> {
    return this.#write((native, abort) => native.withSession('restore', id, abort), options);
  }

  hideSession(id: string, options?: CallOptions): Promise<boolean> {
    return this.#write((native, abort) => native.withSession('hide', id, abort), options);
  }

  unhideSession(id: string, options?: CallOptions): Promise<boolean> {
    return this.#write((native, abort) => native.withSession('unhide', id, abort), options);
  }

  deleteSegment(session: string, segment: string, options?: CallOptions): Promise<boolean> {
    return this.#write((native, abort) => native.deleteSegment(session, segment, false, abort), options);
  }

  forgetSegment(session: string, segment: string, options?: CallOptions): Promise<boolean> {
    return this.#write((native, abort) => native.deleteSegment(session, segment, true, abort), options);
  }

  /** The sums of the archive. */
  stats(options?: CallOptions): Promise<Stats> {
    return this.#read((native, abort) => native.stats(abort), options);
  }

  /** The number of the last change. */
  version(options?: CallOptions): Promise<number> {
    return this.#read((native, abort) => native.version(abort), options);
  }

  /** Waits until all that was `written` is on the disk. */
  sync(options?: CallOptions): Promise<void> {
    return this.#write((native, abort) => native.sync(abort), options);
  }

  /** Moves the journal into the tables. */
  checkpoint(options?: CallOptions): Promise<void> {
    return this.#write((native, abort) => native.checkpoint(abort), options);
  }

  /** Follows what is changed from now on. Begin to follow, then read what there is. */
  async changes(options?: CallOptions): Promise<Changes> {
    const following = await this.#read((native, abort) => native.changes(abort), options);
    return changesOf(this.#core, following, options);
  }

  /** Searches what was said in all sessions, the newest first. */
  async search(text: string, options: SearchOptions & CallOptions = {}): Promise<Hits> {
    const { signal, ...rest } = options;
    const search = await this.#read((native, abort) => native.search(text, rest, abort), { signal });
    return hitsOf(this.#core, search, { signal });
  }

  /** What a list shows of a session: title, agent, models, tokens. `null` if no agent is known. */
  summary(session: string, options?: CallOptions): Promise<Record<string, Json> | null> {
    return this.#now((now) => now.summary(session, options), options);
  }

  /** Brings the stored summaries up to date; how many were not. */
  keepSummaries(options?: CallOptions): Promise<number> {
    return this.#write((native, abort) => native.keepSummaries(abort), options);
  }

  /** Brings logs of agents in: files, and all logs below folders. What is in already is passed over. */
  async importLogs(paths: string[], options: { again?: boolean } & CallOptions = {}): Promise<reports.ImportReport> {
    return report(await this.#write((native, abort) => native.importLogs(paths, options.again ?? false, abort), options));
  }

  /** Brings in what the agents of this machine keep, or those below another home folder. */
  async syncAgents(options: { home?: string; agents?: string[]; again?: boolean } & CallOptions = {}): Promise<reports.SyncReport> {
    const { home, agents, again = false } = options;
    return report(await this.#write((native, abort) => native.syncAgents(home, agents, again, abort), options));
  }

  /** Writes sessions as the files that their agents would have written. */
  async exportLogs(
    folder: string, options: { sessions?: string[]; force?: boolean; trashed?: boolean } & CallOptions = {},
  ): Promise<reports.ExportReport> {
    const { sessions, force = false, trashed = false } = options;
    return report(await this.#write((native, abort) => native.exportLogs(folder, sessions, force, trashed, abort), options));
  }

  /** Writes a session where its agent looks for it. */
  async resume(
    session: string, options: { segment?: string; home?: string; force?: boolean } & CallOptions = {},
  ): Promise<reports.Resumed> {
    const { segment, home, force = false } = options;
    return report(await this.#write((native, abort) => native.resume(session, segment, home, force, abort), options));
  }

  /** Reads and verifies all that there is. */
  async check(options?: CallOptions): Promise<reports.CheckReport> {
    return report(await this.#read((native, abort) => native.check(abort), options));
  }

  /** Writes a copy of this moment into a new file, of all sessions or of some. */
  async backup(path: string, options: { sessions?: string[] } & CallOptions = {}): Promise<reports.CopyReport> {
    return report(await this.#write((native, abort) => native.backup(path, options.sessions, abort), options));
  }

  /** Brings the sessions of another archive in. */
  async merge(
    path: string, options: { onConflict?: 'branch' | 'skip'; again?: boolean; dryRun?: boolean } & CallOptions = {},
  ): Promise<reports.MergeReport> {
    const { onConflict, again = false, dryRun = false } = options;
    return report(await this.#write((native, abort) => native.merge(path, onConflict, again, dryRun, abort), options));
  }

  /** Gives the space of what was deleted back to the disk, in place, as the archive is open. `compactFile` does more. */
  async compact(): Promise<reports.Compacted> {
    return report(await this.#write((native) => native.compact()));
  }

  /** Makes all calls that came before, ends what came from the archive, and closes it. Calls that come later fail.
   * `null` if it was closed already. */
  async close(): Promise<ClosedInfo | null> {
    await this.#core.finish();
    return rethrow(() => this.#core.native.close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #log(session: string, segment: string, isTrace: boolean, durability: Durability | undefined): Log {
    try {
      return new Log(this.#core, session, segment, isTrace, durability);
    } catch (error) {
      throw toError(error);
    }
  }

  #read<T>(start: (native: native.NativeArchive, abort?: Abort) => Promise<T>, options?: CallOptions): Promise<T> {
    const { native } = this.#core;
    return this.#core.call((abort) => start(native, abort), { signal: options?.signal });
  }

  #write<T>(start: (native: native.NativeArchive, abort?: Abort) => Promise<T>, options?: CallOptions): Promise<T> {
    const { native } = this.#core;
    return this.#core.call((abort) => start(native, abort), { signal: options?.signal, writes: true });
  }

  async #now<T>(ask: (now: Snapshot) => Promise<T>, options?: CallOptions): Promise<T> {
    const now = await this.snapshot(options);
    try {
      return await ask(now);
    } finally {
      now.close();
    }
  }
}

async function rethrow<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toError(error);
  }
}
