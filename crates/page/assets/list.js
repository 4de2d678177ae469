// The list of the sessions, the one that was active last first, and what is shown where none is open.

const list = { all: [], listed: [], selected: 0, drawn: null, current: null };

function showList() {
  list.listed = filter(list.all);
  list.selected = 0;
  list.drawn?.stop();
  const container = byId('sessions');
  container.replaceChildren();
  container.scrollTop = 0;
  list.drawn = drawn(container, list.listed, sessionRow, container);
  const isAll = list.listed.length === list.all.length;
  byId('shown').textContent = isAll ? count(list.all.length, 'session')
    : `${list.listed.length.toLocaleString('en')} of ${count(list.all.length, 'session')}`;
  if (!list.listed.length) container.append(node('li', { class: 'nothing' }, 'No session fits.'));
  markSelected();
}

function sessionRow(session, number) {
  const { summary } = session;
  const facts = [ago(session.at), count(summary.turns, 'turn'), size(summary.entry_bytes)];
  return node('li', {
    class: 'session', 'data-number': number, title: session.id,
    click: () => {
      list.selected = number;
      openSession(session);
    },
  },
  node('div', { class: 'name', dir: 'auto' }, clip(session.title, 140)),
  node('div', { class: 'facts' },
    session.agent && node('span', { class: 'agent' }, session.agent),
    session.folder && node('bdi', { class: 'folder', title: session.folder }, lastPart(session.folder)),
    node('span', null, facts.filter(Boolean).join(' · '))));
}

function lastPart(path) {
  return clip(path.split(/[/\\]/).filter(Boolean).at(-1) ?? path, 30);
}

function markSelected() {
  for (const row of document.querySelectorAll('#sessions .session')) {
    const number = Number(row.dataset.number);
    row.classList.toggle('selected', number === list.selected);
    row.classList.toggle('open', list.listed[number] === list.current);
  }
}

function select(number) {
  if (!list.listed.length) return;
  list.selected = Math.max(0, Math.min(number, list.listed.length - 1));
  list.drawn.upTo(list.selected + CHUNK);
  markSelected();
  document.querySelector('#sessions .selected')?.scrollIntoView({ block: 'nearest' });
}

// What all listed sessions come to.
function showOverview() {
  list.current = null;
  document.body.classList.remove('reading');
  document.title = list.title;
  const sum = (of) => list.listed.reduce((total, session) => total + numberOf(of(session.summary)), 0);
  const agents = new Map();
  for (const { agent } of list.listed) agents.set(agent || 'unknown', (agents.get(agent || 'unknown') ?? 0) + 1);
  const facts = [
    ['Sessions', list.listed.length.toLocaleString('en')],
    ['Turns', sum((one) => one.turns).toLocaleString('en')],
    ['Calls of tools', sum((one) => one.tool_calls).toLocaleString('en')],
    ['As JSONL', size(sum((one) => one.entry_bytes))],
  ];
  const cost = sum((one) => one.cost_usd);
  if (cost) facts.push(['Cost', `$${cost.toFixed(2)}`]);
  byId('view').replaceChildren(
    node('section', { class: 'overview' },
      node('dl', { class: 'sums' }, facts.map(([word, value]) => node('div', null, node('dt', null, word), node('dd', null, value)))),
      usageChart(list.listed.flatMap((session) => session.usage)),
      node('p', { class: 'agents' }, [...agents].sort((a, b) => b[1] - a[1])
        .map(([agent, number]) => node('span', { class: 'agent' }, `${agent} ${number.toLocaleString('en')}`))),
      node('p', { class: 'hint' }, 'Choose a session. ', node('kbd', null, '?'), ' lists the keys.')));
  markSelected();
}
