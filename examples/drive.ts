// A driver who goes round a block, a fix a second, through whatever the network does:
//   node examples/drive.ts http://127.0.0.1:8080 TOKEN driver-1 40.7549 -73.984
// An installed package is imported as '@nearcast/client'.
import { Nearcast } from '../src/client/index.ts';

const [url, token, driverId, latitude, longitude] = process.argv.slice(2);
if (longitude === undefined) {
  console.error('usage: node examples/drive.ts URL TOKEN DRIVER LATITUDE LONGITUDE');
  process.exit(64);
}

const nearcast = new Nearcast({ url, token });
nearcast.on('state', (state) => console.log(`connection: ${state}`));
nearcast.on('error', (error) => console.error(`${error.code}: ${error.message}`));
const track = nearcast.track({ driverId });
track.on('error', (error) => console.error(`fixes wait: ${error.message}`));
track.on('verdict', ({ fix, verdict, message = '' }) => console.log(`${fix.timestamp} ${verdict} ${message}`));

let angle = 0;
const timer = setInterval(() => {
  angle += Math.PI / 60;
  track.send({
    latitude: Number(latitude) + 0.001 * Math.sin(angle),
    longitude: Number(longitude) + 0.001 * Math.cos(angle),
    attributes: { status: 'available' },
  });
}, 1000);

process.once('SIGINT', async () => {
  clearInterval(timer);
  // What was sent is to arrive; but not to be waited for when nobody is there.
  await track
    .flush({ signal: AbortSignal.timeout(5000) })
    .catch((error) => console.error(`not all arrived: ${error.message}`));
  await nearcast.close();
});
