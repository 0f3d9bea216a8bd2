import { expect, test } from 'vitest';
import { CellTree } from '../../src/spatial/cell-tree.ts';
import type { Place } from '../support/geodesic.ts';
import { type Random, seeded } from '../support/random.ts';
import { slowTest } from '../support/slow.ts';
import { fleets, step } from './fleets.ts';
import { Shadow } from './shadow.ts';
import { bruteForce, judgeNearest, judgeWithin, visited } from './verdict.ts';

/** Updates of the long walk; `CHURN=10000000` makes more. */
const UPDATES = Number(process.env.CHURN ?? 100_000);
const MOST = 10_000;
const FEWEST = 8_000;
const CHECKPOINTS = 6;

const PLANET = 20_100_000;
const DAY_OUT: ((random: Random) => Place)[] = [
  fleets.planet,
  fleets['one city'],
  fleets.stadium,
  fleets.pentagons,
  fleets['antimeridian, by both names'],
  fleets.pole,
  fleets['few points'],
];
const somewhere = (random: Random) => random.pick(DAY_OUT)(random);

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;

/** Throws unless the tree answers some questions as brute force does. */
function check(shadow: Shadow, random: Random, questions: number): void {
  const { tree } = shadow;
  expect(tree.size).toBe(shadow.slots.length);
  for (let i = 0; i < questions; i++) {
    const centre = step(random, shadow.place(shadow.anyone()), random.pick([0, 1, 1_000, 100_000]));
    const radius = random.pick([0, 5, 500, 5_000, 300_000, i === 0 ? PLANET : 3_000_000]);
    const truth = bruteForce(shadow, centre, radius);
    judgeWithin(visited(tree, centre, radius), truth, shadow);
    for (const limit of [1, 20, Math.min(1_000, shadow.slots.length)]) {
      judgeNearest(tree.nearest(...centre, radius, limit), limit, truth, shadow);
    }
  }
}

test(`${UPDATES} updates while drivers come and go leave the memory flat and the answers exact`, {
  timeout: 600_000,
}, () => {
  const random = seeded('walk');
  const shadow = new Shadow(random);
  const { tree } = shadow;
  for (let i = 0; i < MOST; i++) shadow.add(somewhere(random));
  const held: { nodes: number; bytes: number }[] = [];
  for (let checkpoint = 0; checkpoint < CHECKPOINTS; checkpoint++) {
    const started = performance.now();
    for (let i = 0; i < UPDATES / CHECKPOINTS; i++) {
      const what = random.below(20);
      const size = shadow.slots.length;
      if (what === 0 && size < MOST) shadow.add(somewhere(random));
      else if (what === 1 && size > FEWEST) shadow.remove(shadow.anyone());
      else if (what === 2) shadow.move(shadow.anyone(), somewhere(random));
      else {
        const slot = shadow.anyone();
        shadow.move(slot, step(random, shadow.place(slot), 10 ** random.between(-2, 4)));
      }
    }
    const each = ((performance.now() - started) * 1000) / (UPDATES / CHECKPOINTS);
    held.push({ nodes: tree.nodes, bytes: tree.bytes });
    console.log(`${tree.size} drivers, ${tree.nodes} nodes, ${megabytes(tree.bytes)}, ${each.toFixed(2)} µs an update`);
    check(shadow, random, 8);
  }
  // As many drivers in places of the same kind: as many nodes, but for chance.
  for (const { nodes, bytes } of held) {
    expect(nodes).toBeLessThan(1.2 * held[0].nodes);
    // Twice, as an array may just have been full.
    expect(bytes).toBeLessThan(2.1 * held[0].bytes);
  }
  while (tree.size > 0) shadow.remove(shadow.anyone());
  expect(tree.nodes).toBe(0);
});

test.each([
  ['that came last', (i: number) => i >= 199_000],
  ['scattered', (i: number) => i % 200 === 0],
] as [string, (i: number) => boolean][])(
  'when 200,000 drivers become 1,000, those %s, memory comes down',
  (_, stays) => {
    const random = seeded('shrink');
    const shadow = new Shadow(random);
    const { tree } = shadow;
    const slots = Array.from({ length: 200_000 }, () => shadow.add(fleets['one city'](random)));
    const full = tree.bytes;
    const leaving = slots.filter((_, i) => !stays(i));
    // In no order.
    for (let i = leaving.length - 1; i > 0; i--) {
      const j = random.below(i + 1);
      [leaving[i], leaving[j]] = [leaving[j], leaving[i]];
    }
    for (const slot of leaving) shadow.remove(slot);
    check(shadow, random, 10);

    const fresh = new CellTree((a, b) => a - b);
    for (const slot of shadow.slots) fresh.add(...shadow.place(slot));
    expect(tree.nodes).toBeLessThan(4 * fresh.nodes);
    console.log(
      `200,000 held ${megabytes(full)}, 1,000 of them ${megabytes(tree.bytes)}, 1,000 alone ${megabytes(fresh.bytes)}`,
    );
    // Slots keep their numbers, so each that was ever in use may cost a number or two.
    expect(tree.bytes).toBeLessThan(8 * fresh.bytes + 8 * shadow.peak);

    // Whoever comes now gets the slots that were left (`add` of the shadow sees to it), and is found.
    for (let i = 0; i < 10_000; i++) shadow.add(fleets['one city'](random));
    check(shadow, random, 3);
  },
);

slowTest('100,000 drivers in one stadium, at one point, over the planet, and back', () => {
  const random = seeded('concentration');
  const shadow = new Shadow(random);
  const { tree } = shadow;
  for (let i = 0; i < 100_000; i++) shadow.add(fleets.stadium(random));
  const slots = [...shadow.slots];
  const measured = () => ({ nodes: tree.nodes, bytes: tree.bytes });
  const before = measured();
  check(shadow, random, 2);
  const phases: [string, (random: Random) => Place][] = [
    ['at one point', fleets['one point']],
    ['over the planet', fleets.planet],
    ['at one point again', fleets['one point']],
    ['in the stadium again', fleets.stadium],
  ];
  for (const [phase, place] of phases) {
    const started = performance.now();
    for (const slot of slots) shadow.move(slot, place(random));
    const each = ((performance.now() - started) * 1000) / slots.length;
    console.log(`${phase}: ${tree.nodes} nodes, ${megabytes(tree.bytes)}, ${each.toFixed(2)} µs a move`);
    check(shadow, random, 2);
    // However many are at one point, there is but one branch to it, of fifteen resolutions with seven children each.
    if (place === fleets['one point']) expect(tree.nodes).toBeLessThanOrEqual(15 * 7);
  }
  const after = measured();
  expect(after.nodes).toBeLessThan(1.1 * before.nodes);
  expect(after.bytes).toBeLessThan(2.1 * before.bytes);
});

test('a fleet that gathers and parts, goes and comes, again and again holds no more than the first time', () => {
  const random = seeded('breathing');
  const shadow = new Shadow(random);
  const { tree } = shadow;
  let first = 0;
  for (let cycle = 0; cycle < 150; cycle++) {
    while (tree.size < 1_000) shadow.add(fleets.stadium(random));
    for (const slot of shadow.slots) shadow.move(slot, fleets['one point'](random));
    for (const slot of shadow.slots) shadow.move(slot, somewhere(random));
    if (cycle % 10 === 0) check(shadow, random, 1);
    first ||= tree.bytes;
    expect(tree.bytes).toBeLessThan(2.1 * first);
    // Not at first, as memory is tidied up when many go.
    if (cycle < 120) continue;
    while (tree.size > 0) shadow.remove(shadow.anyone());
    expect(tree.nodes).toBe(0);
  }
});
