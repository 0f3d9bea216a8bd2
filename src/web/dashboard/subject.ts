import type { Around, Box, Circle, PolygonArea } from '../../client/index.ts';

/** A drawn area. */
export type DrawnArea = Circle | PolygonArea;

/** What the one subscription of the page asks for: what the map shows, a drawn area alone, or around a driver. */
export type Subject =
  | { readonly kind: 'view' }
  | { readonly kind: 'area'; readonly area: DrawnArea }
  | { readonly kind: 'follow'; readonly driverId: string };

export type WatchedArea = Box | DrawnArea | Around;
