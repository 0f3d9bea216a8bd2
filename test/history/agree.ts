import { expect } from 'vitest';
import type { z } from 'zod';
import { encodePosition } from '../../src/protocol/position.ts';
import { viewOfQuery, viewQuerySchema } from '../../src/protocol/view.ts';
import type { View } from '../../src/subscriptions/view.ts';
import type { AskedArea } from '../support/areas.ts';
import type { Message } from '../support/belief.ts';
import type { Asked, Kept, Truth } from './past.ts';
import type { Stage } from './stage.ts';

const querySchema = viewQuerySchema(100_000, {});

/** The view that a query string means. */
export function viewOf(area: AskedArea, more: Record<string, string> = {}): View {
  const query = { ...Object.fromEntries(new URLSearchParams(area.query)), ...more };
  return viewOfQuery(querySchema.parse(query) as z.output<typeof querySchema>);
}

/** Asserts that what is believed is what was so. */
export function agree(stage: Stage, truth: Truth, asked: Asked, time: number): void {
  const inside = truth.inside(asked, time);
  const believed = stage.belief.drivers;
  const where = `${asked.area.kind} at ${new Date(time).toISOString()}`;
  expect(stage.belief.inside, where).toEqual([...inside.keys()].sort());
  for (const [id, fix] of inside) expect(believed.get(id), where).toEqual(told(fix));
  expect(stage.belief.contradictions).toEqual([]);
}

const told = (fix: Kept): Message => JSON.parse(`${encodePosition(fix)}}`);
