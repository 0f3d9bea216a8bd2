import { computed, effect, type ReadonlySignal, signal, untracked } from '@preact/signals';
import type { Feature, FeatureCollection } from 'geojson';
import { type Nearby, type Nearcast, NearcastError, type Where } from '../../client/index.ts';
import { wrapLng } from '../map/bbox.ts';
import { formatDistance } from '../ui/format.ts';
import { type Corner, rounded } from './area-link.ts';
import { isFinal } from './density.ts';
import { nearTo } from './drawing.ts';

/** How often it is asked again, milliseconds. */
const PACE = 2_000;

/** What is asked with. */
export interface Asker {
  readonly client: ReadonlySignal<Nearcast | undefined>;
  readonly where: ReadonlySignal<Where>;
  failed(error: NearcastError): void;
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
  readonly #answer = signal<Nearby | undefined>(undefined);
  readonly #problem = signal<NearcastError | undefined>(undefined);
  readonly #asker: Asker;
  readonly #end: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking = new AbortController();
  readonly #seen = () => {
    if (!document.hidden && this.#timer === undefined && this.#again !== undefined) this.#again();
  };
  #again: (() => void) | undefined;

  constructor(asker: Asker) {
    this.#asker = asker;
    this.answer = this.#answer;
    this.problem = this.#problem;
    const question = computed(() => {
      const [client, point] = [asker.client.value, this.point.value];
      if (client === undefined || point === undefined) return undefined;
      const query = { limit: this.count.value, radius: this.radius.value, where: asker.where.value };
      return { client, query: { latitude: point.lat, longitude: point.lng, ...query } };
    });
    document.addEventListener('visibilitychange', this.#seen);
    this.#end = effect(() => {
      const asked = question.value;
      untracked(() => {
        this.#stop();
        if (asked === undefined) return;
        this.#again = () => void this.#ask(asked.client, asked.query);
        this.#again();
      });
    });
  }

  /** Looks from another place. */
  from({ lat, lng }: Corner): void {
    this.#answer.value = undefined;
    this.point.value = rounded({ lat, lng: wrapLng(lng) });
  }

  close(): void {
    this.#end();
    this.#stop();
    document.removeEventListener('visibilitychange', this.#seen);
  }

  async #ask(client: Nearcast, query: Parameters<Nearcast['nearby']>[0]): Promise<void> {
    const { signal: aborted } = this.#asking;
    this.#timer = undefined;
    const again = this.#again;
    this.#again = undefined;
    let wait = PACE;
    try {
      const answer = await client.nearby(query, { signal: aborted });
      this.#answer.value = answer;
      this.#problem.value = undefined;
    } catch (error) {
      if (aborted.aborted) return;
      if (!(error instanceof NearcastError)) throw error;
      wait = Math.max(PACE, (error.retryAfter ?? 0) * 1000);
      // What goes on going wrong is told once.
      if (this.#problem.value?.code !== error.code) this.#asker.failed(error);
      this.#problem.value = error;
      this.#answer.value = undefined;
      // Another token, place or question asks anew.
      if (isFinal(error.code)) return;
    }
    if (aborted.aborted) return;
    this.#again = again;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // Nobody looks; it goes on when somebody does.
      if (!document.hidden) this.#again?.();
    }, wait);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#again = undefined;
    this.#asking.abort();
    this.#asking = new AbortController();
  }
}

/** Where a driver is drawn now; undefined where it is not. */
type Drawn = (driverId: string) => Corner | undefined;

/** The place, and a line to each of the nearest, to where they are drawn now. */
export function nearestShape(point: Corner | undefined, answer: Nearby | undefined, drawn: Drawn): FeatureCollection {
  if (point === undefined) return { type: 'FeatureCollection', features: [] };
  const features: Feature[] = [];
  for (const { driverId, latitude, longitude, distance } of answer?.drivers ?? []) {
    const { lat, lng } = nearTo(point, drawn(driverId) ?? { lat: latitude, lng: longitude });
    const [from, to] = [
      [point.lng, point.lat],
      [lng, lat],
    ];
    features.push({ type: 'Feature', properties: {}, geometry: { type: 'LineString', coordinates: [from, to] } });
    const properties = { label: formatDistance(distance) };
    features.push({ type: 'Feature', properties, geometry: { type: 'Point', coordinates: to } });
  }
  const here = [point.lng, point.lat];
  features.push({ type: 'Feature', properties: { here: true }, geometry: { type: 'Point', coordinates: here } });
  return { type: 'FeatureCollection', features };
}
