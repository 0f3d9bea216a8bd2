import { z } from 'zod';
import type { Position } from '../fix.ts';
import { attributesSchema, driverIdSchema, latitudeSchema, longitudeSchema } from './fix.ts';

const milliseconds = z.int().min(0);

/** A position in an answer or a push. Fields that are not known are absent. */
export const positionSchema = z
  .object({
    driverId: driverIdSchema,
    latitude: latitudeSchema,
    longitude: longitudeSchema,
    timestamp: milliseconds.meta({ description: 'When the fix was taken, by the device: epoch milliseconds.' }),
    accuracy: z.number().min(0).optional().meta({ description: 'Metres, 95 % confidence.' }),
    altitude: z.number().optional().meta({ description: 'Metres above the ellipsoid.' }),
    heading: z.number().min(0).max(360).optional().meta({ description: 'Degrees clockwise from true north.' }),
    speed: z.number().min(0).optional().meta({ description: 'Metres per second.' }),
    attributes: attributesSchema.optional(),
    receivedAt: milliseconds.meta({ description: 'When the server received it: epoch milliseconds.' }),
  })
  .meta({ id: 'Position', description: 'The latest accepted fix of a driver.' });

/** A position, with how far it is from the centre that was asked about. */
export const positionAtDistanceSchema = positionSchema
  .extend({
    distance: z
      .number()
      .min(0)
      .meta({ description: 'Metres along the WGS84 ellipsoid from the centre, to one decimal.', example: 431.7 }),
  })
  .meta({ id: 'PositionAtDistance', description: 'A position and its distance.' });

/** The wire form of a position, without the closing brace, so that a distance can follow. */
export function encodePosition(position: Position): string {
  const { driverId, lat, lng, timestamp, accuracy, altitude, heading, speed, attributes, receivedAt } = position;
  const fields = {
    latitude: lat,
    longitude: lng,
    timestamp,
    accuracy,
    altitude,
    heading,
    speed,
    attributes,
    receivedAt,
  };
  // A slice is a view of another string, and a sum of strings a rope: either would be made flat again for every
  // recipient. What is joined is one flat string from the start.
  return [JSON.stringify({ driverId, ...fields }).slice(0, -1), ''].join('');
}

/** How a position ends that has a distance: by the distance's tenth of a metre, which is left out when it is 0. */
const ENDS = ['}', '.1}', '.2}', '.3}', '.4}', '.5}', '.6}', '.7}', '.8}', '.9}'];

/**
 * The wire forms of many positions, as the inside of a JSON list. Positions are kept encoded, so it is put together from
 * them and no serializer walks it; whole numbers are written in a fifth of the time of others.
 *
 * @param distances metres, one for each
 */
export function encodeList(drivers: Iterable<{ readonly encoded: string }>, distances?: readonly number[]): string {
  const parts: string[] = [];
  let i = 0;
  for (const { encoded } of drivers) {
    if (i > 0) parts.push(',');
    if (distances === undefined) parts.push(encoded, '}');
    else {
      const tenths = Math.round(distances[i] * 10);
      const metres = Math.floor(tenths / 10);
      parts.push(encoded, ',"distance":', String(metres), ENDS[tenths - 10 * metres]);
    }
    i++;
  }
  return parts.join('');
}

/** Metres to one decimal, as distances are on the wire. */
export function roundDistance(distance: number): number {
  return Math.round(distance * 10) / 10;
}
