/** What of a WhatsApp event, body or row is somebody's: see the contract in `core/erasure.ts`. */
import type { Eraser, PersonIds } from '../../../core/erasure.ts';
import { isObject, type JsonObject, own } from '../../../core/json.ts';
import { CONTACTS } from '../projections/tables.ts';
import { companyOfPayload, cutBody, cutPayload, ITEM_NAMES } from './bodies.ts';
import { peopleInHistory, peopleOf } from './items.ts';
import { textOfMessageIds } from './message-id.ts';
import { idsOf, isTheirs } from './named.ts';
import { cutRow } from './rows.ts';

/** As people write phone numbers. */
const PHONE = /^\+?[\d\s().-]{5,30}$/;

/** Meta writes numbers as digits; the address book of the business may have them with a plus. */
function readIds(typed: string): readonly string[] {
  const subject = typed.trim();
  if (!PHONE.test(subject)) return [subject];
  const digits = subject.replace(/\D/g, '');
  return [digits, `+${digits}`];
}

function searchTerms(id: string): readonly string[] {
  const inMessageIds = textOfMessageIds(id);
  return inMessageIds === null ? [id] : [id, inMessageIds];
}

function furtherIds(payload: JsonObject, ids: PersonIds): readonly string[] {
  const name = ITEM_NAMES.find((one) => own(payload, one) !== undefined);
  const item = name === undefined ? undefined : own(payload, name);
  if (name === undefined || !isObject(item)) return [];
  // The sides of an announced change are one person; the parties of a call, the threads of a history are several.
  if (name === 'history' || name === 'call' || name === 'status') {
    const people = name === 'history' ? peopleInHistory(item) : peopleOf(name, item, companyOfPayload(payload));
    return people.filter((person) => isTheirs(person, ids)).flatMap(idsOf);
  }
  const people = peopleOf(name, item, companyOfPayload(payload));
  return people.some((person) => isTheirs(person, ids)) ? people.flatMap(idsOf) : [];
}

export const eraser: Eraser = {
  people: { table: CONTACTS, mergedInto: 'merged_into', aliases: ['parent_user_id'] },
  readIds,
  searchTerms,
  payload: cutPayload,
  furtherIds,
  body: cutBody,
  row: cutRow,
};
