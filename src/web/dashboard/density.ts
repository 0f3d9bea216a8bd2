import { type ReadonlySignal, signal } from '@preact/signals';
import type { FeatureCollection, Polygon } from 'geojson';
import type { Nearcast, NearcastError, Where } from '../../client/index.ts';
import { listed } from './facets.ts';

/** How many are where, by cell. */
export interface Counts {
  readonly cells: FeatureCollection<Polygon, { cell: string; count: number }>;
  readonly total: number;
  readonly resolution: number;
}

/** Drivers beyond which a wide view is told by counts. */
export const MAX_DRIVERS = 5_000;
/** From this zoom on a view is always of drivers. */
export const NEAR_ZOOM = 12;
/** Cells of one answer, and pages of it, at the most. */
const LIMIT = 1_000;
const MAX_PAGES = 10;
/** How often counts are asked for while they are shown, milliseconds. */
const PACE = 4_000;

/** Metres of an edge of a cell, by resolution (h3geo.org/docs/core-library/restable). */
const EDGE = [1_281_256, 483_057, 182_513, 68_979, 26_072, 9_854, 3_725, 1_406, 531, 201];
/** The shortest edge that is drawn, CSS pixels. */
const MIN_EDGE = 16;
/** Metres of a CSS pixel at zoom 0 on the equator, with tiles of 512. */
const METRES_PER_PIXEL = 78_271.517;

/** The finest resolution whose cells can still be told apart at a zoom. */
export function resolutionAt(zoom: number, lat: number): number {
  const metresPerPixel = (METRES_PER_PIXEL * Math.cos((lat * Math.PI) / 180)) / 2 ** zoom;
  const finest = EDGE.findLastIndex((edge) => edge / metresPerPixel >= MIN_EDGE);
  return Math.max(0, finest);
}

/**
 * Counts by cell of a box, all pages of it.
 *
 * @throws {NearcastError} why not
 */
export async function countCells(
  client: Nearcast,
  bbox: readonly number[],
  resolution: number,
  where: Where,
  signal: AbortSignal,
): Promise<Counts> {
  const query = new URLSearchParams({ resolution: String(resolution), limit: String(LIMIT) });
  query.set('bbox', bbox.join());
  for (const [name, allowed] of Object.entries(where)) {
    for (const value of listed(allowed)) query.append(`attributes.${name}`, value);
  }
  const features: Counts['cells']['features'] = [];
  let path: string | undefined = `v1/cells?${query}`;
  for (let page = 0; path !== undefined && page < MAX_PAGES; page++) {
    const answer = (await client.request(path, { accept: 'application/geo+json', signal })) as Counts['cells'] & {
      next?: string;
    };
    features.push(...answer.features);
    path = answer.next;
  }
  const total = features.reduce((sum, { properties }) => sum + properties.count, 0);
  return { cells: { type: 'FeatureCollection', features }, total, resolution };
}

/** Whether to ask for the same once more is of no use. */
export function isFinal(code: string | undefined): boolean {
  return code === 'unauthorized' || code === 'forbidden' || code === 'invalid';
}

/** What is asked for. */
export interface CountsQuery {
  readonly client: Nearcast;
  readonly bbox: readonly number[];
  readonly resolution: number;
  readonly where: Where;
}

/** Asks for the counts of a wide view again and again, and says what to do with them. */
export class Census {
  /** What was counted last; undefined while nothing is. */
  readonly counts: ReadonlySignal<Counts | undefined>;
  readonly #counts = signal<Counts | undefined>(undefined);
  readonly #failed: (error: unknown) => void;
  #query: CountsQuery | undefined;
  #asking: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Why the last was not answered. */
  #problem: string | undefined;

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
    this.counts = this.#counts;
  }

  /** Counts this from now on; nothing, when it is undefined. */
  ask(query: CountsQuery | undefined): void {
    this.#query = query;
    this.#asking?.abort();
    clearTimeout(this.#timer);
    if (query === undefined) this.#counts.value = undefined;
    else void this.#ask(query);
  }

  async #ask(query: CountsQuery): Promise<void> {
    const asking = new AbortController();
    this.#asking = asking;
    let wait = PACE;
    try {
      const { client, bbox, resolution, where } = query;
      this.#counts.value = await countCells(client, bbox, resolution, where, asking.signal);
      this.#problem = undefined;
    } catch (error) {
      if (asking.signal.aborted) return;
      const { code, retryAfter = 0 } = error as Partial<NearcastError>;
      wait = Math.max(PACE, retryAfter * 1000);
      // What goes on going wrong is told once.
      const isNews = code === undefined || code !== this.#problem;
      this.#problem = code;
      if (isNews) this.#failed(error);
      // Another token, place or filter asks anew.
      if (isFinal(code)) return;
    }
    if (this.#query !== query) return;
    this.#timer = setTimeout(() => {
      // Nobody looks; it goes on when somebody does.
      if (document.hidden) document.addEventListener('visibilitychange', () => this.ask(this.#query), { once: true });
      else void this.#ask(query);
    }, wait);
  }
}
