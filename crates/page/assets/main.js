// What happens when the page is opened.

const THEMES = ['auto', 'light', 'dark'];

function setTheme(theme) {
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  byId('theme').textContent = { auto: 'Auto', light: 'Light', dark: 'Dark' }[theme];
  byId('theme').title = `Theme: ${theme} (t)`;
}

function theme() {
  return document.documentElement.dataset.theme ?? 'auto';
}

function nextTheme() {
  const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length];
  setTheme(next);
  // A browser may keep nothing for a file.
  try {
    localStorage.setItem('sessiondb-theme', next);
  } catch { /* then it is chosen anew each time */ }
}

function keptTheme() {
  try {
    const kept = localStorage.getItem('sessiondb-theme');
    return THEMES.includes(kept) ? kept : 'auto';
  } catch {
    return 'auto';
  }
}

// Which session is open stands in the address, so that the way back and a copied address lead there.
function setPlace(place) {
  const hash = `#${new URLSearchParams(place)}`;
  if (hash === (location.hash || '#')) return;
  history.pushState(null, '', hash);
}

function goToPlace() {
  const id = new URLSearchParams(location.hash.slice(1)).get('session');
  const session = id ? list.all.find((one) => one.id === id) : undefined;
  if (session) openSession(session);
  else if (reader.session) closeSession();
  else if (!search.shown) showOverview();
}

async function main() {
  setTheme(keptTheme());
  const data = await json('list');
  list.title = shown(textOf(data.title)) || 'Sessions';
  list.all = data.sessions.map(prepared).sort((a, b) => b.at - a.at);
  byId('title').textContent = list.title;
  byId('counts').textContent = count(list.all.length, 'session');
  fillChoices(list.all);
  showList();
  goToPlace();
  whenFiltered(() => {
    showList();
    if (!reader.session && !search.shown) showOverview();
  });
  byId('clear').addEventListener('click', () => {
    clearFilters();
    showList();
    if (!reader.session && !search.shown) showOverview();
  });
  byId('search').addEventListener('click', startSearch);
  byId('theme').addEventListener('click', nextTheme);
  byId('back').addEventListener('click', () => (reader.session ? closeSession() : leaveSearch()));
  byId('help-button').addEventListener('click', () => byId('help').showModal());
  byId('help-close').addEventListener('click', () => byId('help').close());
  addEventListener('keydown', onKey);
  addEventListener('popstate', goToPlace);
  addEventListener('hashchange', goToPlace);
  // A print has all of a transcript, not only what was scrolled to.
  addEventListener('beforeprint', () => (reader.session ? reader.drawn?.all() : list.drawn?.all()));
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

main().catch((error) => {
  byId('view').replaceChildren(node('p', { class: 'problem' }, `This page cannot be drawn: ${error.message}`));
});
