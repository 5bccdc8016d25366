import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // One PostgreSQL server for every file that does not need to stop, pause or kill one.
    globalSetup: 'test/support/global-setup.ts',
    // Suites start real servers and processes; on a busy machine even that takes its time.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
