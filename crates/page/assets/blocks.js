// Data in the page: blocks that are unpacked when they are looked at.

// The list stands before the script, the sessions behind it: one may be chosen before it has been read.
// The text of a block is whole once something follows it.
async function textOfBlock(id) {
  const isWhole = () => byId(id)?.nextElementSibling || document.readyState !== 'loading';
  while (!isWhole()) await new Promise((go) => setTimeout(go, 20));
  const block = byId(id);
  if (!block) throw new Error('the page ends before it');
  return block.textContent;
}

async function bytesOf(id) {
  const text = await textOfBlock(id);
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

async function unpacked(id) {
  return new Blob([await bytesOf(id)]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
}

async function json(id) {
  return JSON.parse(await new Response(await unpacked(id)).text());
}

// The lines of a block, some at a time, so that none has to hold it as one text.
async function eachLine(id, take) {
  const reader = (await unpacked(id)).pipeThrough(new TextDecoderStream()).getReader();
  let rest = [];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const lines = value.split('\n');
    if (lines.length === 1) {
      rest.push(value);
      continue;
    }
    lines[0] = rest.join('') + lines[0];
    rest = [lines.pop()];
    for (const line of lines) take(line);
  }
  const last = rest.join('');
  if (last) take(last);
}

// The segments of a session with their items. What one shares with its parent is the parent's.
async function unpackSession(number) {
  const segments = [];
  let items = [];
  await eachLine(`session-${number}`, (line) => {
    const value = JSON.parse(line);
    if (!line.startsWith('{"segment":')) {
      items.push(value);
      return;
    }
    items = begun(value.shared, segments);
    segments.push({ ...value.segment, items, shared: value.shared?.items ?? 0 });
  });
  return segments;
}

function begun(shared, segments) {
  if (!shared) return [];
  const items = segments[shared.segment].items.slice(0, shared.items);
  for (const at of shared.differ ?? []) items[at] = { ...items[at], hidden: !items[at].hidden };
  return items;
}

// The few that were looked at last.
const KEPT = 4;
const kept = new Map();

async function segmentsOf(number) {
  const segments = kept.get(number) ?? await unpackSession(number);
  kept.delete(number);
  kept.set(number, segments);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
  return segments;
}
