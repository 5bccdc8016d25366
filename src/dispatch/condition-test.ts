/** From a destination's condition to a function that says whether a payload meets it. */
import sift from 'sift';
import { conditionFaults, type FieldOperator, type QUERY_OPERATORS } from '../core/condition.ts';
import type { JsonObject } from '../core/json.ts';

/** Nothing but these exists, whatever a condition says. */
const OPERATIONS = {
  $and: sift.$and,
  $or: sift.$or,
  $eq: sift.$eq,
  $ne: sift.$ne,
  $gt: sift.$gt,
  $gte: sift.$gte,
  $lt: sift.$lt,
  $lte: sift.$lte,
  $in: sift.$in,
  $nin: sift.$nin,
  $exists: sift.$exists,
  $not: sift.$not,
  $all: sift.$all,
  $size: sift.$size,
  $elemMatch: sift.$elemMatch,
} satisfies Record<FieldOperator | (typeof QUERY_OPERATORS)[number], unknown>;

/** @throws SyntaxError if the condition is none; the function may throw for a payload that the condition cannot be asked of */
export function compileCondition(condition: JsonObject): (payload: JsonObject) => boolean {
  const [fault] = conditionFaults(condition);
  if (fault !== undefined)
    throw new SyntaxError(`the condition is wrong at ${fault.path || 'its top'}: ${fault.message}`);
  return sift.createQueryTester(condition, { operations: OPERATIONS });
}
