import { expect, test, vi } from 'vitest';
import { MemoryAccess } from '../../src/store/memory-access.ts';
import { StoreUnavailable } from '../../src/store/store.ts';
import { HintHub } from '../support/hints.ts';
import { scrape } from '../support/metrics.ts';
import { startServer } from '../support/server.ts';
import { clusterState } from './cluster-state.ts';

test('what instances do together is told as it was counted, and of a single one nothing', async () => {
  const state = clusterState();
  const stream = { entries: 51, waiting: 52, dropped: 53, failures: 54 };
  const { by, value } = await scrape(await startServer({ clusterState: state, stream }));
  expect([
    value('nearcast_bus_up'),
    value('nearcast_bus_unreadable_total'),
    value('nearcast_bus_unsent_total'),
  ]).toEqual([1, 15, 16]);
  expect(by('nearcast_bus_messages_total', 'direction')).toEqual({ in: 11, out: 12 });
  expect(by('nearcast_bus_bytes_total', 'direction')).toEqual({ in: 13, out: 14 });
  expect(by('nearcast_leases', 'state')).toEqual({ opening: 0, loading: 1, held: 3, doubtful: 1 });
  expect(by('nearcast_lease_loads_total', 'reason')).toEqual(state.stats.loads);
  expect([value('nearcast_lease_load_failures_total'), value('nearcast_lease_gaps_total')]).toEqual([28, 17]);
  expect(by('nearcast_cold_queries_total', 'query')).toEqual(state.stats.cold);
  expect([value('nearcast_drivers_met_total'), value('nearcast_drivers_adopted_total')]).toEqual([41, 42]);
  const names = ['entries_total', 'waiting', 'dropped_total', 'failures_total'];
  expect(names.map((name) => value(`nearcast_stream_${name}`))).toEqual([51, 52, 53, 54]);
  const down = await scrape(await startServer({ clusterState: { ...state, isUp: false } }));
  expect(down.value('nearcast_bus_up')).toBe(0);
  const alone = await scrape(await startServer());
  expect(
    [...alone.help.keys()].filter((name) => /_(bus|lease|leases|cold|stream|access)_|_(met|adopted)_/.test(name)),
  ).toEqual([]);
});

test('how long ago it was read what others revoked grows while the store is away, and starts anew when it is back', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  try {
    class Access extends MemoryAccess {
      away = false;
      override async changesSince(mark: string) {
        if (this.away) throw new StoreUnavailable('away');
        return super.changesSince(mark);
      }
    }
    const access = new Access();
    const server = await startServer({ access, accessHints: new HintHub().channel() });
    const behind = async () => (await scrape(server)).value('nearcast_access_behind_seconds');
    await vi.advanceTimersByTimeAsync(8_500);
    expect(await behind()).toBeLessThan(4);
    access.away = true;
    await vi.advanceTimersByTimeAsync(100_000);
    expect(await behind()).toBeGreaterThan(99);
    access.away = false;
    await vi.advanceTimersByTimeAsync(4_000);
    expect(await behind()).toBeLessThan(4);
  } finally {
    vi.useRealTimers();
  }
});
