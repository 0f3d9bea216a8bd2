import type { Fleet } from '../fleet.ts';
import type { Judged } from '../ingest.ts';
import { AREA_KINDS, kindOf } from '../subscriptions/area.ts';
import type { Tracker } from '../tracker.ts';
import type { Instruments } from './instruments.ts';

/** What comes in. */
export function fixMetrics(on: Instruments, { verdicts, refusals }: Judged): void {
  on.counter('nearcast_fixes_total', 'Fixes, by verdict and, of those refused, by code.', ['verdict', 'code'], () => [
    ...Object.entries(verdicts).map(([verdict, value]) => ({ labels: { verdict }, value })),
    ...Object.entries(refusals).map(([code, value]) => ({ labels: { verdict: 'refused', code }, value })),
  ]);
}

/** What is known, and who watches it. */
export function trackerMetrics(on: Instruments, tracker: Tracker): void {
  const sum = (read: (fleet: Fleet) => number, fleets: () => Iterable<Fleet>) => () => {
    let value = 0;
    for (const fleet of fleets()) value += read(fleet);
    return [{ value }];
  };
  const fleets = () => tracker.fleets();
  const aspects = () => tracker.aspects();
  on.gauge(
    'nearcast_drivers',
    'Drivers known, of all fleets.',
    [],
    sum(({ drivers }) => drivers.size, fleets),
  );
  on.gauge(
    'nearcast_fleets',
    'Fleets that have drivers or watchers.',
    [],
    sum(() => 1, fleets),
  );
  on.gauge(
    'nearcast_index_nodes',
    'Cells of the index of places.',
    [],
    sum(({ index }) => index.nodes, aspects),
  );
  on.gauge(
    'nearcast_index_bytes',
    'Memory of the index of places.',
    [],
    sum(({ index }) => index.bytes, aspects),
  );
  on.gauge('nearcast_subscriptions', 'Subscriptions, by kind of area.', ['area'], () => {
    const counts = Object.fromEntries(AREA_KINDS.map((kind) => [kind, 0]));
    for (const { subscriptions } of aspects()) {
      for (const { asked } of subscriptions) counts[kindOf(asked.area)]++;
    }
    return AREA_KINDS.map((area) => ({ labels: { area }, value: counts[area] }));
  });
}
