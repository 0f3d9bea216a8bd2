import { computed, type ReadonlySignal } from '@preact/signals';
import type { FeatureCollection, Polygon } from 'geojson';
import type { Nearcast, NearcastError, Where } from '../../client/index.ts';
import { listed } from './facets.ts';
import { Poll } from './poll.ts';

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

/** What is asked for. */
interface CountsQuery {
  readonly client: Nearcast;
  readonly bbox: readonly number[];
  readonly resolution: number;
  readonly where: Where;
}

/** Asks for the counts of a wide view again and again. */
export class Census {
  /** What was counted last; undefined while nothing is. */
  readonly counts: ReadonlySignal<Counts | undefined>;
  /** When that was, epoch milliseconds by this device's clock. */
  readonly countedAt: ReadonlySignal<number | undefined>;
  /** Why it is not counted now. */
  readonly problem: ReadonlySignal<NearcastError | undefined>;
  readonly #poll: Poll<CountsQuery, Counts>;

  /** @param failed told why something is not counted, of the same only once */
  constructor(failed: (error: NearcastError) => void) {
    this.#poll = new Poll<CountsQuery, Counts>({
      pace: PACE,
      page: document,
      ask: ({ client, bbox, resolution, where }, signal) => countCells(client, bbox, resolution, where, signal),
      failed,
    });
    this.counts = computed(() => this.#poll.answered.value?.answer);
    this.countedAt = computed(() => this.#poll.answered.value?.at);
    this.problem = this.#poll.problem;
  }

  /** Counts this from now on; nothing, when it is undefined. */
  ask(query: CountsQuery | undefined): void {
    this.#poll.ask(query);
  }
}
