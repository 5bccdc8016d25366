/** The order of the files: the logs are searched when every daemon has written its own. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const LAST = '/logs.chaos.ts';

export class LogsLast extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => Number(moduleId.endsWith(LAST));
    const byName = [...files].sort((one, other) => one.moduleId.localeCompare(other.moduleId));
    return byName.sort((one, other) => rank(one) - rank(other));
  }
}
