import type {
  SessionKey, SessionStore, SessionStoreEntry, SessionSummaryEntry,
} from '@anthropic-ai/claude-agent-sdk' with { 'resolution-mode': 'import' };
import type { NativeClaude } from '../native.js';
import type { Archive } from './archive.js';
import type { Core } from './core.js';
import { entriesOf } from './entry.js';
import { SessiondbError } from './error.js';

const PART = { writes: true, isPart: true };

type Fold = (prev: SessionSummaryEntry | undefined, key: SessionKey, entries: SessionStoreEntry[]) => SessionSummaryEntry;

let sdk: Promise<Fold> | undefined;

/** The SDK's own function, loaded when it is needed first. */
function foldOfSdk(): Promise<Fold> {
  sdk ??= import('@anthropic-ai/claude-agent-sdk').then((module) => module.foldSessionSummary);
  return sdk;
}

/** A session store of the Claude Agent SDK on an archive: `query({ options: { sessionStore } })`.
 *
 * Appends with the same key are made in the order in which they were called. An entry whose `uuid` the log has
 * already is passed over. Several stores and processes may use one archive. */
export class ClaudeSessionStore implements SessionStore {
  readonly #core: Core;
  readonly #native: NativeClaude;
  readonly #last = new Map<string, Promise<void>>();
  readonly #fold: Fold | undefined;

  constructor(archive: Archive, options: { foldSessionSummary?: Fold } = {}) {
    this.#core = archive.core;
    this.#native = this.#core.keep(this.#core.native.claude());
    this.#fold = options.foldSessionSummary;
  }

  append(key: SessionKey, entries: SessionStoreEntry[]): Promise<void> {
    // What the caller does with the entries later is no part of them.
    const texts = entries.map((entry) => JSON.stringify(entry));
    return this.#core.work(() => this.#inOrder(key, texts));
  }

  #inOrder(key: SessionKey, texts: string[]): Promise<void> {
    const name = JSON.stringify([key.projectKey, key.sessionId, key.subpath]);
    const before = this.#last.get(name) ?? Promise.resolve();
    const made = before.then(() => this.#append({ ...key }, texts));
    const end = made.then(() => undefined, () => undefined);
    this.#last.set(name, end);
    void end.then(() => {
      if (this.#last.get(name) === end) {
        this.#last.delete(name);
      }
    });
    return made;
  }

  async load(key: SessionKey): Promise<SessionStoreEntry[] | null> {
    const lines = await this.#core.call(() => this.#native.load(key));
    return lines && entriesOf(lines).map((entry) => entry.as<SessionStoreEntry>());
  }

  async listSessions(projectKey: string): Promise<Array<{ sessionId: string; mtime: number }>> {
    const listed = await this.#core.call(() => this.#native.listSessions(projectKey));
    return listed.map(({ sessionId, mtime }) => ({ sessionId, mtime }));
  }

  async listSessionSummaries(projectKey: string): Promise<SessionSummaryEntry[]> {
    const listed = await this.#core.call(() => this.#native.listSummaries(projectKey));
    return listed.map(({ sessionId, mtime, data }) => ({
      sessionId, mtime, data: JSON.parse(data ?? '{}') as Record<string, unknown>,
    }));
  }

  async delete(key: SessionKey): Promise<void> {
    await this.#core.call(() => this.#native.delete(key), { writes: true });
  }

  listSubkeys(key: { projectKey: string; sessionId: string }): Promise<string[]> {
    return this.#core.call(() => this.#native.listSubkeys(key.projectKey, key.sessionId));
  }

  async #append(key: SessionKey, texts: string[]): Promise<void> {
    if (texts.length === 0) {
      return;
    }
    if (key.subpath !== undefined) {
      await this.#core.call(() => this.#native.append(key, texts), PART);
      return;
    }
    const fold = this.#fold ?? await foldOfSdk();
    for (;;) {
      const append = await this.#core.call(() => this.#native.begin(key, texts), PART);
      if (append.newEntries.length === 0) {
        return;
      }
      const parse = (text: string | undefined): SessionStoreEntry => {
        if (text === undefined) {
          throw new SessiondbError('INVALID', 'an entry that is none of those that were given is said to be new');
        }
        return JSON.parse(text) as SessionStoreEntry;
      };
      const added = append.newEntries.map((index) => parse(texts[index]));
      const prev = append.data === null ? undefined : {
        sessionId: key.sessionId, mtime: 0, data: JSON.parse(append.data) as Record<string, unknown>,
      };
      const summary = fold(prev, key, [...append.unfolded.map(parse), ...added]);
      const data = JSON.stringify(summary.data);
      if (await this.#core.call(() => this.#native.commit(append, data), PART)) {
        return;
      }
    }
  }
}
