import { buildPages } from '../../src/build-pages.ts';

/** Run once, before all tests. */
export async function setup(): Promise<void> {
  await buildPages();
}
