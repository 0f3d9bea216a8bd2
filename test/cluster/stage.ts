import { vi } from 'vitest';
import type { Client, Message } from '../support/client.ts';
import type { Cluster, Instance } from '../support/cluster.ts';
import type { TestRedis } from '../support/redis.ts';
import type { Tap } from './tap.ts';

/** A cluster of three that several tests use one after the other, each with fleets of its own. */
export interface Stage {
  readonly cluster: Cluster;
  readonly redis: TestRedis;
  /** On the way of the second instance to Redis. */
  readonly tap: Tap;
}

/** What tests of one subject are given: the stage is set only once they run. */
export type OnStage = () => Stage;

let fleets = 0;

/** The name of a fleet that nobody else has. */
export function newFleet(): string {
  return `fleet-${++fleets}`;
}

/** Milliseconds in which what one instance accepts is known to the others, on a busy machine. */
export const SOON = 5_000;

/** Resolves when a condition holds, which is asked again and again. */
export function until(look: () => void | Promise<void>, timeout = SOON): Promise<void> {
  return vi.waitFor(look, { timeout, interval: 10 });
}

/** A client of an instance who watches an area; its first snapshot is there. */
export async function watching(
  instance: Instance,
  fleet: string,
  area: object,
  more: object = {},
): Promise<{ client: Client; snapshot: Message }> {
  const client = await instance.connect(fleet);
  const snapshot = await client.ask({ type: 'subscribe', subscription: 'default', ...area, ...more }, 'snapshot');
  return { client, snapshot };
}

/** All exits that a client heard of, as `driverId reason`. */
export function exitsOf(client: Client): string[] {
  return client.heard.flatMap(({ exit = [] }) => exit.map(({ driverId, reason }: Message) => `${driverId} ${reason}`));
}
