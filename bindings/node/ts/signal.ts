/** Those who wait for a signal: one listener for all, since Node warns of a leak where there are more than ten. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/** Has something done when the signal aborts. What is returned takes it back. */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  let acts = waiting.get(signal);
  if (acts === undefined) {
    const all = new Set<() => void>();
    waiting.set(signal, all);
    signal.addEventListener('abort', () => {
      waiting.delete(signal);
      for (const one of all) {
        one();
      }
    }, { once: true });
    acts = all;
  }
  const all = acts;
  all.add(act);
  return () => { all.delete(act); };
}
