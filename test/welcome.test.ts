import { expect, test } from 'vitest';
import { welcome } from '../src/welcome.ts';
import { SECRET } from './support/server.ts';

const URL = 'http://127.0.0.1:8080';

test('what is not served is not linked to', () => {
  const all = welcome(URL, SECRET, { dashboard: true, docs: true });
  expect(all.match(/#token=/g)?.length).toBe(3);
  expect(all).toContain(`${URL}/docs\n`);
  const bare = welcome(URL, SECRET, { dashboard: false, docs: false });
  expect(bare).not.toMatch(/#token=|\/docs/);
  // And leaves no gap.
  for (const text of [all, bare]) expect(text).not.toMatch(/\n{3}/);
});
