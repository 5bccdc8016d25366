/** The order of the test files: those that take longest come first, so that the workers finish together. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Without a cache of an earlier run, as in a fresh clone, vitest goes by the size of the files, which says little. */
const LONGEST = [
  'pm2',
  'kill',
  'doctor',
  'slow-senders',
  'killed-daemon',
  'production-install',
  'start',
  'send',
  'stop',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = LONGEST.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return index === -1 ? LONGEST.length : index;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}
