// Pictures: what was used by day, and how the segments of a session came from each other.

const KINDS = [['input', 'input'], ['cached', 'cached input'], ['output', 'output']];
const MOST_BARS = 62;
const EARLIEST_MS = Date.UTC(2000); // what a log says of earlier days is no time

// Adds up rows of hour, input, cached input and output by the day, week or month here.
function buckets(rows) {
  const days = new Map();
  for (const row of rows) {
    const [hour, ...amounts] = row;
    const ms = hour * 3600000;
    if (!isTime(ms) || ms < EARLIEST_MS) continue;
    const key = day(ms);
    const sums = days.get(key) ?? [0, 0, 0];
    days.set(key, sums.map((sum, kind) => sum + numberOf(amounts[kind])));
  }
  const keys = [...days.keys()].sort();
  if (!keys.length) return { unit: 'day', bars: [] };
  const span = (new Date(keys.at(-1)) - new Date(keys[0])) / DAY_MS + 1;
  if (span > MOST_BARS * 7) return grouped(days, 'month', (key) => key.slice(0, 7));
  if (span > MOST_BARS) return grouped(days, 'week', monday);
  const bars = [];
  for (let at = 0; at < span; at += 1) {
    const key = new Date(new Date(keys[0]).getTime() + at * DAY_MS).toISOString().slice(0, 10);
    bars.push([key, days.get(key) ?? [0, 0, 0]]);
  }
  return { unit: 'day', bars };
}

function monday(key) {
  const at = new Date(key);
  return new Date(at.getTime() - ((at.getUTCDay() + 6) % 7) * DAY_MS).toISOString().slice(0, 10);
}

function grouped(days, unit, groupOf) {
  const groups = new Map();
  for (const [key, amounts] of [...days].sort()) {
    const sums = groups.get(groupOf(key)) ?? [0, 0, 0];
    groups.set(groupOf(key), sums.map((sum, kind) => sum + amounts[kind]));
  }
  return { unit, bars: [...groups].slice(-200) };
}

// A chart of tokens, of which each kind can be left out; undefined if none were used.
function usageChart(rows) {
  const { unit, bars } = buckets(rows);
  const totals = KINDS.map((_, kind) => bars.reduce((sum, [, amounts]) => sum + amounts[kind], 0));
  if (totals.every((total) => total === 0)) return undefined;
  const left = new Set();
  const picture = node('div', { class: 'plot' });
  const draw = () => picture.replaceChildren(barsOf(bars, left));
  const legend = KINDS.map(([key, word], kind) => {
    const button = node('button', { type: 'button', class: `key ${key}`, 'aria-pressed': 'true' },
      `${word} ${short(totals[kind])}`);
    button.addEventListener('click', () => {
      if (!left.delete(kind)) left.add(kind);
      button.setAttribute('aria-pressed', String(!left.has(kind)));
      draw();
    });
    return button;
  });
  draw();
  return node('figure', { class: 'chart' },
    node('figcaption', null, `Tokens by ${unit}`, node('span', { class: 'legend' }, legend)), picture);
}

function barsOf(bars, left) {
  const [width, height, foot, head, side] = [720, 150, 18, 12, 44];
  const amount = (amounts) => amounts.reduce((sum, one, kind) => sum + (left.has(kind) ? 0 : one), 0);
  const most = Math.max(1, ...bars.map(([, amounts]) => amount(amounts)));
  const step = (width - side) / Math.max(bars.length, 8);
  const picture = svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', class: 'bars' });
  for (const part of [0, 0.5, 1]) {
    const y = height - foot - (height - foot - head) * part;
    picture.append(
      svg('line', { x1: side, x2: width, y1: y, y2: y, class: 'grid' }),
      svg('text', { x: side - 6, y: y + 4, class: 'axis right' }, short(most * part)));
  }
  const labels = Math.max(1, Math.ceil(bars.length / 9));
  bars.forEach(([key, amounts], number) => {
    const x = side + number * step;
    const bar = svg('g', { class: 'bar' },
      svg('title', null, `${key}: ${KINDS.map(([, word], kind) => `${word} ${amounts[kind].toLocaleString('en')}`).join(', ')}`));
    let y = height - foot;
    KINDS.forEach(([name], kind) => {
      if (left.has(kind) || !amounts[kind]) return;
      const tall = (height - foot - head) * amounts[kind] / most;
      y -= tall;
      bar.append(svg('rect', { x: x + step * 0.1, y, width: Math.min(step * 0.8, 48), height: tall, class: name }));
    });
    picture.append(bar);
    if (number % labels === 0) {
      picture.append(svg('text', { x: x + step * 0.1, y: height - 4, class: 'axis' }, key.slice(key.length > 7 ? 5 : 2)));
    }
  });
  return picture;
}

const LANE = 20;
const LINE = 28;

// The segments as a tree, each in a line below the one that it came from. `pick` is told of a click.
function forkTree(segments, current, pick) {
  const children = new Map();
  const known = new Set(segments.map((segment) => segment.id));
  for (const segment of segments) {
    const parent = known.has(segment.parent) && segment.parent !== segment.id ? segment.parent : null;
    children.set(parent, [...children.get(parent) ?? [], segment]);
  }
  const lines = [];
  const seen = new Set();
  const stack = (children.get(null) ?? []).map((segment) => [segment, 0, null]).reverse();
  while (stack.length) {
    const [segment, depth, above] = stack.pop();
    if (seen.has(segment.id)) continue;
    seen.add(segment.id);
    const line = { segment, depth: Math.min(depth, 12), above, number: lines.length };
    lines.push(line);
    for (const child of [...children.get(segment.id) ?? []].reverse()) stack.push([child, depth + 1, line]);
  }
  const width = 720;
  const height = lines.length * LINE + 4;
  const picture = svg('svg', { viewBox: `0 0 ${width} ${height}`, width, height, class: 'tree', role: 'tree' });
  for (const line of lines) picture.append(edge(line));
  for (const line of lines) picture.append(branchOf(line, line.segment === current, pick, width));
  return picture;
}

function placeOf(line) {
  return { x: 12 + line.depth * LANE, y: 16 + line.number * LINE };
}

function edge(line) {
  if (!line.above) return svg('g');
  const [from, to] = [placeOf(line.above), placeOf(line)];
  const path = `M ${from.x} ${from.y} V ${to.y - 10} Q ${from.x} ${to.y} ${from.x + 10} ${to.y} H ${to.x}`;
  return svg('path', { d: path, class: `edge ${line.segment.kind ?? ''}` });
}

function branchOf(line, isCurrent, pick, width) {
  const { segment } = line;
  const { x, y } = placeOf(line);
  const first = segment.items.slice(segment.shared).find((item) => item.kind === 'prompt' && !item.hidden)
    ?? segment.items.find((item) => item.kind === 'prompt' && !item.hidden);
  const words = [segment.kind, segment.at, segment.is_main && 'main'].filter(Boolean).join(', ').replace(', at ', ' at ');
  const room = Math.floor((width - x - 20) / 7.2);
  const facts = `${words ? `${words} · ` : ''}${count(segment.entries, 'entry', 'entries')}`;
  const choose = () => pick(segment);
  return svg('g', {
    class: `segment${isCurrent ? ' current' : ''}`, tabindex: '0', role: 'treeitem', click: choose,
    'aria-selected': String(isCurrent),
    keydown: (event) => {
      if (event.key !== 'Enter') return;
      event.stopPropagation();
      choose();
    },
  },
  svg('title', null, `${segment.id}, ${time(segment.updated_ms)}`),
  svg('rect', { x: x - 9, y: y - 13, width: width - x, height: 26, rx: 6, class: 'back' }),
  svg('circle', { cx: x, cy: y, r: 5, class: segment.kind ?? 'root' }),
  svg('text', { x: x + 14, y: y + 4.5 },
    svg('tspan', { class: 'facts' }, `${facts}  `),
    clip(first?.text ?? '', Math.max(10, room - facts.length))));
}
