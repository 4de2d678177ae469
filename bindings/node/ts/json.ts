import { SessiondbError } from './error.js';

/** Parses what the addon tells as JSON. A number that JavaScript does not have exactly is an error. */
export function parse<T>(json: string): T {
  return JSON.parse(json, (_key, value: unknown) => {
    if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
      throw new SessiondbError('INVALID', `${value} is beyond 2^53 - 1, which is the largest number that JavaScript has exactly`);
    }
    return value;
  }) as T;
}

/** Parses a report, whose names become those of JavaScript: `file_bytes` is `fileBytes`. */
export function report<T>(json: string): T {
  return renamed(parse<unknown>(json)) as T;
}

function renamed(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(renamed);
  }
  if (value === null || typeof value !== 'object') {
    return value;
  }
  const name = (key: string): string => key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [name(key), renamed(inner)]));
}
