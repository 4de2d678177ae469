// A search of what was said and done in all listed sessions: they are unpacked one by one.

const search = { run: 0, shown: false, hits: [], needle: '', looked: 0, of: 0, isRunning: false };
const MOST_OF_A_SESSION = 5;
const MOST_HITS = 1000;

async function startSearch() {
  const needle = byId('words').value.trim().toLowerCase();
  if (!needle) {
    byId('words').focus();
    return;
  }
  // The text is looked for inside; the other filters say where.
  const words = byId('words').value;
  byId('words').value = '';
  const sessions = filter(list.all);
  byId('words').value = words;
  const run = ++search.run;
  Object.assign(search, { shown: true, hits: [], needle, looked: 0, of: sessions.length, isRunning: true });
  reader.run += 1;
  reader.session = null;
  setPlace({});
  showHits();
  let total = 0;
  for (const session of sessions) {
    const found = await hitsIn(session, needle);
    if (run !== search.run) return;
    search.looked += 1;
    if (found.number) {
      search.hits.push(found);
      total += found.number;
      if (search.shown && !reader.session) byId('hits')?.append(hitNode(found));
    }
    tellProgress();
    if (total >= MOST_HITS) break;
    // The page stays alive meanwhile.
    await new Promise((go) => setTimeout(go));
    if (run !== search.run) return;
  }
  search.isRunning = false;
  tellProgress();
}

function stopSearch() {
  search.run += 1;
  search.isRunning = false;
  tellProgress();
}

async function hitsIn(session, needle) {
  const found = { session, places: [], number: 0 };
  let segments;
  try {
    segments = await unpackSession(session.number);
  } catch {
    return found;
  }
  for (const segment of segments) {
    for (let at = segment.shared; at < segment.items.length; at += 1) {
      const text = searchText(segment.items[at]);
      const place = text.toLowerCase().indexOf(needle);
      if (place < 0) continue;
      found.number += 1;
      if (found.places.length < MOST_OF_A_SESSION) {
        found.places.push({ segment: segment.id, item: at, kind: segment.items[at].kind, around: around(text, place, needle.length) });
      }
    }
  }
  return found;
}

function around(text, at, length) {
  const line = (part) => part.replace(/\s+/g, ' ');
  const from = Math.max(0, at - 60);
  return [
    (from > 0 ? '…' : '') + line(text.slice(from, at)),
    line(text.slice(at, at + length)),
    line(text.slice(at + length, at + length + 100)) + (text.length > at + length + 100 ? '…' : ''),
  ];
}

function showHits() {
  list.current = null;
  document.body.classList.add('reading');
  document.title = list.title;
  markSelected();
  byId('view').replaceChildren(node('section', { class: 'hits' },
    node('h2', null, 'Search: ', node('bdi', null, clip(search.needle, 80))),
    node('p', { id: 'progress', role: 'status' }),
    node('div', { id: 'hits' }, search.hits.map(hitNode))));
  tellProgress();
}

function tellProgress() {
  const line = byId('progress');
  if (!line) return;
  const number = search.hits.reduce((sum, hit) => sum + hit.number, 0);
  line.replaceChildren();
  append(line, [
    `${count(number, 'place')} in ${count(search.hits.length, 'session')}; looked through ${search.looked.toLocaleString('en')} of ${search.of.toLocaleString('en')}`,
    search.isRunning && node('progress', { max: search.of, value: search.looked }),
    search.isRunning ? node('button', { type: 'button', click: stopSearch }, 'Stop')
      : node('button', { type: 'button', click: leaveSearch }, 'Close'),
  ]);
}

function leaveSearch() {
  search.run += 1;
  search.shown = false;
  search.isRunning = false;
  showOverview();
}

const WORDS = {
  tool_call: 'tool', tool_result: 'result', compaction: 'compaction', raw: 'entry',
};

function hitNode({ session, places, number }) {
  return node('div', { class: 'hit' },
    node('h3', { dir: 'auto' }, clip(session.title, 120)),
    node('p', { class: 'facts' }, session.agent && node('span', { class: 'agent' }, session.agent), ' ', ago(session.at)),
    places.map(({ segment, item, kind, around: [before, found, after] }) => node('button', {
      type: 'button', class: 'place', dir: 'auto',
      click: () => openSession(session, { segment, item, needle: search.needle }),
    }, node('span', { class: 'kind' }, WORDS[kind] ?? kind), ' ', before, node('mark', null, found), after)),
    number > places.length && node('p', { class: 'facts' }, `and ${number - places.length} more there`));
}
