// The keyboard.

function isTyping(target) {
  return target instanceof HTMLInputElement || target instanceof HTMLSelectElement;
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId('help').open) return;
  if (isTyping(event.target)) {
    onKeyInField(event);
    return;
  }
  // A button that has the focus is pressed by Enter.
  if (event.key === 'Enter' && event.target.closest?.('button, summary, .segment')) return;
  const act = reader.session ? READING[event.key] ?? KEYS[event.key] : LISTING[event.key] ?? KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

function onKeyInField(event) {
  if (event.key === 'Escape') {
    event.target.blur();
  } else if (event.key === 'Enter' && event.target.id === 'words') {
    event.preventDefault();
    event.target.blur();
    if (event.shiftKey) startSearch();
    else {
      showList();
      select(0);
    }
  }
}

const KEYS = {
  '/': () => {
    document.body.classList.remove('reading');
    byId('words').focus();
    byId('words').select();
  },
  '?': () => byId('help').showModal(),
  t: () => nextTheme(),
};

const LISTING = {
  j: () => select(document.querySelector('#sessions .selected') ? list.selected + 1 : 0),
  k: () => select(list.selected - 1),
  ArrowDown: () => select(list.selected + 1),
  ArrowUp: () => select(list.selected - 1),
  Enter: () => list.listed[list.selected] && openSession(list.listed[list.selected]),
  Escape: () => (search.shown ? leaveSearch() : showOverview()),
};

const READING = {
  j: () => goTo(whereabouts() + 1),
  k: () => goTo(Math.max(0, whereabouts() - 1)),
  n: () => goToPrompt(1),
  p: () => goToPrompt(-1),
  Enter: toggleAt,
  Escape: closeSession,
};
