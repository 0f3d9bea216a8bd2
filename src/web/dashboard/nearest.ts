import { computed, effect, type ReadonlySignal, signal, untracked } from '@preact/signals';
import type { Feature, FeatureCollection } from 'geojson';
import type { Nearby, NearbyQuery, Nearcast, NearcastError, Where } from '../../client/index.ts';
import { wrapLng } from '../map/bbox.ts';
import { formatDistance } from '../ui/format.ts';
import { type Corner, rounded } from './area-link.ts';
import { nearTo } from './drawing.ts';
import { type Looked, Poll } from './poll.ts';

/** How often it is asked again, milliseconds. */
const PACE = 2_000;

/** What is asked with. */
export interface Asker {
  readonly client: ReadonlySignal<Nearcast | undefined>;
  readonly where: ReadonlySignal<Where>;
  readonly page: Looked;
  failed(error: NearcastError): void;
}

/** What is asked. */
interface Question {
  readonly client: Nearcast;
  readonly query: NearbyQuery;
}

/** Asks who is nearest to a place, again and again while somebody looks. */
export class NearestSearch {
  readonly point = signal<Corner | undefined>(undefined);
  /** The most drivers. */
  readonly count = signal(5);
  /** Metres. */
  readonly radius = signal(5_000);
  /** The last answer to what is asked now. */
  readonly answer: ReadonlySignal<Nearby | undefined>;
  /** Why there is none. */
  readonly problem: ReadonlySignal<NearcastError | undefined>;
  readonly #poll: Poll<Question, Nearby>;
  readonly #end: () => void;

  constructor(asker: Asker) {
    this.#poll = new Poll<Question, Nearby>({
      pace: PACE,
      page: asker.page,
      ask: async ({ client, query }, signal) => {
        const answer = await client.nearby(query, { signal });
        if (!Array.isArray(answer?.drivers)) throw new TypeError('What nearby answered has no drivers.');
        return answer;
      },
      failed: asker.failed,
    });
    const question = computed((): Question | undefined => {
      const [client, point] = [asker.client.value, this.point.value];
      if (client === undefined || point === undefined) return undefined;
      const query = { limit: this.count.value, radius: this.radius.value, where: asker.where.value };
      return { client, query: { latitude: point.lat, longitude: point.lng, ...query } };
    });
    this.answer = computed(() => {
      const answered = this.#poll.answered.value;
      const isOfNow = answered !== undefined && answered.question === question.value;
      return isOfNow && this.#poll.problem.value === undefined ? answered.answer : undefined;
    });
    this.problem = this.#poll.problem;
    this.#end = effect(() => {
      const asked = question.value;
      untracked(() => this.#poll.ask(asked));
    });
  }

  /** Looks from another place. */
  from({ lat, lng }: Corner): void {
    this.point.value = rounded({ lat, lng: wrapLng(lng) });
  }

  close(): void {
    this.#end();
    this.#poll.close();
  }
}

/** Where a driver is drawn now; undefined where it is not. */
type Drawn = (driverId: string) => Corner | undefined;

/** The place, and a line to each of the nearest, to where they are drawn now. */
export function nearestShape(point: Corner | undefined, answer: Nearby | undefined, drawn: Drawn): FeatureCollection {
  if (point === undefined) return { type: 'FeatureCollection', features: [] };
  const features: Feature[] = [];
  for (const { driverId, latitude, longitude, distance } of answer?.drivers ?? []) {
    const seen = drawn(driverId);
    const { lat, lng } = nearTo(point, seen ?? { lat: latitude, lng: longitude });
    const [from, to] = [
      [point.lng, point.lat],
      [lng, lat],
    ];
    features.push({ type: 'Feature', properties: {}, geometry: { type: 'LineString', coordinates: [from, to] } });
    const properties = { label: formatDistance(distance) };
    features.push({ type: 'Feature', properties, geometry: { type: 'Point', coordinates: to } });
    // Whom the map does not show, as while another area is watched, is shown here.
    if (seen === undefined) {
      features.push({ type: 'Feature', properties: { unseen: true }, geometry: { type: 'Point', coordinates: to } });
    }
  }
  const here = [point.lng, point.lat];
  features.push({ type: 'Feature', properties: { here: true }, geometry: { type: 'Point', coordinates: here } });
  return { type: 'FeatureCollection', features };
}
