import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { distance } from '../../src/geo/distance.ts';
import { MANHATTAN } from '../../src/sim/city.ts';
import { slowDescribe } from '../support/slow.ts';
import { fromGrid } from './on-streets.ts';

const MINUTES = 20;

let directory: string;
let child: ChildProcess;
let exited: Promise<unknown[]>;
let url: string;
let token: string;
const output: string[] = [];

/** The demo as a person starts it: few drivers, many of them silent, who are soon stale. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nearcast-demo-'));
  const options = ['--port', '0', '--data-dir', directory, '--drivers', '30', '--silent', '0.4', '--map', 'street'];
  child = spawn(process.execPath, ['src/sim/demo.ts', ...options, '--past', String(MINUTES)], {
    env: { ...process.env, DRIVER_TTL_SECONDS: '2', JWT_SECRET: undefined, HISTORY_RETENTION_DAYS: undefined },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  for await (const line of lines) {
    output.push(line);
    if (line.startsWith('Ctrl-C')) break;
  }
  [, url, token] = / {2}Open {2}(http:.*)\/#token=([^&]+)/.exec(output.join('\n')) ?? [];
});

afterAll(async () => {
  child?.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
});

async function get<T>(path: string): Promise<T> {
  const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
  expect(answer.status).toBe(200);
  return (await answer.json()) as T;
}

interface Track {
  readonly geometry: { readonly coordinates: [lng: number, lat: number][] };
  readonly properties: {
    readonly timestamps: number[];
    readonly attributes: { index: number; attributes: { status: string; ride?: string } }[];
  };
}

slowDescribe('the demo', () => {
  test('prints one link first, alone on its line, that says where the city is; then what else there is', () => {
    const ready = output.findIndex((line) => line.startsWith('Nearcast is ready'));
    const [first, ...others] = output.slice(ready + 1).filter((line) => line !== '');
    expect(first).toMatch(/^ {2}Open {2}http:\/\/127\.0\.0\.1:\d+\/#token=[\w.-]+&at=40\.7549,-73\.984,13(\.\d)?$/);
    expect(others.join('\n')).toContain(`${url}/driver#token=`);
    expect(others.join('\n')).toContain(`${url}/rider#token=`);
    expect(others.join('\n')).toContain(`export TOKEN=${token}`);
  });

  test('shows drivers go stale who have gone silent', async () => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, { headers: { authorization: `Bearer ${token}` } });
    const stale = new Set<string>();
    const inside = new Set<string>();
    try {
      await new Promise((resolve, reject) => {
        socket.on('error', reject);
        socket.on('open', () => socket.send(JSON.stringify({ type: 'subscribe', subscription: 'all' })));
        socket.on('message', (data) => {
          const { drivers = [], enter = [], exit = [] } = JSON.parse(String(data));
          for (const { driverId } of [...drivers, ...enter]) inside.add(driverId);
          for (const { driverId, reason } of exit) if (reason === 'stale') stale.add(driverId);
          if (stale.size > 0 && inside.size > 10) resolve(undefined);
        });
      });
    } finally {
      socket.terminate();
    }
    for (const driverId of stale) expect(inside).toContain(driverId);
  });

  test('has a past, in which rides begin and end, that goes on into the present along the streets', async () => {
    const live = await vi.waitUntil(
      async () => {
        const { drivers } = await get<{ drivers: { driverId: string; timestamp: number }[] }>('/v1/drivers?limit=1000');
        return drivers.length > 8 && drivers.map(({ driverId }) => driverId);
      },
      { timeout: 20_000 },
    );
    const steps = new Map<string, number>();
    for (const driverId of live) {
      const { geometry, properties } = await get<Track>(`/v1/drivers/${driverId}/track?limit=10000`);
      const { timestamps, attributes } = properties;
      expect(timestamps.length).toBeGreaterThan(20);
      expect(timestamps).toEqual([...new Set(timestamps)].sort((a, b) => a - b));
      const seconds = (timestamps[timestamps.length - 1] - timestamps[0]) / 1000;
      expect(seconds).toBeLessThan((MINUTES + 2) * 60);
      for (const [n, [lng, lat]] of geometry.coordinates.entries()) {
        // Places are told to a centimetre.
        expect(fromGrid(MANHATTAN, { lat, lng })).toBeLessThan(0.02);
        if (n === 0) continue;
        // Nobody jumps, between then and now neither.
        const [before] = geometry.coordinates.slice(n - 1);
        const seconds = (timestamps[n] - timestamps[n - 1]) / 1000;
        expect(distance(before[1], before[0], lat, lng)).toBeLessThan(14 * (seconds + 0.01) + 0.03);
      }
      for (const [n, { attributes: after }] of attributes.entries()) {
        expect(after.ride === undefined).toBe(after.status === 'available');
        if (n === 0) continue;
        const { attributes: before, index } = attributes[n - 1];
        // In the gaps of those who are silent much may happen.
        const [from, to] = [timestamps[attributes[n].index - 1], timestamps[attributes[n].index]];
        if (to - from > 20_000 || index < 0) continue;
        const step = `${before.status} ${after.status}`;
        steps.set(step, (steps.get(step) ?? 0) + 1);
        if (step === 'pickup busy') expect(after.ride).toBe(before.ride);
      }
    }
    expect([...steps.keys()].sort()).toEqual(['available pickup', 'busy available', 'pickup busy']);
  });

  test('ends with all that it started when it is interrupted, and when it is again', async () => {
    child.kill('SIGINT');
    child.kill('SIGINT');
    expect(await exited).toEqual([0, null]);
    await expect(fetch(`${url}/livez`)).rejects.toThrow();
  });
});
