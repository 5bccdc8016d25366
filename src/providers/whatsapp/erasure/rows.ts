/** What is left of a row of a projection without a person, where it cannot be made again from events. */
import type { KeyedRow, PersonIds, Remains } from '../../../core/erasure.ts';
import { isObject, type JsonObject } from '../../../core/json.ts';
import type { ProjectionRow, ProjectionTable } from '../../../core/projection.ts';
import { DECIDED_BY } from '../projections/decide.ts';
import { MESSAGE_STATUSES, MESSAGES } from '../projections/message-tables.ts';
import { ACCOUNT_EVENTS, CONTACTS } from '../projections/tables.ts';
import { cutValue } from './bodies.ts';
import { cutContext } from './items.ts';
import { phoneOfMessageId } from './message-id.ts';
import { isTheirs, named } from './named.ts';

type Cut = (keyed: KeyedRow, ids: PersonIds) => Remains<ProjectionRow>;

const CUTS: ReadonlyMap<ProjectionTable, Cut> = new Map([
  [CONTACTS, cutContact],
  [MESSAGES, cutMessage],
  [MESSAGE_STATUSES, cutStatus],
  [ACCOUNT_EVENTS, cutAccountEvent],
]);

export function cutRow(table: ProjectionTable, keyed: KeyedRow, ids: PersonIds): Remains<ProjectionRow> {
  return CUTS.get(table)?.(keyed, ids) ?? 'all';
}

function cutContact({ key, row }: KeyedRow, ids: PersonIds): Remains<ProjectionRow> {
  const [, contactId = ''] = key;
  if (ids.all.has(contactId)) return 'nothing';
  const changes: Record<string, unknown> = {};
  const has = (column: string, set: ReadonlySet<string>) => set.has(String(row[column] ?? ''));
  if (has('moved_to', ids.all)) changes['moved_to'] = null;
  if (has('merged_into', ids.all)) changes['merged_into'] = row['user_id'] === contactId ? null : row['user_id'];
  // Else the number is the other one's as well.
  if (has('wa_id', ids.given)) changes['wa_id'] = null;
  if (has('parent_user_id', ids.all)) changes['parent_user_id'] = null;
  return changed(row, { ...changes, ...stamps(row, ids) });
}

function cutMessage({ row }: KeyedRow, ids: PersonIds): Remains<ProjectionRow> {
  if (isTheirs(named(row['user_id'], row['wa_id']), ids)) return 'nothing';
  const changes: Record<string, unknown> = {};
  const reactions = isObject(row['reactions']) ? Object.entries(row['reactions']) : [];
  const others = reactions.filter(([reactor]) => !ids.all.has(reactor));
  if (others.length < reactions.length) changes['reactions'] = others.length === 0 ? null : Object.fromEntries(others);
  const context = cutContext(row['context'], ids);
  if (context !== 'all') changes['context'] = context.rest;
  return changed(row, { ...changes, ...stamps(row, ids) });
}

function cutStatus({ row }: KeyedRow, ids: PersonIds): Remains<ProjectionRow> {
  const people = [
    named(row['recipient_user_id'], row['recipient_wa_id']),
    named(row['participant_user_id'], row['participant_wa_id']),
  ];
  return people.some((person) => isTheirs(person, ids)) ? 'nothing' : 'all';
}

function cutAccountEvent({ row }: KeyedRow, ids: PersonIds): Remains<ProjectionRow> {
  if (isTheirs(named(null, phoneOfMessageId(row['message_id'])), ids)) return 'nothing';
  const { value } = row;
  const remains = isObject(value) ? cutValue(row['type'], value, ids) : 'all';
  return typeof remains === 'string' ? remains : { rest: { ...row, value: remains.rest } };
}

/** A column says by which events the row was decided; their keys may name participants of groups. */
function stamps(row: ProjectionRow, { all }: PersonIds): ProjectionRow {
  const decided = row[DECIDED_BY];
  if (!isObject(decided)) return {};
  const cut: Record<string, unknown> = {};
  for (const [stamp, slots] of Object.entries(decided as JsonObject)) {
    const parts = stamp.split(':').map((part) => (all.has(part) ? '-' : part));
    const known = (cut[parts.join(':')] ?? []) as readonly unknown[];
    cut[parts.join(':')] = [...known, ...((slots ?? []) as readonly unknown[])];
  }
  return JSON.stringify(cut) === JSON.stringify(decided) ? {} : { [DECIDED_BY]: cut };
}

function changed(row: ProjectionRow, changes: ProjectionRow): Remains<ProjectionRow> {
  return Object.keys(changes).length === 0 ? 'all' : { rest: { ...row, ...changes } };
}
