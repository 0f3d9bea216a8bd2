import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { findPostgres } from '../support/postgres.ts';
import { seeded } from '../support/random.ts';
import { findRedis, startRedis } from '../support/redis.ts';
import { describeWith } from '../support/services.ts';
import { degradedTests } from './degraded.ts';
import { interestTests } from './interest.ts';
import { offDutyTests } from './off-duty.ts';
import { queryTests } from './queries.ts';
import { resumeTests } from './resume.ts';
import { revocationTests } from './revocation.ts';
import { Run } from './run.ts';
import { newFleet, type Stage } from './stage.ts';
import { Tap } from './tap.ts';
import { toAndFroTests } from './to-and-fro.ts';

/** Milliseconds in which all is right on a busy machine where nothing is wrong. */
const CALM = 3_000;

const postgres = findPostgres();
const redis = findRedis();
const found = postgres === undefined || redis === undefined ? undefined : { postgres, redis };

// To start them takes longer than most of these tests: they share them, each with fleets of its own.
describeWith('PostgreSQL with PostGIS, or redis-server,', found, 'three instances together', ({ postgres, redis }) => {
  let stage: Stage;

  beforeAll(async () => {
    const bus = await startRedis(redis);
    const tap = await Tap.to(bus.port);
    const busOf = (instance: number) => (instance === 1 ? `redis://127.0.0.1:${tap.port}` : undefined);
    stage = { cluster: await Cluster.start({ postgres, bus, busOf }), redis: bus, tap };
  });

  afterAll(async () => {
    await stage?.cluster.stop();
    stage?.tap.close();
  });

  const onStage = () => stage;
  interestTests(onStage);
  offDutyTests(onStage);
  toAndFroTests(onStage);
  resumeTests(onStage);
  revocationTests(onStage);
  queryTests(onStage);

  test('tell whoever watches or asks what is so, wherever drivers send and go', async () => {
    const size = { drivers: 24, watchers: 10, questions: 8, pace: [20, 80], isApart: true } as const;
    const run = new Run(stage.cluster, newFleet(), seeded('cluster'), size);
    onTestFinished(() => run.end());
    const round = await run.round({ name: 'calm', happen: () => delay(1_200) }, CALM);
    expect.soft(round.faults).toEqual([]);
    expect.soft(await run.lost()).toEqual([]);
    expect(run.acknowledged).toBeGreaterThan(100);
  });

  degradedTests(onStage);
});
