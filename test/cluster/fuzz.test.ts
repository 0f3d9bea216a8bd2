import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import { bearer, Cluster, type SharedBus } from '../support/cluster.ts';
import { Network } from '../support/network.ts';
import { findPostgres } from '../support/postgres.ts';
import { type Random, seeded } from '../support/random.ts';
import { findRedis, startRedis, startRedisCluster } from '../support/redis.ts';
import { describeWith } from '../support/services.ts';
import { slowTest } from '../support/slow.ts';
import { Run, type Size } from './run.ts';
import { both, instanceTroubles, redisClusterTroubles, redisTroubles, type Trouble } from './trouble.ts';

const SIZE: Size = { drivers: 24, watchers: 10, questions: 8, pace: [30, 120] };
/** Milliseconds in which all must be right on a busy machine, while nothing is wrong, and after something was. */
const SOON = 3_000;
const HEALED = 20_000;
/** Milliseconds of a round in which nothing is wrong. */
const CALM = 1_500;
/** Milliseconds in which whatever is late by design is there: what was right before is right after. */
const AFTERMATH = 7_000;
/** Of so many drivers that are shown wrongly it is told what each instance says. */
const SAID = 3;

const postgres = findPostgres();
const redis = findRedis();
const found = postgres === undefined || redis === undefined ? undefined : { postgres, redis };

describeWith('PostgreSQL with PostGIS, or redis-server,', found, 'three instances', ({ postgres, redis }) => {
  slowTest('over one Redis tell what is so, whatever happens', { timeout: 300_000 }, async () => {
    const bus = await startRedis(redis);
    const way = await Network.to(bus.port);
    const cluster = await start(bus, (instance) => (instance === 2 ? `redis://127.0.0.1:${way.port}` : undefined));
    const random = seeded('cluster, one Redis');
    const ofBus = redisTroubles(bus, way);
    const ofInstances = instanceTroubles(cluster, random);
    await expectTruth(cluster, runs(cluster, random), [
      ...ofBus,
      ...ofInstances,
      both(random.pick(ofBus), random.pick(ofInstances)),
      both(random.pick(ofBus), random.pick(ofInstances)),
    ]);
  });

  slowTest('over a Redis Cluster of three nodes tell what is so, whatever happens', { timeout: 300_000 }, async () => {
    const bus = await startRedisCluster(redis);
    const cluster = await start(bus);
    const random = seeded('cluster, Redis Cluster');
    await expectTruth(cluster, runs(cluster, random), [
      ...redisClusterTroubles(bus, random),
      ...instanceTroubles(cluster, random).slice(0, 1),
    ]);
  });

  async function start(bus: SharedBus, busOf?: (instance: number) => string | undefined): Promise<Cluster> {
    const cluster = await Cluster.start({ postgres, bus, busOf });
    onTestFinished(({ task }) => {
      if (task.result?.state === 'fail') console.log(cluster.logs.slice(-20_000));
      return cluster.stop();
    });
    return cluster;
  }
});

/** One fleet of which somebody everywhere looks at everything, and one of which each instance knows a part. */
function runs(cluster: Cluster, random: Random): Run[] {
  return [false, true].map((isApart) => {
    const run = new Run(cluster, isApart ? 'apart' : 'whole', random, { ...SIZE, isApart });
    onTestFinished(() => run.end());
    return run;
  });
}

async function expectTruth(cluster: Cluster, runs: readonly Run[], troubles: readonly Trouble[]): Promise<void> {
  const only = process.env.TROUBLE;
  let slowest = 0;
  const round = async (trouble: Trouble, within: number) => {
    let happening: Promise<unknown> | undefined;
    const happen = () => {
      // To all of them at once.
      happening ??= trouble.happen();
      return happening;
    };
    const rounds = await Promise.all(runs.map((run) => run.round({ ...trouble, happen }, within)));
    const faults = rounds.flatMap((round) => round.faults);
    const settled = Math.max(...rounds.map((round) => round.settled));
    const answered = Math.max(...rounds.map((round) => round.slowest));
    const { name } = trouble;
    console.log(`${name}: right after ${settled} ms, acknowledged within ${answered} ms`);
    expect.soft(faults).toEqual([]);
    if (faults.length > 0) {
      console.log(await statesOf(cluster));
      // Late, or wrong for good? To be asked about somebody has an instance look that driver up.
      const later = await Promise.all(runs.map((run) => run.settle(name, HEALED)));
      const still = later.flatMap((round) => round.faults);
      console.log(`${name}: after ${Math.max(...later.map(({ settled }) => settled))} ms more`, still);
      if (still.length > 0) console.log(await saidOf(cluster, still));
    }
    slowest = Math.max(slowest, settled);
  };
  await round({ name: 'calm', happen: () => delay(CALM) }, SOON);
  for (const trouble of troubles) {
    if (only !== undefined && !trouble.name.includes(only)) continue;
    await round(trouble, HEALED);
    expect(cluster.up.length).toBe(cluster.instances.length);
  }
  await round({ name: 'calm again', happen: () => delay(CALM) }, SOON);
  expect.soft((await Promise.all(runs.map((run) => run.observe(AFTERMATH)))).flat()).toEqual([]);
  expect.soft((await Promise.all(runs.map((run) => run.lost()))).flat()).toEqual([]);
  const acknowledged = runs.reduce((sum, run) => sum + run.acknowledged, 0);
  expect(acknowledged).toBeGreaterThan(1_000);
  console.log(`right after ${slowest} ms at the latest; ${acknowledged} fixes acknowledged`);
}

/** What instances say of what they do together, for whoever looks for the reason of a failure. */
async function statesOf({ up }: Cluster): Promise<string> {
  const headers = bearer('default', { scope: 'metrics:read' });
  const states = up.map(async (instance) => {
    const { text } = await instance.request('GET', '/metrics', headers);
    const lines = text.split('\n').filter((line) => /^nearcast_(bus|lease|cold|drivers)/.test(line));
    return `${instance.name}: ${lines.join('; ').replaceAll('nearcast_', '')}`;
  });
  return (await Promise.all(states)).join('\n');
}

/** What instances say of the drivers that faults name, or of some of them. */
async function saidOf({ up }: Cluster, faults: readonly string[]): Promise<string> {
  const ids = [...new Set(faults.flatMap((fault) => fault.match(/\bd\d{3}\b/g) ?? []))].slice(0, SAID);
  const asked = ids.flatMap((id) => ['whole', 'apart'].flatMap((fleet) => up.map((at) => ({ id, fleet, at }))));
  const said = asked.map(async ({ id, fleet, at }) => {
    const { status, text } = await at.get(fleet, `/v1/drivers/${id}`);
    return `${id} of ${fleet} at ${at.name}: ${status} ${status === 200 ? text : ''}`;
  });
  return (await Promise.all(said)).join('\n');
}
