import { RedisBus } from '../../src/bus/redis.ts';
import { parseRedisUrl } from '../../src/bus/redis-url.ts';

/**
 * A process that has a bus for each URL, waits for its word on standard input, closes all, says how long that took, and does
 * not end itself: it lives for as long as something of a bus is left.
 */
const buses = process.argv.slice(2).map((url) => new RedisBus({ target: parseRedisUrl(url) }));
const noop = () => {};
const listener = { onMessage: noop, onLost: noop, onUnsent: noop, onUp: noop, onDown: noop };
for (const bus of buses) {
  bus.listen(listener);
  bus.subscribe(['a', 'b']).catch(noop);
}
console.log('open');
process.stdin.once('data', async () => {
  process.stdin.destroy();
  const start = performance.now();
  await Promise.all(buses.map((bus) => bus.close()));
  console.log(`${performance.now() - start}`);
});
