// Which sessions are listed: by text, agent, model, folder and day.

function prepared(entry, number) {
  const summary = entry.summary ?? {};
  const models = textsOf(summary.models);
  const title = textOf(summary.title) || clip(textOf(summary.first_prompt), 120) || 'Without a title';
  const words = [title, summary.first_prompt, summary.cwd, summary.git_branch, summary.agent, summary.id,
    summary.native_id, summary.repository, ...models];
  return {
    number, summary, models, title,
    id: textOf(summary.id),
    agent: textOf(summary.agent),
    folder: textOf(summary.cwd),
    usage: entry.usage ?? [],
    items: numberOf(entry.items),
    at: [summary.last_activity_ms, summary.updated_ms].find(isTime) ?? 0,
    haystack: words.map(textOf).join('\n').toLowerCase(),
  };
}

const CHOICES = [
  ['agent', 'Any agent', (session) => [session.agent]],
  ['model', 'Any model', (session) => session.models],
  ['folder', 'Any folder', (session) => [session.folder]],
];

function fillChoices(sessions) {
  for (const [id, any, valuesOf] of CHOICES) {
    const counts = new Map();
    for (const session of sessions) {
      for (const value of valuesOf(session)) if (value) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    const options = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
    byId(id).replaceChildren(node('option', { value: '' }, any),
      ...options.map(([value, number]) => {
        const option = node('option', null, `${clip(value, 60)} (${number})`);
        option.value = value;
        return option;
      }));
    byId(id).hidden = options.length < 2;
  }
}

function filter(sessions) {
  const words = byId('words').value.toLowerCase().split(/\s+/).filter(Boolean);
  const [since, until] = [byId('since').value, byId('until').value];
  return sessions.filter((session) => {
    const at = session.at ? day(session.at) : '';
    return words.every((word) => session.haystack.includes(word))
      && CHOICES.every(([id, , valuesOf]) => {
        const { value } = byId(id);
        return !value || valuesOf(session).includes(value);
      })
      && (!since || at >= since) && (!until || (at && at <= until));
  });
}

function clearFilters() {
  for (const id of ['words', 'agent', 'model', 'folder', 'since', 'until']) byId(id).value = '';
}

function whenFiltered(act) {
  let waits;
  byId('words').addEventListener('input', () => {
    clearTimeout(waits);
    waits = setTimeout(act, 60);
  });
  for (const id of ['agent', 'model', 'folder', 'since', 'until']) byId(id).addEventListener('change', act);
}
