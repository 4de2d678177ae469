// A child that appends numbers, by a log or by the session store, and says which are acknowledged.
import { writeSync } from 'node:fs';
import { Archive } from 'sessiondb';
import { ClaudeSessionStore } from 'sessiondb/claude';

const [how, path, name, count] = process.argv.slice(2) as [string, string, string, string];

const sdk = how === 'store' ? import('@anthropic-ai/claude-agent-sdk') : undefined;

/** Says a line at once: what is buffered would die with the process. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}

async function byLog(archive: Archive, durability: 'synced' | 'written'): Promise<void> {
  const [session, segment] = name.split('/') as [string, string];
  const log = archive.log(session, segment, { durability });
  let next = await log.length();
  const all: Array<Promise<unknown>> = [];
  for (let left = Number(count); left > 0; left--, next++) {
    const n = next;
    all.push(log.append({ n }).then(() => say(String(n))));
    if (all.length >= 8) {
      await all.shift();
    }
  }
  await Promise.all(all);
}

async function byStore(archive: Archive): Promise<void> {
  // Loaded before it says that it is ready: it takes longer than most of the children live.
  const { foldSessionSummary } = (await sdk) ?? {};
  const store = new ClaudeSessionStore(archive, foldSessionSummary && { foldSessionSummary });
  const key = { projectKey: 'kills', sessionId: 'one' };
  for (let n = 0; n < Number(count); n++) {
    // The first one may be there already: whoever does not know whether it was acknowledged says it again.
    const entry = { type: 'user', uuid: `${name}-${n}`, timestamp: new Date(1.7e12 + n).toISOString() };
    await store.append(key, [entry]);
    await store.append({ ...key, subpath: 'subagents/agent-1' }, [entry]);
    await store.append(key, [entry]);
    say(String(n));
  }
}

async function run(): Promise<void> {
  const archive = await Archive.open(path);
  await sdk;
  say('ready');
  await (how === 'store' ? byStore(archive) : byLog(archive, how as 'synced' | 'written'));
  await archive.close();
}

run().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
