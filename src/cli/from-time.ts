/** A time as it is typed, `--from` for instance. */
import { InvalidArgumentError } from 'commander';

const DATE = /^\d{4}-\d\d-\d\d$/;
/** Without a zone it would be that of whoever types it, here, and of the server elsewhere. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/;

/** A date begins at midnight, UTC. @throws InvalidArgumentError */
export function fromTime(text: string): Date {
  const time = new Date(DATE.test(text) || TIME.test(text) ? text : Number.NaN);
  const day = new Date(`${text.slice(0, 10)}T00:00:00Z`);
  // A 30th of February would be taken for a day of March.
  if (Number.isNaN(time.getTime()) || day.toISOString().slice(0, 10) !== text.slice(0, 10)) {
    throw new InvalidArgumentError(
      'write a date, such as 2026-11-20, or a time with its zone: 2026-11-20T14:30:00+01:00.',
    );
  }
  return time;
}
