import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // One PostgreSQL server for every file that does not need to stop, pause or kill one.
    globalSetup: 'test/support/global-setup.ts',
    sequence: { sequencer: LongestFirst },
    // Suites start real servers and processes; on a busy machine even that takes its time.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Twice the two cores that it should do with: many tests wait for a limit or a pause of some server to pass.
    maxWorkers: 4,
    // A worker runs file after file: a process for each loads everything anew, for a third of a second of a core.
    isolate: false,
  },
});
