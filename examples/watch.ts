// Who is near a point, and then what moves there:
//   node examples/watch.ts http://127.0.0.1:8080 TOKEN 40.7549 -73.984 1000
// An installed package is imported as '@nearcast/client'.
import { Nearcast } from '../src/client/index.ts';

const [url, token, latitude, longitude, radius] = process.argv.slice(2);
if (radius === undefined) {
  console.error('usage: node examples/watch.ts URL TOKEN LATITUDE LONGITUDE RADIUS');
  process.exit(64);
}
const circle = { latitude: Number(latitude), longitude: Number(longitude), radius: Number(radius) };

const nearcast = new Nearcast({ url, token });
nearcast.on('state', (state) => console.error(`connection: ${state}`));
nearcast.on('error', (error) => console.error(`${error.code}: ${error.message}`));

const answer = await nearcast.nearby({ ...circle, limit: 5 });
for (const { driverId, distance } of answer.drivers) console.log(`${driverId} is ${distance} m away`);

const watch = nearcast.watch(circle, { from: answer });
process.once('SIGINT', () => watch.close());
for await (const { enter, move, exit } of watch) {
  const [came, moved, went] = [enter, move, exit].map((list) => list.map(({ driverId }) => driverId).join(' '));
  console.log(`${watch.drivers.size} inside   + ${came}   ~ ${moved}   - ${went}`);
}
