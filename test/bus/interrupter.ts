import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { onTestFinished } from 'vitest';

const ASKED = encode('CLIENT', 'INFO');

/**
 * Stands between a bus and its server, and has the server close a channel of its own accord just before it answers how many
 * are open: what a slot that moves does, at the worst of times.
 */
export async function interrupter(port: number): Promise<{ port: number; closeNext(channel: string): void }> {
  let channel: string | undefined;
  const server = createServer((down) => {
    const up = connect(port, '127.0.0.1');
    down.on('data', (data: Buffer) => {
      if (channel === undefined || !data.includes(ASKED)) {
        up.write(data);
        return;
      }
      const at = data.indexOf(ASKED);
      up.write(Buffer.concat([data.subarray(0, at), encode('SUNSUBSCRIBE', channel), data.subarray(at)]));
      channel = undefined;
    });
    up.on('data', (data) => down.write(data));
    for (const [one, other] of [
      [up, down],
      [down, up],
    ])
      one.on('error', () => {}).on('close', () => other.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  return {
    port: (server.address() as AddressInfo).port,
    closeNext: (name) => {
      channel = name;
    },
  };
}

function encode(...words: string[]): Buffer {
  return Buffer.from(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`);
}
