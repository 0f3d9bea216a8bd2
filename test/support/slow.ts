import { describe, test } from 'vitest';

const isAsked = process.env.SLOW_TESTS === '1';

/**
 * A test that takes so long that it is run only where SLOW_TESTS=1 asks for it, as CI does; elsewhere it is skipped and says
 * so.
 */
export const slowTest: typeof test = isAsked ? test : (test.skip as typeof test);

/** The same of a suite. */
export const slowDescribe: typeof describe = isAsked ? describe : (describe.skip as typeof describe);

if (!isAsked) console.warn('skipped here: tests that take long; SLOW_TESTS=1 runs them');
