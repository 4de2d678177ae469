// A small Markdown that makes nodes. Links are shown with their address and lead nowhere, HTML is
// text. Every step goes forward through the text, so that no text takes long.

const DEEPEST = 8;
const LONGEST_LINK = 2000;

function markdown(text) {
  const fragment = document.createDocumentFragment();
  append(fragment, blocks(text.split('\n'), 0));
  return fragment;
}

function blocks(lines, depth) {
  const nodes = [];
  let paragraph = [];
  const finish = () => {
    if (paragraph.length) nodes.push(node('p', null, inline(paragraph.join('\n'), 0)));
    paragraph = [];
  };
  let at = 0;
  while (at < lines.length) {
    const block = depth < DEEPEST ? blockAt(lines, at, depth, paragraph.length > 0) : null;
    if (block) {
      finish();
      if (block.node) nodes.push(block.node);
      at = block.next;
    } else {
      paragraph.push(lines[at]);
      at += 1;
    }
  }
  finish();
  return nodes;
}

// The block that begins at a line, if it is no paragraph.
function blockAt(lines, at, depth, isInParagraph) {
  const line = lines[at];
  const start = line.trimStart();
  if (start === '') return { node: null, next: at + 1 };
  if (start.startsWith('```') || start.startsWith('~~~')) return fenceAt(lines, at);
  const heading = /^(#{1,6}) +(.*)$/.exec(start);
  if (heading) {
    // The page's own headings are above those of a text.
    const level = Math.min(6, heading[1].length + 2);
    return { node: node(`h${level}`, null, inline(heading[2], 0)), next: at + 1 };
  }
  if (/^(?:-[ -]*-[ -]*-|\*[ *]*\*[ *]*\*|_[ _]*_[ _]*_)[-*_ ]*$/.test(start.slice(0, 200))) {
    return { node: node('hr'), next: at + 1 };
  }
  if (start.startsWith('>')) return quoteAt(lines, at, depth);
  const marker = listMarker(line);
  if (marker && !(isInParagraph && marker.isOrdered && marker.first !== 1)) {
    return listAt(lines, at, depth, marker);
  }
  if (line.includes('|') && isTableRule(lines[at + 1])) return tableAt(lines, at);
  return null;
}

function fenceAt(lines, at) {
  const start = lines[at].trimStart();
  const indent = lines[at].length - start.length;
  const mark = start.startsWith('`') ? /^`+/.exec(start)[0] : /^~+/.exec(start)[0];
  const language = clip(start.slice(mark.length), 30);
  const code = [];
  let next = at + 1;
  for (; next < lines.length; next += 1) {
    const line = lines[next].trimStart();
    if (line.startsWith(mark) && line.slice(mark.length).trim() === '') break;
    code.push(lines[next].slice(Math.min(indent, lines[next].length - line.length)));
  }
  return {
    node: node('pre', { class: 'code', 'data-language': language || undefined },
      node('code', null, code.join('\n'))),
    next: next + 1,
  };
}

function quoteAt(lines, at, depth) {
  const inner = [];
  let next = at;
  for (; next < lines.length && lines[next].trimStart().startsWith('>'); next += 1) {
    inner.push(lines[next].trimStart().replace(/^> ?/, ''));
  }
  return { node: node('blockquote', null, blocks(inner, depth + 1)), next };
}

function listMarker(line) {
  const found = /^( *)([-*+]|\d{1,9}[.)]) +(?=\S)/.exec(line.replace(/\t/g, '    ').slice(0, 400));
  if (!found) return null;
  const isOrdered = /\d/.test(found[2]);
  return { indent: found[1].length, width: found[0].length, isOrdered, first: parseInt(found[2], 10) };
}

function listAt(lines, at, depth, first) {
  const items = [];
  let next = at;
  while (next < lines.length) {
    const marker = listMarker(lines[next]);
    if (!marker || marker.isOrdered !== first.isOrdered || marker.indent > first.indent + 3) break;
    if (marker.indent < first.indent) break;
    const item = [lines[next].replace(/\t/g, '    ').slice(marker.width)];
    next += 1;
    while (next < lines.length && isInside(lines, next, marker)) {
      item.push(lines[next].slice(Math.min(marker.width, indentOf(lines[next]))));
      next += 1;
    }
    items.push(node('li', null, blocks(item, depth + 1)));
  }
  const start = first.isOrdered && first.first !== 1 ? first.first : undefined;
  return { node: node(first.isOrdered ? 'ol' : 'ul', { start }, items), next };
}

function isInside(lines, at, marker) {
  if (lines[at].trim() !== '') return indentOf(lines[at]) > marker.indent;
  return at + 1 < lines.length && lines[at + 1].trim() !== '' && indentOf(lines[at + 1]) > marker.indent;
}

function indentOf(line) {
  return line.length - line.trimStart().length;
}

function isTableRule(line) {
  return line !== undefined && line.length < 1000 && line.includes('-') && line.includes('|')
    && /^[ |:-]+$/.test(line);
}

function cells(line) {
  const inner = line.trim().replace(/^\|/, '').replace(/\|$/, '');
  return inner.split('|').slice(0, 40).map((cell) => cell.trim());
}

function tableAt(lines, at) {
  const heading = cells(lines[at]).map((cell) => node('th', null, inline(cell, 0)));
  const rows = [];
  let next = at + 2;
  for (; next < lines.length && lines[next].includes('|'); next += 1) {
    rows.push(node('tr', null, cells(lines[next]).map((cell) => node('td', null, inline(cell, 0)))));
  }
  const whole = node('table', null, node('thead', null, node('tr', null, heading)),
    node('tbody', null, rows));
  return { node: node('div', { class: 'wide' }, whole), next };
}

const MARKS = [['**', 'strong'], ['__', 'strong'], ['~~', 's'], ['*', 'em'], ['_', 'em']];

// Nodes of a text without blocks.
function inline(text, depth) {
  const nodes = [];
  const missing = new Set(); // marks that do not come again
  let plain = '';
  const push = (element) => {
    if (plain) nodes.push(plain);
    plain = '';
    nodes.push(element);
  };
  let at = 0;
  while (at < text.length) {
    const found = depth < DEEPEST ? spanAt(text, at, depth, missing) : null;
    if (found) {
      push(found.node);
      at = found.next;
    } else if (text[at] === '\\' && /[\\`*_~[\]#>|-]/.test(text[at + 1] ?? '')) {
      plain += text[at + 1];
      at += 2;
    } else {
      const next = nextMark(text, at + 1);
      plain += text.slice(at, next);
      at = next;
    }
  }
  if (plain) nodes.push(plain);
  return nodes;
}

function nextMark(text, from) {
  for (let at = from; at < text.length; at += 1) {
    if ('`*_~[!\\'.includes(text[at])) return at;
  }
  return text.length;
}

function spanAt(text, at, depth, missing) {
  switch (text[at]) {
    case '`': return codeAt(text, at, missing);
    case '[': return linkAt(text, at, depth);
    case '!': return text[at + 1] === '[' ? linkAt(text, at + 1, depth) : null;
    case '*': case '_': case '~': return markedAt(text, at, depth, missing);
    default: return null;
  }
}

function codeAt(text, at, missing) {
  let end = at;
  while (text[end] === '`') end += 1;
  const mark = text.slice(at, end);
  if (missing.has(mark)) return { node: mark, next: end };
  let close = text.indexOf(mark, end);
  while (close >= 0 && (text[close + mark.length] === '`' || text[close - 1] === '`')) {
    while (text[close] === '`') close += 1;
    close = text.indexOf(mark, close);
  }
  if (close < 0) {
    missing.add(mark);
    return { node: mark, next: end };
  }
  const code = text.slice(end, close).replace(/^ (.*\S.*) $/s, '$1');
  return { node: node('code', null, code), next: close + mark.length };
}

// A link as its text and its address, neither of which leads anywhere.
function linkAt(text, at, depth) {
  const near = text.slice(at, at + LONGEST_LINK);
  const close = near.indexOf('](');
  if (close < 0 || near.indexOf('\n\n') >= 0 && near.indexOf('\n\n') < close) return null;
  const end = near.indexOf(')', close);
  if (end < 0) return null;
  const [label, address] = [near.slice(1, close), near.slice(close + 2, end)];
  if (label.includes('[') || address.includes('\n')) return null;
  const parts = [node('span', { class: 'label' }, inline(label, depth + 1))];
  if (address !== label) parts.push(' ', node('span', { class: 'address' }, `(${address})`));
  return { node: node('span', { class: 'link' }, parts), next: at + end + 1 };
}

function markedAt(text, at, depth, missing) {
  for (const [mark, name] of MARKS) {
    if (!text.startsWith(mark, at) || missing.has(mark)) continue;
    const from = at + mark.length;
    if (/\s|^$/.test(text[from] ?? '')) continue;
    if (mark.includes('_') && /\w/.test(text[at - 1] ?? '')) continue;
    const close = closing(text, mark, from);
    if (close < 0) {
      missing.add(mark);
      continue;
    }
    const inner = inline(text.slice(from, close), depth + 1);
    return { node: node(name, null, inner), next: close + mark.length };
  }
  return null;
}

function closing(text, mark, from) {
  let close = text.indexOf(mark, from + 1);
  while (close >= 0) {
    const isEnd = !/\s/.test(text[close - 1])
      && !(mark.includes('_') && /\w/.test(text[close + mark.length] ?? ''))
      && !(mark.length === 1 && (text[close + 1] === mark || text[close - 1] === mark));
    if (isEnd) return close;
    close = text.indexOf(mark, close + mark.length);
  }
  return -1;
}
