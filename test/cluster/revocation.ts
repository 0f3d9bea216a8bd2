import { expect, test } from 'vitest';
import { bearer, type Instance } from '../support/cluster.ts';
import { EventStreamReader } from '../support/event-stream.ts';
import { newFleet, type OnStage, until } from './stage.ts';

const HERE = { latitude: 30.27, longitude: -97.74 };
const NEARBY = `/v1/drivers/nearby?latitude=${HERE.latitude}&longitude=${HERE.longitude}`;

const status = async (instance: Instance, headers: Record<string, string>) =>
  (await instance.request('GET', NEARBY, headers)).status;

/** Tests of tokens and shares that are taken back at another instance than the one where they are used. */
export function revocationTests(stage: OnStage): void {
  test('[19.2] a token that is revoked at one instance ends at all others, with what is open by it', async () => {
    const [a, b, c] = stage().cluster.instances;
    const fleet = newFleet();
    const headers = bearer(fleet, { sub: 'anna', jti: 'lost' });
    const other = bearer(fleet, { sub: 'anna', jti: 'kept' });
    await a.send(fleet, { driverId: 'd', ...HERE });
    const socket = await b.connectAs(headers, `/ws?latitude=30.27&longitude=-97.74&radius=1000`);
    await socket.next('snapshot');
    const staying = await b.connectAs(other, `/ws?latitude=30.27&longitude=-97.74&radius=1000`);
    await staying.next('snapshot');
    const stream = await EventStreamReader.open(`${c.url}/v1/stream`, headers);
    await stream.next('snapshot');
    for (const instance of [a, b, c]) expect(await status(instance, headers)).toBe(200);
    const revoked = await a.request('POST', '/v1/revocations', bearer(fleet, { sub: 'boss', scope: 'access:manage' }), {
      jti: 'lost',
      expiresAt: Date.now() + 3_600_000,
    });
    expect(revoked.status).toBe(204);
    const since = performance.now();
    await until(() => {
      expect(socket.socket.readyState).toBe(socket.socket.CLOSED);
      expect(stream.heard.at(-1)).toMatchObject({ event: 'close', data: { code: 4401 } });
    });
    console.log(`a revocation closed all after ${Math.round(performance.now() - since)} ms`);
    expect(await socket.closed).toEqual({ code: 4401, reason: 'the token was revoked' });
    for (const instance of [a, b, c]) {
      expect(await status(instance, headers)).toBe(401);
      expect(await status(instance, other)).toBe(200);
    }
    expect(staying.socket.readyState).toBe(staying.socket.OPEN);
  });

  test('[18] a share that is made at one instance is good at all others at once, until it is ended at any', async () => {
    const [a, b, c] = stage().cluster.instances;
    const fleet = newFleet();
    await c.send(fleet, { driverId: 'd', ...HERE }, { driverId: 'hidden', ...HERE });
    const anna = bearer(fleet, { sub: 'anna', scope: 'positions:read' });
    const made = await a.request('POST', '/v1/shares', anna, { driverId: 'd' });
    expect(made.status).toBe(201);
    const { id, token, webSocket, stream: path } = made.body;
    const shown = await b.request('GET', NEARBY, { authorization: `Bearer ${token}` });
    expect(shown.body).toMatchObject({ drivers: [{ driverId: 'd' }] });
    const socket = await b.connectAs({}, webSocket);
    expect((await socket.next('snapshot')).drivers).toMatchObject([{ driverId: 'd' }]);
    const stream = await EventStreamReader.open(c.url + path, {});
    expect((await stream.next('snapshot')).data.drivers).toMatchObject([{ driverId: 'd' }]);
    await a.send(fleet, { driverId: 'd', latitude: -45, longitude: 170 });
    // It follows the driver, wherever it goes and whoever hears of it.
    await until(() => {
      expect(socket.belief().drivers.get('d')).toMatchObject({ latitude: -45 });
      expect(stream.belief.drivers.get('d')).toMatchObject({ latitude: -45 });
    });
    expect((await b.request('GET', '/v1/shares', anna)).body).toMatchObject({ shares: [{ id }] });
    expect((await b.request('DELETE', `/v1/shares/${encodeURIComponent(id)}`, anna)).status).toBe(204);
    await until(async () => {
      expect(socket.socket.readyState).toBe(socket.socket.CLOSED);
      expect(stream.heard.at(-1)).toMatchObject({ event: 'close', data: { code: 4401 } });
      for (const instance of [a, b, c]) expect(await status(instance, { authorization: `Bearer ${token}` })).toBe(401);
    });
    expect((await socket.closed).code).toBe(4401);
  });
}
