import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Position } from '../../src/client/index.ts';

const DEMO = fileURLToPath(new URL('../../src/sim/demo.ts', import.meta.url));

/** A demo that runs, by the links that it printed. */
export interface RunningDemo {
  /** Of the server, `http://…`. */
  readonly url: string;
  /** Of one who watches all, of a driver, and of a rider. */
  readonly tokens: Readonly<Record<'' | 'driver' | 'rider', string>>;
  /** Who is nearest to a place. */
  nearby(place: { lat: number; lng: number }, filters?: string): Promise<Position[]>;
  /** Where a driver was in the last hour, without what is on the way from one turn to the next. */
  trail(driverId: string): Promise<[lng: number, lat: number][]>;
}

/**
 * Starts the demo as a person does, on a port and with data of its own, on its own map: so pictures are the same with a network
 * and without.
 *
 * @param atEnd gets what ends it, and leaves nothing, before it is there
 */
export async function startDemo(drivers: number, atEnd: (() => unknown)[]): Promise<RunningDemo> {
  const directory = await mkdtemp(join(tmpdir(), 'nearcast-pictures-'));
  const options = [
    '--port',
    '0',
    '--data-dir',
    directory,
    '--map',
    'street',
    '--seed',
    '1',
    '--drivers',
    String(drivers),
  ];
  const child = spawn(process.execPath, [DEMO, ...options], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  atEnd.push(async () => {
    child.kill('SIGINT');
    await ended;
    process.off('exit', kill);
    await rm(directory, { recursive: true, force: true });
  });
  const lines = createInterface({ input: child.stdout });
  const said: string[] = [];
  // Its status line goes on and on there.
  child.stderr.on('data', (data) => said.push(String(data)));
  await new Promise<void>((resolve) => {
    lines.on('line', (line) => {
      said.push(line);
      if (line.startsWith('Ctrl-C')) resolve();
    });
    lines.on('close', resolve);
  });
  child.stderr.removeAllListeners('data').resume();
  const text = said.join('\n');
  const link = (page: string) => new RegExp(`(http://[^/\\s]+)/${page}#token=([^&\\s]+)`).exec(text) ?? [];
  const [, url, token] = link('');
  if (url === undefined) throw new Error(`The demo did not start:\n${text}`);
  const get = async <T>(path: string) => {
    const answer = await fetch(`${url}/v1/drivers/${path}`, { headers: { authorization: `Bearer ${token}` } });
    return (await answer.json()) as T;
  };
  return {
    url,
    tokens: { '': token, driver: link('driver')[2], rider: link('rider')[2] },
    nearby: async ({ lat, lng }, filters = '') => {
      const { drivers } = await get<{ drivers: Position[] }>(
        `nearby?latitude=${lat}&longitude=${lng}&radius=5000${filters}`,
      );
      return drivers;
    },
    trail: async (driverId) => {
      const { geometry } = await get<{ geometry: { coordinates: [number, number][] } }>(
        `${driverId}/track?simplify=10`,
      );
      return geometry.coordinates;
    },
  };
}
