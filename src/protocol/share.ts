import { z } from 'zod';
import type { Share } from '../auth/access-store.ts';
import { radiusSchema } from './area.ts';
import { driverIdSchema, identifier, latitudeSchema, longitudeSchema, number } from './fix.ts';
import { inQuery } from './query.ts';
import { refuse, when } from './refuse.ts';
import { limitSchema, serverTime } from './rest.ts';

/** Seconds that a share lasts when nothing is said. */
const DEFAULT_LIFETIME = 3600;
/** Characters of a label. */
const MAX_LABEL = 128;
/** How many shares or revocations a page has when no limit is named, and at the most. */
const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;

const NO_AREA = 'is not of this call: a share is of a driver (driverId) or of a circle (latitude, longitude, radius)';
const CIRCLE = ['latitude', 'longitude', 'radius'] as const;

/**
 * What is to be shared: a driver, or a circle.
 *
 * @param maxRadius MAX_RADIUS_METERS
 * @param maxSeconds MAX_SHARE_SECONDS
 */
export const shareBodySchema = (maxRadius: number, maxSeconds: number) => {
  const lifetimeRule = `must be a whole number of seconds from 1 to ${maxSeconds}`;
  const fields = z.looseObject(
    {
      driverId: driverIdSchema.optional().meta({ description: 'Shows this driver alone.' }),
      latitude: latitudeSchema
        .optional()
        .meta({ description: 'With `longitude` and `radius`: shows who is in a circle.' }),
      longitude: longitudeSchema.optional(),
      radius: radiusSchema(maxRadius).optional().meta({ description: 'Metres; the rim is inside.', example: 2000 }),
      expiresIn: number(lifetimeRule)
        .int({ error: lifetimeRule })
        .min(1, { error: lifetimeRule })
        .max(maxSeconds, { error: lifetimeRule })
        .default(Math.min(DEFAULT_LIFETIME, maxSeconds))
        .meta({ description: 'Seconds until it ends.', example: DEFAULT_LIFETIME }),
      label: identifier(MAX_LABEL)
        .optional()
        .meta({
          description: `What it is for, for whoever looks through the list: 1 to ${MAX_LABEL} printable characters. Who has the link is not told.`,
          example: 'Order 4711',
        }),
    },
    { error: 'must be an object' },
  );
  return (
    refuse(fields, { bbox: NO_AREA, polygon: NO_AREA, around: NO_AREA, where: NO_AREA })
      .superRefine(
        (value, context) => {
          const given = (field: string) => (value as Record<string, unknown> | undefined)?.[field] !== undefined;
          const fault = (field: string, message: string) =>
            context.addIssue({ code: 'custom', path: [field], message, input: value });
          if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
          const some = CIRCLE.filter(given);
          if (given('driverId')) {
            for (const field of some)
              fault(field, 'must not come with driverId: a share is of a driver or of a circle');
          } else if (some.length === 0) fault('driverId', 'is required, or latitude, longitude and radius are');
          else {
            for (const field of CIRCLE) {
              if (!given(field)) fault(field, 'is required: a circle is latitude, longitude and radius');
            }
          }
        },
        { when },
      )
      // Without a name of its own, which each server of a process would give it anew.
      .meta({ description: 'What is to be shared, for how long.' })
  );
};

/** A share, as those who made it see it. */
export const shareSchema = z
  .object({
    id: z.string(),
    subject: z.string().meta({ description: 'Who made it.' }),
    label: z.string().optional(),
    driverId: z.string().optional().meta({ description: 'The driver that it shows.' }),
    latitude: z
      .number()
      .optional()
      .meta({ description: 'Of the circle that it shows, or that the driver is shown in.' }),
    longitude: z.number().optional(),
    radius: z.number().optional(),
    precision: z.int().optional().meta({ description: 'H3 resolution of the cells that places are told by.' }),
    createdAt: z.int().meta({ description: 'Epoch milliseconds.' }),
    expiresAt: z.int().meta({ description: 'Epoch milliseconds.' }),
  })
  .meta({
    id: 'Share',
    description: 'A link that shows a driver or an area. Its token is told once, when it is made.',
  });

/** A share that was just made. */
export const newShareSchema = shareSchema
  .extend({
    serverTime,
    token: z.string().meta({ description: 'Whoever has it sees what the share shows. It cannot be asked for again.' }),
    stream: z.string().meta({
      description: 'A path with the token, for Server-Sent Events.',
      example: '/v1/stream?access_token=share_…',
    }),
    webSocket: z.string().meta({
      description: 'A path with the token, for a WebSocket that is subscribed at once.',
      example: '/ws?access_token=share_…&around=driver-xyz-789&radius=0',
    }),
  })
  .meta({ id: 'NewShare', description: 'The share, and what to give away.' });

/** Where a list of shares or revocations goes on. */
export const nextSchema = z
  .string()
  .optional()
  .meta({ description: 'The path of the next page. Absent on the last one.' });

/** A page of shares. */
export const sharesSchema = z
  .object({ serverTime, shares: z.array(shareSchema), next: nextSchema })
  .meta({ id: 'Shares', description: 'In the order in which they were made.' });

/** The parameters of a list of shares or revocations that its next page is asked for with. */
export const PAGE_PARAMETERS = ['limit'] as const;

/** The query string of such a list. */
export const pageQuerySchema = (what: string) =>
  z.looseObject({
    limit: inQuery(limitSchema(what, DEFAULT_PAGE, MAX_PAGE).default(DEFAULT_PAGE)),
    after: z.string().max(512).optional().meta({ description: 'Where the page begins. `next` brings it along.' }),
  });

/** What is told of a share. */
export function describeShare({
  id,
  subject,
  label,
  sight,
  createdAt,
  expiresAt,
}: Share): z.output<typeof shareSchema> {
  const { driverId, bounds, precision } = sight;
  const circle = bounds && { latitude: bounds.lat, longitude: bounds.lng, radius: bounds.radius };
  return { id, subject, label, driverId, ...circle, precision, createdAt, expiresAt };
}

/** What is told of a share that was just made. */
export function describeNewShare(share: Share, token: string, now: number): z.output<typeof newShareSchema> {
  const { driverId, bounds } = share.sight;
  const watched =
    driverId === undefined
      ? `latitude=${bounds?.lat}&longitude=${bounds?.lng}&radius=${bounds?.radius}`
      : `around=${encodeURIComponent(driverId)}&radius=0`;
  return {
    serverTime: now,
    ...describeShare(share),
    token,
    stream: `/v1/stream?access_token=${token}`,
    webSocket: `/ws?access_token=${token}&${watched}`,
  };
}
