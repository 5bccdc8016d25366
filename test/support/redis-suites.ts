/** How suites ask for a Redis. */
import { afterAll, beforeAll, describe, test } from 'vitest';
import { type RedisServer, redisServerAvailable, startRedisServer } from './redis-server.ts';

/**
 * A suite that starts servers of its own. Without redis-server on the PATH it is skipped and its title says so; under
 * `CI=true`, where nothing may be skipped, it fails.
 */
export function describeWithRedisServer(name: string, suite: () => void): void {
  describeOrExplain(name, redisServerAvailable, suite);
}

/**
 * A suite that needs some Redis: that of `TEST_REDIS_URL`, which others may be using too, else a server of its own. `url`
 * may be called from `beforeAll` on.
 */
export function describeWithRedis(name: string, suite: (url: () => string) => void): void {
  const given = process.env['TEST_REDIS_URL'];
  describeOrExplain(name, given !== undefined || redisServerAvailable, () => {
    let server: RedisServer | undefined;
    beforeAll(async () => {
      if (given === undefined) server = await startRedisServer();
    });
    afterAll(() => server?.destroy());
    suite(() => given ?? server?.url ?? '');
  });
}

function describeOrExplain(name: string, possible: boolean, suite: () => void): void {
  if (possible) {
    describe(name, suite);
    return;
  }
  const why = 'needs redis-server on the PATH (or TEST_REDIS_URL, where it starts none of its own)';
  const required = process.env['CI'] === 'true';
  if (!required) console.warn(`skipped: "${name}" ${why}`);
  describe(name, () => {
    test.skipIf(!required)(why, () => {
      throw new Error(why);
    });
  });
}
