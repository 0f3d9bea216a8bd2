/** The client of Nearcast for browsers and Node. */
export type { Area, Around, Box, Circle, Everywhere, Filters, Patch, PolygonArea, Ring, Where } from './area.ts';
export type { Difference, Exit } from './belief.ts';
export type { Clock } from './clock.ts';
export type { FixVerdict } from './delivery.ts';
export { type ErrorCode, type ErrorDetails, NearcastError } from './errors.ts';
export type { Changes } from './feed.ts';
export type { HistoryQuery } from './history.ts';
export type { ConnectionState } from './link.ts';
export { Nearcast, type NearcastEvents, type NearcastOptions, type WatchOptions } from './nearcast.ts';
export type { PageEvents } from './page.ts';
export type { PictureEvents } from './picture.ts';
export type { NearbyQuery } from './query.ts';
export type { Reading } from './reading.ts';
export type { Replay, ReplayEvents, ReplayQuery, ReplayState } from './replay.ts';
export type { CallOptions, RequestOptions } from './rest.ts';
export type { WebSocketConstructor, WebSocketLike } from './socket.ts';
export { type FixStorage, type WebStorage, webStorage } from './storage.ts';
export type { TokenSource } from './token.ts';
export type { Track, TrackEvents, TrackOptions } from './track.ts';
export type { Watch, WatchEvents, WatchStart, WatchState } from './watch.ts';
export type {
  Attributes,
  ExitReason,
  Fault,
  Fix,
  Followed,
  Nearby,
  Position,
  PositionAtDistance,
  Result,
  ServerErrorCode,
  Verdict,
} from './wire.ts';
