import type { RedisClient } from './redis-connection.ts';
import { SLOTS } from './redis-slots.ts';
import { nameOf, type RedisAddress } from './redis-url.ts';

/** Which server has which slots: of a single server, all are that one's. */
export interface RedisTopology {
  readonly isCluster: boolean;
  readonly masters: readonly RedisAddress[];
  /** For each slot, the place of its master in `masters`; {@link NOBODY}: it has none. */
  readonly owners: Uint16Array;
}

export const NOBODY = 0xffff;

/** A range of slots, as CLUSTER SLOTS has it: the first of its nodes is its master. */
type SlotRange = readonly [from: number, to: number, master: readonly [host: string | null, port: number]];

/** What a server knows of itself and its like. @param asked where that server is */
export async function askTopology(client: RedisClient, asked: RedisAddress): Promise<RedisTopology> {
  const info = String(await client.sendCommand(['INFO', 'cluster']));
  if (!info.includes('cluster_enabled:1')) {
    return { isCluster: false, masters: [asked], owners: new Uint16Array(SLOTS) };
  }
  const ranges = (await client.sendCommand(['CLUSTER', 'SLOTS'])) as unknown as readonly SlotRange[];
  const masters = new Map<string, RedisAddress>();
  const owners = new Uint16Array(SLOTS).fill(NOBODY);
  // The same masters in the same order, whoever is asked.
  for (const [from, to, [host, port]] of [...ranges].sort((a, b) => a[0] - b[0])) {
    // It knows its own address but by that of whoever asks; one that nobody knows cannot be reached.
    if (host === '?') continue;
    const address = { host: host || asked.host, port };
    const name = nameOf(address);
    if (!masters.has(name)) masters.set(name, address);
    owners.fill([...masters.keys()].indexOf(name), from, to + 1);
  }
  return { isCluster: true, masters: [...masters.values()], owners };
}

/** Whether both say the same. */
export function isSameTopology(a: RedisTopology, b: RedisTopology): boolean {
  return (
    a.isCluster === b.isCluster &&
    a.masters.length === b.masters.length &&
    a.masters.every((master, i) => nameOf(master) === nameOf(b.masters[i])) &&
    a.owners.every((owner, slot) => owner === b.owners[slot])
  );
}

/** Rejects when a node's cluster does not serve. */
export async function checkCluster(client: RedisClient): Promise<void> {
  const info = String(await client.sendCommand(['CLUSTER', 'INFO']));
  if (!info.includes('cluster_state:ok')) throw new Error('its cluster is down');
}

/** Rejects when a single server is not one to publish on: what a replica is told, its master's subscribers never hear. */
export async function checkSingle(client: RedisClient): Promise<void> {
  const info = String(await client.sendCommand(['INFO', 'replication']));
  if (!info.includes('role:master')) throw new Error('is a replica');
}
