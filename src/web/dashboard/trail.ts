import { type ReadonlySignal, signal } from '@preact/signals';
import type { Feature, LineString } from 'geojson';
import type { Nearcast, Position } from '../../client/index.ts';
import { unrolled } from '../map/unroll.ts';
import { asError } from '../session/as-error.ts';

/** How far back a trail goes, milliseconds. */
const TRAIL_TIME = 3_600_000;
/** Metres: fixes that show no more than this are left out. */
const SIMPLIFY = 3;
/** Fixes of one answer. */
const PAGE = 1_000;

/** How a trail stands. */
export type TrailState = 'off' | 'loading' | 'shown' | 'empty' | 'no history' | 'failed';

/** A place on a trail, and when the driver was there. */
interface Step {
  readonly coordinates: [lng: number, lat: number];
  readonly timestamp: number;
}

/** Where one driver was in the last hour, and goes on to be. */
export class Trail {
  readonly state: ReadonlySignal<TrailState>;
  /** The line to be drawn; undefined where there is none. */
  readonly line: ReadonlySignal<Feature<LineString> | undefined>;
  readonly #state = signal<TrailState>('off');
  readonly #line = signal<Feature<LineString> | undefined>(undefined);
  #driverId: string | undefined;
  #loading: AbortController | undefined;
  #steps: Step[] = [];

  constructor() {
    this.state = this.#state;
    this.line = this.#line;
  }

  /** Shows the trail of a driver in the hour until then, or none. @param until epoch milliseconds */
  async show(client: Nearcast | undefined, driverId: string | undefined, until: number): Promise<void> {
    this.#loading?.abort();
    this.#driverId = driverId;
    this.#steps = [];
    this.#draw();
    if (client === undefined || driverId === undefined) {
      this.#state.value = 'off';
      return;
    }
    const loading = new AbortController();
    const { signal: aborted } = loading;
    this.#loading = loading;
    this.#state.value = 'loading';
    const to = Math.round(until);
    const from = to - TRAIL_TIME;
    const past: Step[] = [];
    try {
      for await (const fix of client.history(
        driverId,
        { from, to, simplify: SIMPLIFY, limit: PAGE },
        { signal: aborted },
      )) {
        past.push(stepOf(fix));
      }
    } catch (error) {
      if (aborted.aborted) return;
      const { code } = asError(error);
      const isKnown = code === 'not_found' || code === 'forbidden';
      this.#state.value = isKnown ? 'no history' : 'failed';
      return;
    }
    if (aborted.aborted) return;
    const last = past.at(-1)?.timestamp ?? 0;
    // What was pushed meanwhile may be in both.
    this.#steps = [...past, ...this.#steps.filter(({ timestamp }) => timestamp > last)];
    this.#draw();
    this.#state.value = this.#steps.length > 1 ? 'shown' : 'empty';
  }

  /** The driver has gone on. */
  add(position: Position): void {
    if (position.driverId !== this.#driverId) return;
    const last = this.#steps.at(-1);
    if (last !== undefined && last.timestamp >= position.timestamp) return;
    this.#steps.push(stepOf(position));
    const since = position.timestamp - TRAIL_TIME;
    while (this.#steps[0].timestamp < since) this.#steps.shift();
    if (this.#state.value === 'empty' && this.#steps.length > 1) this.#state.value = 'shown';
    if (this.#state.value !== 'loading') this.#draw();
  }

  #draw(): void {
    this.#line.value =
      this.#steps.length < 2
        ? undefined
        : {
            type: 'Feature',
            properties: {},
            geometry: { type: 'LineString', coordinates: unrolled(this.#steps.map((step) => step.coordinates)) },
          };
  }
}

function stepOf({ longitude, latitude, timestamp }: Position): Step {
  return { coordinates: [longitude, latitude], timestamp };
}
