import geographiclib from 'geographiclib-geodesic';

const wgs84 = geographiclib.Geodesic.WGS84;
const { DISTANCE, LATITUDE, LONGITUDE } = geographiclib.Geodesic;

/** Latitude and longitude in degrees. */
export type Place = readonly [lat: number, lng: number];

/** Metres between two places along the ellipsoid, as GeographicLib has it (right to 15 nm). */
export function trueDistance(lat1: number, lng1: number, lat2: number, lng2: number): number {
  return wgs84.Inverse(lat1, lng1, lat2, lng2, DISTANCE).s12 as number;
}

/** The place that a geodesic reaches after `metres`; `azimuth` in degrees from north. */
export function destination([lat, lng]: Place, azimuth: number, metres: number): Place {
  const { lat2, lon2 } = wgs84.Direct(lat, lng, azimuth, metres, LATITUDE | LONGITUDE) as {
    lat2: number;
    lon2: number;
  };
  return [lat2, lon2];
}
