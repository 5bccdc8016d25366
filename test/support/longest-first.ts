/** The order of the test files: those that take longest come first, so that the workers finish together. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Without a cache of an earlier run, as in a fresh clone, vitest goes by the size of the files, which says little. */
const LONGEST = [
  'e2e/pm2',
  'e2e/kill',
  'e2e/production-install',
  'cli/doctor',
  'e2e/retention',
  'erasure/erase-person',
  'e2e/slow-senders',
  'cli/start',
  'e2e/stop',
  'cli/rebuild',
  'rebuild/run-rebuild',
  'e2e/outages',
  'workers/dispatch-worker',
  'e2e/delivery',
  'e2e/dispatch',
  'cli/send',
  'storage/postgres/embedded/killed-daemon',
  'storage/postgres/embedded/server-account',
  'storage/disk/spool/takeover',
  'providers/linear-time',
  'cli/erase',
  'e2e/hostile-bodies',
  'providers/stripe/projections/order',
  'storage/postgres/embedded/embedded-postgres',
  'storage/postgres/embedded/damaged-cluster',
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
