import { expect } from 'vitest';
import { ensureFleetRole } from '../../src/store/fleet-role.ts';
import { migrate } from '../../src/store/migrate.ts';
import { createDatabase, type TestPostgres } from '../support/postgres.ts';
import { Truth } from './truth.ts';

/** A new database with the tables and the role of one fleet, and who judges it. */
export async function fleetDatabase(postgres: TestPostgres, name: string) {
  const connectionString = await createDatabase(postgres, name);
  await migrate({ connectionString });
  expect(await ensureFleetRole({ connectionString })).toBeUndefined();
  return { connectionString, truth: await Truth.connect({ connectionString }) };
}
