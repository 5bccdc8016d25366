/** What cannot be followed, and why. */
import { conditionFaults } from '../core/condition.ts';
import type { DestinationFilter } from '../core/destination.ts';
import { Refusal } from '../core/errors.ts';
import type { Position } from '../core/follower.ts';

export function noFollower(): Refusal {
  return new Refusal('not_found', 'there is no such follower');
}

/** @throws Refusal */
export function checkPosition(after: Position | null, last: Position): Position {
  if (after === null || after <= last) return after ?? last;
  const message = `is beyond the last position, ${last}: the database may have been restored; begin without it`;
  throw new Refusal('bad_request', 'there is no such position', [{ path: 'after', message }]);
}

/** @throws Refusal */
export function checkCondition({ condition }: DestinationFilter): void {
  const details = conditionFaults(condition ?? {}).map(({ path, message }) => ({
    path: path === '' ? 'condition' : `condition.${path}`,
    message,
  }));
  if (details.length > 0) throw new Refusal('bad_request', 'the condition is none', details);
}
