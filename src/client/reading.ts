import type { Attributes, Fix } from './wire.ts';

/** What the Geolocation API of a browser gives (`GeolocationPosition`), perhaps with attributes. */
export interface Reading {
  readonly coords: {
    readonly latitude: number;
    readonly longitude: number;
    readonly accuracy?: number | null;
    readonly altitude?: number | null;
    readonly heading?: number | null;
    readonly speed?: number | null;
  };
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly driverId?: string;
  readonly attributes?: Attributes;
}

/**
 * The fix that is to be sent, dated: one that waits until there is a network keeps the time at which it was taken.
 *
 * @param driverId whose it is, where it does not say
 * @param now epoch milliseconds
 */
export function fixOf(
  given: Fix | Reading,
  driverId: string | undefined,
  now: number,
): Fix & { timestamp: number | string } {
  // Field by field: those of a browser’s coordinates are on their prototype, where a spread does not find them.
  const { latitude, longitude, accuracy, altitude, heading, speed } = 'coords' in given ? given.coords : given;
  return {
    ...defined('driverId', given.driverId ?? driverId),
    latitude,
    longitude,
    timestamp: given.timestamp ?? now,
    ...defined('accuracy', finite(accuracy)),
    ...defined('altitude', finite(altitude)),
    ...defined('heading', finite(heading)),
    ...defined('speed', finite(speed)),
    ...defined('attributes', given.attributes ?? undefined),
  };
}

function defined<Name extends string, Value>(name: Name, value: Value | undefined): { [N in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { [N in Name]?: Value };
}

/** A browser’s heading is NaN while it stands still. */
function finite(value: number | null | undefined): number | undefined {
  return value === null || Number.isNaN(value) ? undefined : value;
}
