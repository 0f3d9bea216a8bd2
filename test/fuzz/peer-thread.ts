import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { WebSocket } from 'ws';
import { Belief } from '../support/belief.ts';
import type { PeerReport } from './peers.ts';

// In a thread of its own, as what a fuzz takes of a processor is no delay of the server.

const { port, token } = workerData as { port: number; token: string };
/** Milliseconds between two fixes. */
const PACE = 50;
/** Milliseconds in which everything must be told in the end. */
const PATIENCE = 10_000;
const driverId = `steady ${randomBytes(6).toString('hex')}`;
const CENTRE = { latitude: -33.86, longitude: 151.21 };

const report = { sent: 0, told: 0, worstAck: 0, worstTold: 0, faults: [] as string[] } satisfies PeerReport;
/** When each fix was sent, by its number: until it is acknowledged, and until it or a newer one was told. */
const unacknowledged = new Map<number, number>();
const untold = new Map<number, number>();
const timestamps = new Map<number, number>();
const belief = new Belief();

const open = async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, { headers: { authorization: `Bearer ${token}` } });
  await once(socket, 'open');
  socket.on('close', (code) => {
    if (!over) report.faults.push(`a well-behaved connection was closed with ${code}`);
  });
  return socket;
};
let over = false;
const driver = await open();
const watcher = await open();

driver.on('message', (data) => {
  const message = JSON.parse(String(data));
  const sentAt = unacknowledged.get(message.id);
  if (message.type !== 'ack' || message.verdict !== 'accepted' || sentAt === undefined) {
    report.faults.push(`the driver was told ${data}`);
    return;
  }
  unacknowledged.delete(message.id);
  report.worstAck = Math.max(report.worstAck, performance.now() - sentAt);
});
watcher.on('message', (data) => {
  const message = JSON.parse(String(data));
  if (message.type !== 'snapshot' && message.type !== 'changes') report.faults.push(`the watcher was told ${data}`);
  belief.hear(message);
  const timestamp = belief.drivers.get(driverId)?.timestamp ?? Number.NEGATIVE_INFINITY;
  for (const [id, sentAt] of untold) {
    // Two that come in one turn are told as one.
    if ((timestamps.get(id) as number) > timestamp) break;
    untold.delete(id);
    timestamps.delete(id);
    report.told++;
    report.worstTold = Math.max(report.worstTold, performance.now() - sentAt);
  }
});
watcher.send(JSON.stringify({ type: 'subscribe', subscription: 'steady', ...CENTRE, radius: 5_000 }));

let timestamp = Date.now();
const send = () => {
  const id = ++report.sent;
  timestamp = Math.max(timestamp + 1, Date.now());
  const now = performance.now();
  unacknowledged.set(id, now);
  untold.set(id, now);
  timestamps.set(id, timestamp);
  const latitude = CENTRE.latitude + (id % 100) / 10_000;
  driver.send(JSON.stringify({ id, driverId, latitude, longitude: CENTRE.longitude, timestamp }));
};
const pace = setInterval(send, PACE);

parentPort?.once('message', () => {
  clearInterval(pace);
  const deadline = performance.now() + PATIENCE;
  const poll = setInterval(() => {
    if (unacknowledged.size + untold.size > 0 && performance.now() < deadline) return;
    clearInterval(poll);
    over = true;
    if (unacknowledged.size > 0) report.faults.push(`${unacknowledged.size} fixes were never acknowledged`);
    if (untold.size > 0) report.faults.push(`${untold.size} fixes were never told`);
    report.faults.push(...belief.contradictions);
    driver.terminate();
    watcher.terminate();
    parentPort?.postMessage(report);
  }, 20);
});
