import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { createLog } from '../src/log.ts';
import { token } from './support/server.ts';

/** A process that logs by `createLog` to a pipe. */
function logging(code: string) {
  const script = `import { createLog } from './src/log.ts'; const log = createLog('info'); ${code}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** More than any pipe holds (64 kB), and more than may wait (4 MiB). */
const TOO_MUCH = `for (let i = 0; i < 6_000; i++) log.info('x'.repeat(1_000));`;

test('a log that nobody reads does not stop the process, nor its end', async () => {
  const child = logging(`${TOO_MUCH} setTimeout(() => { process.stdout.write('alive'); process.exit(3) }, 20)`);
  // Nothing is read of standard error.
  const [said] = await once(child.stdout, 'data');
  expect(String(said)).toBe('alive');
  const since = performance.now();
  const [code] = await once(child, 'exit');
  expect(code).toBe(3);
  expect(performance.now() - since).toBeLessThan(3_000);
});

test('a log that is read late says how many lines it lacks, and has the rest whole', async () => {
  const child = logging(`${TOO_MUCH} process.stdout.write('full')`);
  await once(child.stdout, 'data');
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  await once(child, 'close');
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const { dropped } = lines.at(-1);
  expect(dropped).toBeGreaterThan(0);
  expect(lines.length - 1 + dropped).toBe(6_000);
});

test('what was logged last is there, however the process ends', async () => {
  for (const end of ['process.exit(0)', 'throw new Error("thrown")']) {
    const child = logging(`for (let i = 0; i < 1000; i++) log.info('line'); log.fatal('the last word'); ${end}`);
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    await once(child, 'close');
    expect(text.match(/"msg":"line"/g)).toHaveLength(1000);
    expect(text.match(/"msg":"the last word"/g)).toHaveLength(1);
  }
});

test('a token is taken out whatever stands before it, as it is written in JSON', () => {
  const lines: string[] = [];
  const log = createLog('info', { write: (line) => void lines.push(line) });
  const secret = 'S'.repeat(43);
  for (const before of ['\n', '\t', '\u001b', '\u0001', '_', 'a', '"', '\\', '/']) {
    for (const known of [`share_${secret}`, `eyJ${secret}.eyJ${secret}.${secret}`]) log.info(`${before}${known}`);
  }
  expect(lines).toHaveLength(18);
  for (const line of lines) expect(line).not.toContain('SSS');
});

test('a token is taken out of a line, wherever it stands, and the line is as it was', () => {
  const lines: string[] = [];
  const log = createLog('trace', { write: (line) => void lines.push(line) });
  const jwt = token();
  const share = `share_${'x-_4'.repeat(10)}`;
  const cause = new Error(`cannot GET /v1/stream?access_token=${jwt}&radius=5`);
  log.trace({ err: new Error(`no ${share}`, { cause }), [jwt]: jwt }, `Bearer ${jwt}, ?access_token=a%20b&x=1`);
  expect(lines.join('')).not.toContain(jwt.slice(0, 12));
  for (const part of jwt.split('.')) expect(lines.join('')).not.toContain(part);
  expect(lines.join('')).not.toContain(share.slice(6));
  const line = JSON.parse(lines[0]);
  expect(line).toMatchObject({ level: 10, msg: 'Bearer [token], ?access_token=[token]&x=1' });
  expect(line.err.message).toBe('no [token]: cannot GET /v1/stream?access_token=[token]&radius=5');
});
