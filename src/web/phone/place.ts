/** A place on the WGS84 ellipsoid, degrees. */
export interface Place {
  readonly latitude: number;
  readonly longitude: number;
}

/** The place that a text names: latitude and longitude, with a comma or a space between; a zoom behind them is passed over. */
export function placeIn(text: string): Place | undefined {
  const [, latitude, longitude] = /^\s*(-?\d+(?:\.\d+)?)[\s,]+(-?\d+(?:\.\d+)?)(?:,[\d.]+)?\s*$/.exec(text) ?? [];
  if (latitude === undefined || Math.abs(Number(latitude)) > 90 || Math.abs(Number(longitude)) > 180) return undefined;
  return { latitude: Number(latitude), longitude: Number(longitude) };
}
