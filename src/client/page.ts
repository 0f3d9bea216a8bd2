/** What a web page tells of its surroundings; anything with these two methods. */
export interface PageEvents {
  addEventListener(type: string, listener: () => void): void;
  removeEventListener(type: string, listener: () => void): void;
}

/** The page that this runs in; `undefined` where there is none, as in Node. */
export function pageHere(): PageEvents | undefined {
  const here = globalThis as Partial<PageEvents>;
  return typeof here.addEventListener === 'function' ? (here as PageEvents) : undefined;
}

/** Listens, until the function that it returns is called. */
export function listen(page: PageEvents | undefined, type: string, listener: () => void): () => void {
  page?.addEventListener(type, listener);
  return () => page?.removeEventListener(type, listener);
}
