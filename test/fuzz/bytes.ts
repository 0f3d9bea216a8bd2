import type { Random } from '../support/random.ts';
import type { BytesCase } from './case.ts';
import { operations } from './contract.ts';
import { garble } from './mutate.ts';
import { requestOf } from './requests.ts';

const GET =
  'GET /v1/drivers/nearby?latitude=40.75&longitude=-73.98 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer @token:all@\r\n';
const POST =
  'POST /v1/positions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer @token:all@\r\nContent-Type: application/json\r\n';
const FIX = '{"driverId":"d1","latitude":40,"longitude":-74}';
const LENGTH = `Content-Length: ${FIX.length}\r\n`;
const CHUNKS = `${FIX.length.toString(16)}\r\n${FIX}\r\n0\r\n\r\n`;

/** Requests that break HTTP itself, or lean on it. */
const ODD: readonly string[] = [
  `${POST}${LENGTH}Transfer-Encoding: chunked\r\n\r\n${CHUNKS}`,
  `${POST}${LENGTH}${LENGTH}\r\n${FIX}`,
  `${POST}${LENGTH}Content-Length: 5\r\n\r\n${FIX}`,
  `${POST}Content-Length: -1\r\n\r\n${FIX}`,
  `${POST}Content-Length: 99999999999999999999\r\n\r\n${FIX}`,
  `${POST}Content-Length: 0x2e\r\n\r\n${FIX}`,
  `${POST}Content-Length: 1048577\r\n\r\n${FIX}`,
  `${POST}Content-Length: 500\r\n\r\n${FIX}`,
  `${POST}\r\n${FIX}`,
  `${POST}Transfer-Encoding: chunked\r\n\r\n${CHUNKS}`,
  `${POST}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n${FIX}`,
  `${POST}Transfer-Encoding: chunked\r\n\r\n-1\r\n${FIX}`,
  `${POST}Transfer-Encoding: chunked\r\n\r\n5;${'e'.repeat(20_000)}\r\nabcde\r\n0\r\n\r\n`,
  `${POST}Transfer-Encoding: chunked\r\n\r\n${'1\r\n \r\n'.repeat(5_000)}0\r\n\r\n`,
  `${POST}Transfer-Encoding: chunked\r\n\r\n0\r\n${'X-Trailer: x\r\n'.repeat(5_000)}\r\n`,
  `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n${CHUNKS}`,
  `${POST}Transfer-Encoding: xchunked\r\n\r\n${CHUNKS}`,
  `${POST}Transfer-Encoding : chunked\r\n\r\n${CHUNKS}`,
  `${POST}Content-Encoding: gzip\r\n${LENGTH}\r\n${FIX}`,
  `${POST}Expect: 100-continue\r\n${LENGTH}\r\n${FIX}`,
  `${POST}Expect: a miracle\r\n${LENGTH}\r\n${FIX}`,
  `${GET}Connection: close\r\n\r\n`,
  `${GET}\r\n`.repeat(20),
  `${GET}\r\n${POST}${LENGTH}\r\n${FIX}${GET}\r\n`,
  `${GET}X-Fold: a\r\n b\r\n\tc\r\n\r\n`,
  `${GET}X-Null: a\0b\r\n\r\n`,
  `${GET}X\0: a\r\n\r\n`,
  `${GET}No colon\r\n\r\n`,
  `${GET}: no name\r\n\r\n`,
  `${GET}X-Lf: a\n\n`,
  `${GET}X-Cr: a\rb\r\n\r\n`,
  `${GET}${'X: y\r\n'.repeat(1_500)}\r\n`,
  `${GET}${'X: y\r\n'.repeat(3_000)}\r\n`,
  `${GET}X-Long: ${'x'.repeat(15_000)}\r\n\r\n`,
  `${GET}X-Long: ${'x'.repeat(70_000)}\r\n\r\n`,
  `${GET}${'x'.repeat(20_000)}: 1\r\n\r\n`,
  `${GET}Host: y\r\n\r\n`,
  `${GET}Authorization: Bearer x\r\n\r\n`,
  `${GET}Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n`,
  `${GET}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
  'GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  'GET /ws HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /livez HTTP/1.0\r\n\r\n',
  'GET /livez HTTP/1.1\r\n\r\n',
  'GET /livez HTTP/1.2\r\nHost: x\r\n\r\n',
  'GET /livez HTTP/2.0\r\nHost: x\r\n\r\n',
  'GET /livez HTTP/9\r\nHost: x\r\n\r\n',
  'GET /livez\r\n\r\n',
  'GET  /livez  HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /livez#x HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET //livez HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /./livez/../livez HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /docs/..%2f..%2f..%2f..%2fetc/passwd HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /docs/static/../../../package.json HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET http://evil.example/livez HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET livez HTTP/1.1\r\nHost: x\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n',
  'CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n',
  'TRACE / HTTP/1.1\r\nHost: x\r\n\r\n',
  'get /livez HTTP/1.1\r\nHost: x\r\n\r\n',
  'GARBAGE /livez HTTP/1.1\r\nHost: x\r\n\r\n',
  `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  `GET /v1/drivers/${'%f0%9f%9a%97'.repeat(200)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer @token:all@\r\n\r\n`,
  `GET /v1/drivers/${'a'.repeat(3_000)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer @token:all@\r\n\r\n`,
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03',
  '\r\n\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n',
  '\0\0\0\0',
  '',
  'HTTP/1.1 200 OK\r\n\r\n',
  'EHLO x\r\n',
  '*1\r\n$4\r\nPING\r\n',
];

/** Bytes for a connection that expects HTTP. */
export function bytesCase(random: Random): BytesCase {
  let bytes = random.below(2) === 0 ? random.pick(ODD) : requestText(random);
  while (random.below(2) === 0) bytes = garble(bytes, random);
  // Where one write ends is nothing that a reader may rely on.
  const pieces: string[] = [];
  while (bytes.length > 0 && pieces.length < 4 && random.below(2) === 0) {
    const end = 1 + random.below(bytes.length);
    pieces.push(bytes.slice(0, end));
    bytes = bytes.slice(end);
  }
  return { kind: 'bytes', pieces: [...pieces, bytes] };
}

function requestText(random: Random): string {
  const { method, target, headers, body = '' } = requestOf(random.pick(operations), random);
  const lines = [`${method} ${target} HTTP/1.1`, 'host: x', ...headers.map(([name, value]) => `${name}: ${value}`)];
  return `${lines.join('\r\n')}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}
