// Nodes and words. Whatever comes from a log goes through `node`, as text or as the value of an
// attribute that is not run; characters that hide or turn text are shown as escapes.

const SVG = 'http://www.w3.org/2000/svg';

function node(name, attributes, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function svg(name, attributes, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === 'function') element.addEventListener(key, value);
    else element.setAttribute(key, value === true ? '' : shown(String(value)));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : shown(String(child)));
  }
}

function byId(id) {
  return document.getElementById(id);
}

// Control characters but tab and line end, what turns the direction of writing, and what has no
// width. Joiners stay: emoji and some scripts are written with them.
const HARMFUL = new RegExp(
  '[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b\\u2028-\\u202e' +
  '\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb]|\\udb40[\\udc00-\\uddef]', 'g');

// Colours that a tool wrote for a terminal.
const COLOURS = /\u001b\[[0-9;]*m/g;

function shown(text) {
  return text.replace(COLOURS, '').replace(/\r\n/g, '\n').replace(HARMFUL, escaped);
}

function escaped(text) {
  let result = '';
  for (let at = 0; at < text.length; at += 1) {
    result += `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`;
  }
  return result;
}

// What a field of a summary is, whatever an archive has there.

function textOf(value) {
  return typeof value === 'string' ? value : '';
}

function numberOf(value) {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

function textsOf(value) {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

function count(number, one, several = `${one}s`) {
  return `${numberOf(number).toLocaleString('en')} ${number === 1 ? one : several}`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

function size(bytes) {
  let amount = numberOf(bytes);
  let unit = 0;
  while (amount >= 1023.95 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${amount} B` : `${amount.toFixed(1)} ${UNITS[unit]}`;
}

function short(number) {
  return new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
    .format(numberOf(number));
}

const DAY_MS = 86400000;
const MOST_MS = 253402300799999; // the end of the year 9999

function isTime(ms) {
  return typeof ms === 'number' && Number.isFinite(ms) && Math.abs(ms) <= MOST_MS;
}

function two(number) {
  return String(number).padStart(2, '0');
}

// A day here, as the fields for dates have it.
function day(ms) {
  const at = new Date(ms);
  return `${String(at.getFullYear()).padStart(4, '0')}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

function time(ms) {
  if (!isTime(ms)) return '';
  const at = new Date(ms);
  return `${day(ms)} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

// From when to when, the day once if it is one.
function span(from, to) {
  if (!isTime(from) || !isTime(to)) return time(to) || time(from);
  if (day(from) !== day(to)) return `${time(from)} – ${time(to)}`;
  const [start, end] = [time(from), time(to).slice(-5)];
  return start.endsWith(end) ? start : `${start} – ${end}`;
}

function clock(ms) {
  if (!isTime(ms)) return '';
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

function ago(ms) {
  if (!isTime(ms)) return '';
  const passed = Date.now() - ms;
  if (passed < 0 || passed > 30 * DAY_MS) return day(ms);
  if (passed < 60000) return 'now';
  if (passed < 3600000) return `${Math.floor(passed / 60000)} min ago`;
  if (passed < DAY_MS) return `${Math.floor(passed / 3600000)} h ago`;
  return `${Math.floor(passed / DAY_MS)} d ago`;
}

// The beginning of a text, in one line.
function clip(text, most) {
  const line = text.slice(0, most * 4).replace(/\s+/g, ' ').trim();
  const characters = [...line];
  return characters.length > most ? `${characters.slice(0, most).join('')}…` : line;
}

// Draws many things as they come into view: `draw` makes the node of each. More is drawn when the
// end of what is there is near. Returns how to draw up to a number at once.
const CHUNK = 60;

function drawn(container, things, draw, root) {
  const end = node('div', { class: 'end' });
  let next = 0;
  const more = (to) => {
    const fragment = document.createDocumentFragment();
    for (; next < Math.min(to, things.length); next += 1) fragment.append(draw(things[next], next));
    end.before(fragment);
    if (next >= things.length) {
      observer.disconnect();
      end.remove();
    }
  };
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    more(next + CHUNK);
    // What is still in view is told only when it is looked at anew.
    observer.unobserve(end);
    if (end.isConnected) observer.observe(end);
  }, { root, rootMargin: '800px' });
  container.append(end);
  more(CHUNK);
  if (end.isConnected) observer.observe(end);
  return { upTo: more, all: () => more(things.length), stop: () => observer.disconnect() };
}
