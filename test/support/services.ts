import { describe } from 'vitest';

/**
 * `describe` for a suite that needs a service of the machine. Where the service is missing the suite is skipped and
 * says so; with REQUIRE_SERVICES=1 that is a failure.
 *
 * @param found what the search for the service gave; the suite gets it
 */
export function describeWith<T>(service: string, found: T | undefined, title: string, suite: (found: T) => void): void {
  if (found !== undefined) {
    describe(title, () => suite(found));
    return;
  }
  if (process.env.REQUIRE_SERVICES === '1') {
    throw new Error(`${service} is not on this machine, and REQUIRE_SERVICES=1 asks for it: "${title}" cannot run`);
  }
  console.warn(`skipped: "${title}", because ${service} is not on this machine`);
  describe.skip(`${title} (skipped: no ${service})`, () => {});
}
