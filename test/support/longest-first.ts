/** The order of the test files: those that take longest come first, so that the workers finish together. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Without a cache of an earlier run, as in a fresh clone, vitest goes by the size of the files, which says little. */
const LONGEST = [
  'e2e/pm2',
  'e2e/production-install',
  'cli/doctor',
  'cli/start',
  'cli/rebuild',
  'e2e/retention',
  'e2e/kill',
  'e2e/stop',
  'cli/erase',
  'storage/postgres/embedded/killed-daemon',
  'rebuild/run-rebuild',
  'e2e/outages',
  'erasure/erase-person',
  'e2e/slow-senders',
  'e2e/delivery',
  'e2e/dispatch',
  'delivery/own-events',
  'storage/postgres/rotate-secrets',
  'e2e/roles',
  'e2e/redis-faults',
  'storage/postgres/embedded/server-account',
  'workers/dispatch-worker',
  'cli/send',
  'cli/migrate',
  'storage/postgres/embedded/server-binaries',
  'storage/disk/spool/spool-properties',
  'providers/stripe/projections/order',
  'e2e/listen',
  'storage/postgres/embedded/damaged-cluster',
  'storage/disk/spool/takeover',
  'e2e/hostile-bodies',
  'delivery/send',
  'storage/postgres/embedded/embedded-postgres',
  'storage/postgres/migrations',
  'workers/delivery-worker',
  'providers/linear-time',
  'docs/scaling',
  'storage/postgres/delivery-contention',
  'storage/postgres/migrations-follow-up',
  'rebuild/equals-live',
  'e2e/embedded-crash',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return index === -1 ? LONGEST.length : index;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}
