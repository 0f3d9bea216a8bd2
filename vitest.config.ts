import { defineConfig } from 'vitest/config';
import { LongFirst } from './test/support/long-first.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Servers that are tested serve the pages of the present sources.
    globalSetup: 'test/support/build-pages.ts',
    // Much of the time goes into waiting for databases to start.
    maxWorkers: 3,
    // A worker of its own for each file takes as long as most files do.
    isolate: false,
    sequence: { sequencer: LongFirst },
    // CommonJS packages are imported as Node imports them.
    deps: { interopDefault: false },
    // Tests of the embedded database start whole processes.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What is waited for comes at once, but on a machine that has other things to do.
    expect: { poll: { timeout: 20_000 } },
    reporters: process.env.TEST_REPORT ? ['default', ['json', { outputFile: process.env.TEST_REPORT }]] : ['default'],
  },
});
