import { cellToParent, latLngToCell } from 'h3-js';
import { type AskedArea, circle } from '../support/areas.ts';
import type { Message } from '../support/belief.ts';
import type { Answered, Instance } from '../support/cluster.ts';
import { trueDistance } from '../support/geodesic.ts';
import type { Random } from '../support/random.ts';
import { areaIn, near, type Scene } from './scenes.ts';
import { differs, type Filters, type Known, type Truth } from './truth.ts';

/** Something that is asked over REST, and the answer by what is so. */
export interface Question {
  readonly path: string;
  /** How an instance's answer differs from what is so; nothing when it is right. */
  ask(instance: Instance): Promise<string | undefined>;
}

/** Half of the last decimal that is told, metres. */
const ROUNDING = 0.05 + 1e-6;

/** Asks for something about a part of the world. */
export function question(
  fleet: string,
  truth: Truth,
  scene: Scene,
  driverIds: readonly string[],
  random: Random,
): Question {
  const filters: Filters = {
    where: random.below(3) === 0 ? ['status', ['free']] : undefined,
    maxAge: random.below(5) === 0 ? 3_600 : undefined,
  };
  const [lat, lng] = near(scene.centre, random);
  switch (random.below(4)) {
    case 0:
      return nearby(fleet, truth, [lat, lng, random.pick([500, 10_000, 100_000])], 1 + random.below(30), filters);
    case 1:
      return within(fleet, truth, standing(scene, random), random.pick([3, 100]), filters);
    case 2:
      return cells(fleet, truth, standing(scene, random), random.pick([2, 4, 6, 9]), filters);
    default:
      return driver(fleet, truth, random.pick(driverIds));
  }
}

/** Around a driver who is not known nothing can be asked. */
function standing(scene: Scene, random: Random): AskedArea {
  for (;;) {
    const area = areaIn(scene, random, ['']);
    if (area.kind !== 'around') return area;
  }
}

export function nearby(
  fleet: string,
  truth: Truth,
  [lat, lng, radius]: readonly [number, number, number],
  limit: number,
  filters: Filters = {},
): Question {
  const path = `/v1/drivers/nearby?latitude=${lat}&longitude=${lng}&radius=${radius}&limit=${limit}${written(filters)}`;
  return {
    path,
    async ask(instance) {
      const answer = await instance.get(fleet, path);
      if (answer.status !== 200) return told(answer);
      const far = (known: Known) => trueDistance(lat, lng, known.latitude, known.longitude);
      const all = truth.inside(circle(lat, lng, radius), filters).sort((a, b) => far(a) - far(b));
      const { drivers, truncated = false } = answer.body;
      if (truncated !== all.length > limit) return `truncated is ${truncated}, and there are ${all.length}`;
      return compare(drivers, all.slice(0, limit), far);
    },
  };
}

export function within(fleet: string, truth: Truth, area: AskedArea, limit: number, filters: Filters = {}): Question {
  const path = `/v1/drivers?${area.query}&limit=${limit}${written(filters)}`;
  return {
    path,
    async ask(instance) {
      const drivers: Message[] = [];
      for (let page: string | undefined = path; page !== undefined; ) {
        const answer = await instance.get(fleet, page);
        if (answer.status !== 200) return told(answer);
        if (answer.body.drivers.length > limit) return `a page of ${answer.body.drivers.length}`;
        drivers.push(...answer.body.drivers);
        page = answer.body.next;
      }
      const centre = area.kind === 'around' ? truth.drivers.get(String(area.fields.around)) : area.fields;
      const { latitude, longitude } = centre ?? {};
      const far =
        latitude === undefined
          ? undefined
          : (known: Known) => trueDistance(Number(latitude), Number(longitude), known.latitude, known.longitude);
      return compare(drivers, truth.inside(area, filters), far);
    },
  };
}

export function cells(
  fleet: string,
  truth: Truth,
  area: AskedArea,
  resolution: number,
  filters: Filters = {},
): Question {
  const path = `/v1/cells?resolution=${resolution}&limit=5&${area.query}${written(filters)}`;
  return {
    path,
    async ask(instance) {
      const found: [string, number][] = [];
      for (let page: string | undefined = path; page !== undefined; ) {
        const answer = await instance.get(fleet, page);
        if (answer.status !== 200) return told(answer);
        for (const { cell, count } of answer.body.cells) found.push([cell, count]);
        page = answer.body.next;
      }
      const counts = new Map<string, number>();
      for (const { latitude, longitude } of truth.inside(area, filters)) {
        const cell = cellToParent(latLngToCell(latitude, longitude, 15), resolution);
        counts.set(cell, (counts.get(cell) ?? 0) + 1);
      }
      const wanted = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
      return String(found) === String(wanted) ? undefined : `cells are ${found} instead of ${wanted}`;
    },
  };
}

export function driver(fleet: string, truth: Truth, driverId: string): Question {
  const path = `/v1/drivers/${encodeURIComponent(driverId)}`;
  return {
    path,
    async ask(instance) {
      const answer = await instance.get(fleet, path);
      const known = truth.drivers.get(driverId);
      if (answer.status === 404) return known === undefined ? undefined : `${driverId} is not known`;
      if (answer.status !== 200) return told(answer);
      return known === undefined ? `${driverId} is still known` : differs(answer.body, known);
    },
  };
}

function compare(
  found: readonly Message[],
  wanted: readonly Known[],
  far: ((known: Known) => number) | undefined,
): string | undefined {
  const ids = [found, wanted].map((list) => list.map(({ driverId }) => driverId).join());
  if (ids[0] !== ids[1]) return `found are [${ids[0]}] instead of [${ids[1]}]`;
  for (const [i, known] of wanted.entries()) {
    const fault = differs(found[i], known);
    if (fault !== undefined) return fault;
    const { distance } = found[i];
    if (far === undefined ? distance !== undefined : !(Math.abs(distance - far(known)) <= ROUNDING)) {
      return `${known.driverId} is told to be ${distance} m off, and is ${far?.(known)}`;
    }
  }
  return undefined;
}

function written({ where, maxAge }: Filters): string {
  const values = where?.[1].map((value) => `&attributes.${where[0]}=${value}`).join('') ?? '';
  return maxAge === undefined ? values : `${values}&maxAge=${maxAge}`;
}

function told({ status, text }: Answered): string {
  return `it is answered ${status}: ${text.slice(0, 300)}`;
}
