import { defineConfig } from 'vitest/config';
import { LogsLast } from './file-order.ts';
import { TEST_TIMEOUT } from './form.ts';

export default defineConfig({
  test: {
    include: ['test/chaos/*.chaos.ts'],
    globalSetup: 'test/chaos/global-setup.ts',
    sequence: { sequencer: LogsLast },
    testTimeout: TEST_TIMEOUT,
    hookTimeout: 60_000,
    // Each row has the two cores to itself: a latency that a neighbour spoils says nothing.
    fileParallelism: false,
  },
});
