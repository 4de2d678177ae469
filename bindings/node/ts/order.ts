/** Calls on one log in the order in which they were made, also where a batch of several logs is among them.
 *
 * The addon keeps the order of calls on one log by itself. A batch waits for those that came before it on each of
 * its logs, and those that come behind wait for it. */
export class Order {
  readonly #last = new Map<string, Promise<void>>();
  readonly #batches = new Map<string, Promise<void>>();

  one<T>(key: string, start: () => Promise<T>): Promise<T> {
    const batch = this.#batches.get(key);
    const made = batch === undefined ? start() : batch.then(start);
    keep(this.#last, key, settled(made));
    return made;
  }

  many<T>(keys: readonly string[], start: () => Promise<T>): Promise<T> {
    const before = keys.flatMap((key) => [this.#last.get(key), this.#batches.get(key)]);
    const waits = before.filter((promise) => promise !== undefined);
    const made = waits.length === 0 ? start() : Promise.all(waits).then(start);
    const end = settled(made);
    for (const key of new Set(keys)) {
      keep(this.#batches, key, end);
      keep(this.#last, key, end);
    }
    return made;
  }
}

/** The same without a result, which never fails. */
export function settled(promise: Promise<unknown>): Promise<void> {
  return promise.then(() => undefined, () => undefined);
}

function keep(map: Map<string, Promise<void>>, key: string, promise: Promise<void>): void {
  map.set(key, promise);
  void promise.then(() => {
    if (map.get(key) === promise) {
      map.delete(key);
    }
  });
}
