import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedDatabase } from '../../src/store/embedded.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openStore } from '../../src/store/open.ts';
import { slowTest } from '../support/slow.ts';
import { positions, row } from './rows.ts';
import { Truth } from './truth.ts';

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'nearcast-test-'));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('a process with an embedded database that is killed', () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
  });

  it('leaves no process, lock or temporary directory, and the next finds every committed row', async () => {
    const dataDir = join(scratch, 'killed');
    const sockets = join(scratch, 'sockets');
    mkdirSync(sockets);
    const parent = spawn(process.execPath, [join(import.meta.dirname, 'parent.ts'), dataDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { TMPDIR: sockets },
    });
    children.push(parent);
    let committed = 0;
    for await (const line of createInterface({ input: parent.stdout as NodeJS.ReadableStream })) {
      committed = Number(line);
      if (committed >= 30 && !parent.killed) {
        expect(readdirSync(sockets)).toHaveLength(1);
        expect(readFileSync(join(dataDir, 'pid'), 'utf8')).toBe(`${parent.pid}\n`);
        parent.kill('SIGKILL');
      }
    }
    if (parent.signalCode === null) await once(parent, 'exit');

    // At once, while the database of the killed one is still closing.
    const database = await EmbeddedDatabase.start({ dataDir });
    const truth = await Truth.connect(database.connection);
    const rows = new Set((await truth.positions()).map(({ driverId }) => driverId));
    for (let n = 1; n <= committed; n++) for (let i = 0; i < 20; i++) expect(rows).toContain(`${n}-${i}`);
    expect(readdirSync(sockets)).toEqual([]);
    await truth.close();
    await database.stop();
  }, 60_000);
});

describe('a first start', () => {
  slowTest(
    'makes the database itself, and says so, where no template was prepared',
    async () => {
      const lines: string[] = [];
      const dataDir = join(scratch, 'bare');
      // Half a copy, from a start that was killed.
      mkdirSync(join(dataDir, 'postgres.partial-1'), { recursive: true });
      writeFileSync(join(dataDir, 'postgres.partial-1', 'PG_VERSION'), '18');
      const template = join(scratch, 'no-template');
      const database = await EmbeddedDatabase.start({ dataDir, template, onProgress: (line) => lines.push(line) });
      expect(lines[0]).toContain('Making a new database');
      expect(readdirSync(dataDir).sort()).toEqual(['lock', 'pid', 'postgres']);
      await migrate(database.connection);
      await database.stop();
    },
    60_000,
  );

  slowTest(
    'gives a store that is ready, and so does a later one',
    async () => {
      const dataDir = join(scratch, 'opened');
      const first = await openStore({ dataDir });
      await first.store.write(positions([row('a')]));
      await first.close();
      const later = await openStore({ dataDir });
      for await (const batch of later.store.loadPositions(0)) expect(batch).toEqual([row('a')]);
      await later.close();
    },
    60_000,
  );
});
