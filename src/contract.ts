import { pino } from 'pino';
import { buildApp } from './app.ts';
import { loadConfig } from './config.ts';
import { encodePosition } from './protocol/position.ts';
import { Tracker } from './tracker.ts';

/** The OpenAPI document of an app with default settings, as YAML: what `openapi.yaml` must hold. */
export async function contract(): Promise<string> {
  const config = loadConfig({});
  const tracker = new Tracker({
    writer: { full: false, write() {}, writeLate() {}, remove() {}, whenStored() {} },
    now: Date.now,
    instance: '',
    encode: encodePosition,
    ttlSeconds: config.driverTtlSeconds,
    maxFutureSeconds: config.maxFutureSeconds,
  });
  const app = await buildApp({
    config,
    secret: 'never used to sign anything',
    tracker,
    ready: async () => 'ok',
    now: Date.now,
    log: pino({ level: 'silent' }),
  });
  await app.ready();
  const document = app.swagger({ yaml: true });
  await app.close();
  return document;
}
