// A session: what is known of it, its tree, what it used, and its transcript.

const reader = { session: null, segment: null, parts: [], drawn: null, at: -1, withHidden: false, needle: '', run: 0 };

async function openSession(session, place = {}) {
  const run = ++reader.run;
  list.current = session;
  document.body.classList.add('reading');
  document.title = `${clip(shown(session.title), 80)} · ${list.title}`;
  setPlace({ session: session.id });
  markSelected();
  const view = byId('view');
  view.replaceChildren(node('p', { class: 'hint' }, 'Unpacking …'));
  let segments;
  try {
    segments = await segmentsOf(session.number);
  } catch (error) {
    view.replaceChildren(node('p', { class: 'problem' }, `This session cannot be unpacked: ${error.message}`));
    return;
  }
  if (run !== reader.run) return;
  const main = segments.find((segment) => segment.is_main) ?? segments[0];
  Object.assign(reader, { session, segments, withHidden: false, needle: place.needle ?? '' });
  showSegment(segments.find((segment) => segment.id === place.segment) ?? main, place.item);
}

function closeSession() {
  reader.run += 1;
  reader.drawn?.stop();
  reader.session = null;
  setPlace({});
  if (search.shown) showHits();
  else showOverview();
  select(list.selected);
}

function showSegment(segment, item) {
  const view = byId('view');
  reader.drawn?.stop();
  reader.segment = segment;
  reader.at = -1;
  view.replaceChildren(headOf(reader.session));
  if (reader.segments.length > 1) {
    view.append(node('details', { class: 'forks', open: true },
      node('summary', null, count(reader.segments.length, 'segment')),
      node('div', { class: 'scroll' }, forkTree(reader.segments, segment, (other) => showSegment(other)))));
  }
  const transcript = node('section', { class: 'transcript', 'aria-label': 'Transcript' });
  view.append(toolbar(), transcript);
  if (segment?.unreadable) transcript.append(node('p', { class: 'problem' }, `This segment cannot be read: ${segment.unreadable}`));
  reader.parts = partsOf(segment?.items ?? [], reader.withHidden);
  reader.drawn = drawn(transcript, reader.parts, partNode, view);
  if (!reader.parts.length && !segment?.unreadable) {
    transcript.append(node('p', { class: 'hint' }, segment?.items.length ? 'All of it is hidden.' : 'Nothing was said here.'));
  }
  view.scrollTop = 0;
  if (item !== undefined) goToItem(item);
  else view.focus({ preventScroll: true });
}

function headOf(session) {
  const { summary } = session;
  const tokens = summary.tokens ?? {};
  const facts = [
    ['Agent', [session.agent, textOf(summary.agent_version)].filter(Boolean).join(' ')],
    ['Models', session.models.join(', ')],
    ['Folder', session.folder],
    ['Branch', textOf(summary.git_branch)],
    ['Active', span(summary.started_ms, session.at)],
    ['Holds', [count(summary.turns, 'turn'), count(summary.tool_calls, 'call', 'calls'), count(summary.entries, 'entry', 'entries'), size(summary.entry_bytes)].join(', ')],
    ['Tokens', summary.tokens ? `${short(tokens.input)} input, ${short(tokens.cached)} cached, ${short(tokens.output)} output` : ''],
    ['Cost', numberOf(summary.cost_usd) ? `$${summary.cost_usd.toFixed(2)}` : ''],
    ['From', textOf(summary.source_path)],
    ['Id', session.id],
  ];
  const chart = usageChart(session.usage);
  return node('header', { class: 'session-head' },
    node('h2', { dir: 'auto' }, clip(session.title, 300)),
    node('dl', { class: 'facts' }, facts.filter(([, value]) => value)
      .map(([word, value]) => node('div', null, node('dt', null, word), node('dd', null, node('bdi', null, clip(value, 400)))))),
    chart && node('details', { class: 'usage' }, node('summary', null, 'Usage'), chart));
}

function toolbar() {
  const hidden = reader.segment?.items.filter((item) => item.hidden).length ?? 0;
  const unfold = (isOpen) => {
    reader.drawn.all();
    for (const details of document.querySelectorAll('.transcript details')) details.open = isOpen;
  };
  return node('div', { class: 'tools' },
    node('button', { type: 'button', click: () => unfold(true) }, 'Unfold all'),
    node('button', { type: 'button', click: () => unfold(false) }, 'Fold all'),
    hidden > 0 && node('button', {
      type: 'button', 'aria-pressed': String(reader.withHidden),
      click: () => {
        reader.withHidden = !reader.withHidden;
        showSegment(reader.segment);
      },
    }, `Hidden parts (${hidden.toLocaleString('en')})`));
}

function partElement(at) {
  return document.querySelector(`.transcript [data-part="${at}"]`);
}

function goTo(at, block = 'nearest') {
  if (!reader.parts.length) return undefined;
  reader.at = Math.max(0, Math.min(at, reader.parts.length - 1));
  reader.drawn.upTo(reader.at + CHUNK);
  for (const element of document.querySelectorAll('.part.at')) element.classList.remove('at');
  const element = partElement(reader.at);
  element.classList.add('at');
  element.focus({ preventScroll: true });
  element.scrollIntoView({ block });
  return element;
}

// Where the reading is: the part that was gone to, or the first that is in view.
function whereabouts() {
  const top = byId('view').getBoundingClientRect().top;
  if (reader.at >= 0) {
    const box = partElement(reader.at)?.getBoundingClientRect();
    if (box && box.bottom > top && box.top < innerHeight) return reader.at;
  }
  const parts = [...document.querySelectorAll('.transcript .part')];
  const first = parts.findIndex((part) => part.getBoundingClientRect().bottom > top + 4);
  return first < 0 ? -1 : first - 1;
}

function goToPrompt(step) {
  let at = whereabouts() + step;
  while (at >= 0 && at < reader.parts.length && reader.parts[at].item.kind !== 'prompt') at += step;
  if (at >= 0 && at < reader.parts.length) goTo(at, 'start');
}

function toggleAt() {
  const details = partElement(reader.at)?.querySelector('details');
  if (details) details.open = !details.open;
}

// Goes to the part that holds an item, shows it even if it is hidden, and marks what was looked for.
function goToItem(number) {
  const find = () => reader.parts.findIndex((part) => part.numbers.includes(number));
  let at = find();
  if (at < 0 && !reader.withHidden && reader.segment?.items[number]) {
    reader.withHidden = true;
    showSegment(reader.segment);
    at = find();
  }
  if (at < 0) return;
  const element = goTo(at, 'center');
  if (!reader.needle) return;
  for (const details of element.querySelectorAll('details')) {
    details.unfold();
    details.open = true;
  }
  markIn(element, reader.needle);
  element.querySelector('mark')?.scrollIntoView({ block: 'center' });
}

const MOST_MARKS = 200;

function markIn(element, needle) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  let marks = 0;
  for (let text of texts) {
    for (;;) {
      const at = text.data.toLowerCase().indexOf(needle);
      if (at < 0 || marks >= MOST_MARKS || at + needle.length > text.length) break;
      const found = text.splitText(at);
      text = found.splitText(needle.length);
      const mark = node('mark');
      found.replaceWith(mark);
      mark.append(found);
      marks += 1;
    }
  }
}
