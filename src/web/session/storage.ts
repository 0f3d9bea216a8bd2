import type { WebStorage } from '../../client/index.ts';

/** What this tab keeps, also when it is loaded anew. */
export const tabStorage: WebStorage = storageOf(() => sessionStorage);
/** What this browser keeps. */
export const browserStorage: WebStorage = storageOf(() => localStorage);

/** What is kept under a key, parsed; undefined where nothing is, or what is no JSON, as of another page of this origin. */
export function readJson(storage: WebStorage, key: string): unknown {
  try {
    return JSON.parse(storage.getItem(key) ?? 'null') ?? undefined;
  } catch {
    return undefined;
  }
}

/** A storage; where the browser lets pages have none, as with all cookies blocked, one that ends with the page. */
function storageOf(open: () => WebStorage): WebStorage {
  try {
    return open();
  } catch {
    const kept = new Map<string, string>();
    return {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => void kept.set(key, value),
      removeItem: (key) => void kept.delete(key),
    };
  }
}
