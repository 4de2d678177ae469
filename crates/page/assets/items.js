// One part of a transcript as a node. Tools are folded, and what they hold is drawn when unfolded.

const MOST_SHOWN = 20000;
const MOST_MARKDOWN = 200000;
const SHORT_THOUGHT = 400;
const RASTER = /^image\/(png|jpeg|gif|webp|bmp)$/;

// Items as parts: a call of a tool has its result with it.
function partsOf(items, withHidden) {
  const parts = [];
  const calls = new Map();
  items.forEach((item, number) => {
    if (item.hidden && !withHidden) return;
    const call = item.kind === 'tool_result' && item.call_id ? calls.get(item.call_id) : undefined;
    if (call && !call.result) {
      call.result = item;
      call.numbers.push(number);
      return;
    }
    const part = { item, numbers: [number] };
    if (item.kind === 'tool_call' && item.call_id) calls.set(item.call_id, part);
    parts.push(part);
  });
  return parts;
}

function partNode(part, at) {
  const { item } = part;
  const element = node('div', { class: `part ${item.kind}${item.hidden ? ' hidden-part' : ''}`, 'data-part': at, tabindex: '-1' });
  append(element, [...(DRAW[item.kind] ?? drawRaw)(part)]);
  return element;
}

function label(word, item, more) {
  return node('div', { class: 'who' }, node('span', { class: 'word' }, word), more && node('span', { class: 'model' }, more),
    node('time', { title: time(item.at_ms) }, clock(item.at_ms)),
    node('span', { class: 'entry', title: 'Number of the entry' }, `#${item.entry}`));
}

const DRAW = {
  prompt: ({ item }) => [label('Prompt', item), said(item.text)],
  answer: ({ item }) => [label('Answer', item, item.model), said(item.text)],
  thinking: ({ item }) => {
    if (!item.text) return [node('div', { class: 'line' }, 'Thinking, of which the log keeps no text')];
    if (item.text.length <= SHORT_THOUGHT) return [label('Thinking', item), said(item.text)];
    return [fold('thought', [node('span', { class: 'word' }, 'Thinking'), ' ', node('span', { class: 'brief' }, clip(item.text, 160))],
      () => [said(item.text)])];
  },
  tool_call: drawTool,
  tool_result: drawTool,
  image: ({ item }) => [label('Image', item), picture(item)],
  notice: ({ item }) => [node('div', { class: 'line' }, clip(item.text, 2000), node('time', null, clock(item.at_ms)))],
  compaction: ({ item }) => [node('div', { class: 'rule' }, 'The conversation was compacted'),
    item.summary && fold('thought', [node('span', { class: 'word' }, 'Summary'), ' ', node('span', { class: 'brief' }, clip(item.summary, 160))],
      () => [said(item.summary)])],
  subagent: ({ item }) => [node('div', { class: 'line' }, 'Subagent ', node('b', null, item.title ? clip(item.title, 200) : item.id))],
  usage: ({ item }) => [node('div', { class: 'line' }, usageWords(item.tokens))],
};

function usageWords(tokens) {
  const { input, cached, output } = tokens ?? {};
  return `Used ${count(input, 'token')} of input, ${numberOf(cached).toLocaleString('en')} cached, ${numberOf(output).toLocaleString('en')} of output`;
}

function drawRaw({ item }) {
  if (!item.json) return [node('div', { class: 'line' }, `Entry ${item.entry}, of a kind that is not shown`)];
  return [fold('raw', [node('span', { class: 'word' }, `Entry ${item.entry}`), ' ', node('code', { class: 'brief' }, clip(item.json, 160))],
    () => [long(pretty(item.json))])];
}

// What a person or an agent said.
function said(text) {
  const body = node('div', { class: 'said', dir: 'auto' });
  const draw = (most) => {
    const isWhole = text.length <= most;
    const beginning = isWhole ? text : text.slice(0, most);
    body.replaceChildren(beginning.length > MOST_MARKDOWN ? node('pre', null, beginning) : markdown(beginning),
      isWhole ? '' : moreButton(text.length, () => draw(Infinity)));
  };
  draw(MOST_SHOWN);
  return body;
}

// A text as it is, of which a long one is cut until it is asked for.
function long(text) {
  const body = node('pre', { dir: 'auto' });
  const draw = (most) => {
    body.replaceChildren();
    append(body, [text.slice(0, most), text.length > most && moreButton(text.length, () => draw(Infinity))]);
  };
  draw(MOST_SHOWN);
  return body;
}

function moreButton(length, click) {
  return node('button', { type: 'button', class: 'more', click }, `Show all ${length.toLocaleString('en')} characters`);
}

function fold(name, summary, draw) {
  const details = node('details', { class: name }, node('summary', null, summary));
  let isDrawn = false;
  // A caller that unfolds it by itself wants the content at once.
  details.unfold = () => {
    if (!isDrawn) append(details, draw());
    isDrawn = true;
  };
  details.addEventListener('toggle', () => details.open && details.unfold());
  return details;
}

function drawTool({ item, result }) {
  const told = item.kind === 'tool_call' ? result : item;
  const name = item.kind === 'tool_call' ? item.name : 'Result';
  const isError = Boolean(told?.is_error);
  const summary = [
    node('span', { class: 'tool-name' }, clip(name ?? '', 60)), ' ',
    node('code', { class: 'brief' }, item.kind === 'tool_call' ? brief(item.input) : clip(item.text, 120)),
    node('span', { class: 'state' }, isError ? 'error' : told ? `${short(told.text.length)} chars` : 'no result'),
  ];
  return [fold(`tool${isError ? ' error' : ''}`, summary, () => [
    item.kind === 'tool_call' && inputNode(item.input),
    told && node('div', { class: 'result' }, long(told.text || '(nothing)')),
  ])];
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// What a tool is to do, in a line: the field that says most, or all of it.
const TELLING = ['command', 'cmd', 'file_path', 'path', 'pattern', 'query', 'url', 'description', 'prompt'];

function brief(input) {
  const value = parsed(input);
  if (value && typeof value === 'object') {
    const key = TELLING.find((one) => Object.hasOwn(value, one));
    const told = key === undefined ? undefined : value[key];
    if (typeof told === 'string') return clip(told, 140);
    if (Array.isArray(told)) return clip(told.join(' '), 140);
  }
  return clip(typeof value === 'string' ? value : input ?? '', 140);
}

// Fields by name, with the lines of a text as lines.
function inputNode(input) {
  const value = parsed(input);
  if (!value || typeof value !== 'object' || Array.isArray(value)) {
    return long(typeof value === 'string' ? value : pretty(input));
  }
  return node('dl', { class: 'fields' }, Object.entries(value).slice(0, 200).map(([key, one]) => [
    node('dt', null, clip(key, 80)),
    node('dd', null, long(typeof one === 'string' ? one : JSON.stringify(one, null, 2) ?? ''))]));
}

function pretty(text) {
  const value = parsed(text);
  return value === undefined ? text : JSON.stringify(value, null, 2);
}

function picture(item) {
  const type = textOf(item.media_type).toLowerCase();
  const words = [type || 'image', item.bytes && size(item.bytes)].filter(Boolean).join(', ');
  if (!item.data || !(RASTER.test(type) || !type)) {
    return node('div', { class: 'line' }, item.url ? `${words}: ${clip(item.url, 300)}` : `${words}, not in this page`);
  }
  const image = node('img', { alt: words, loading: 'lazy', decoding: 'async' });
  image.src = `data:${type || 'image/png'};base64,${item.data}`;
  return node('figure', { class: 'picture' }, image, node('figcaption', null, words));
}

// What a reader sees of an item, for a search.
function searchText(item) {
  switch (item.kind) {
    case 'tool_call': return `${item.name}\n${strings(parsed(item.input) ?? item.input, []).join('\n')}`;
    case 'compaction': return item.summary ?? '';
    case 'subagent': return item.title ?? '';
    case 'raw': return item.json ?? '';
    default: return textOf(item.text);
  }
}

function strings(value, found) {
  if (typeof value === 'string') found.push(value);
  else if (value && typeof value === 'object') for (const one of Object.values(value)) strings(one, found);
  return found;
}
