import { z } from 'zod';
import { Box } from '../geo/box.ts';
import { isDecimal } from './query.ts';

const RULE = 'must be four numbers: west,south,east,north';

/** The rule that the corners of a box break. */
function faultOf(west: number, south: number, east: number, north: number): string | undefined {
  if (Math.abs(west) > 180 || Math.abs(east) > 180) {
    return 'must have its longitudes, the first and third number, between -180 and 180';
  }
  if (Math.abs(south) > 90 || Math.abs(north) > 90) {
    return 'must have its latitudes, the second and fourth number, between -90 and 90';
  }
  if (south > north) return 'must have south no greater than north; the order is west,south,east,north';
  return undefined;
}

/** Reads the four numbers of a box, or tells the rule that they break. */
function readBox(numbers: readonly number[], context: z.RefinementCtx): Box {
  const [west, south, east, north] = numbers;
  const broken = faultOf(west, south, east, north);
  if (broken === undefined) return new Box(west, south, east, north);
  context.addIssue({ code: 'custom', message: broken, input: numbers });
  return z.NEVER;
}

const LIST_RULE = 'must be a list of four numbers: [west, south, east, north]';

/** A box in a message: `[west, south, east, north]`. */
export const bboxSchema = z
  .array(z.number({ error: LIST_RULE }), { error: LIST_RULE })
  .length(4, { error: LIST_RULE })
  .transform(readBox)
  .meta({
    description:
      'A box, `[west, south, east, north]` in degrees (RFC 7946, 5); its edges are inside. Where west is greater than east it crosses the antimeridian.',
    example: [-74.02, 40.7, -73.93, 40.8],
  });

/** A box in a query string: `bbox=west,south,east,north`. */
export const bboxInQuery = z
  .string({ error: RULE })
  .transform((text, context) => {
    const fault = (message: string) => {
      context.addIssue({ code: 'custom', message, input: text });
      return z.NEVER;
    };
    // One more than there may be is enough to tell that there are too many.
    const numbers = text.split(',', 5);
    if (numbers.length !== 4 || !numbers.every(isDecimal)) return fault(RULE);
    return readBox(numbers.map(Number), context);
  })
  .meta({
    description:
      'A box, `west,south,east,north` in degrees; its edges are inside. Where west is greater than east it crosses the antimeridian.',
    example: '-74.02,40.7,-73.93,40.8',
  });
