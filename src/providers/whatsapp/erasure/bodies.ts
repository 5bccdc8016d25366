/** What is left of a webhook's body, and of the payload of one of its events, without a person. */
import type { PersonIds, Remains } from '../../../core/erasure.ts';
import { asArray, isObject, type JsonObject, own } from '../../../core/json.ts';
import { objectOr } from '../projections/columns.ts';
import { RULES, rulesFor } from '../rules.ts';
import { cutItem } from './items.ts';
import { type Company, companyOf, isTheirs, namedByContact } from './named.ts';
import { cutEach, memberOf, replaced } from './remains.ts';
import { cutUndocumented } from './undocumented.ts';

/** The names that an item may have in a payload. */
export const ITEM_NAMES: readonly string[] = [...new Set(RULES.map(({ name }) => name))];

/** Beside them a change says nothing of its own: it is gone when no more than these is left of it. */
const FRAME: ReadonlySet<string> = new Set(['messaging_product', 'metadata']);
const ENVELOPE: ReadonlySet<string> = new Set([...FRAME, 'contacts']);

export function cutBody(body: unknown, ids: PersonIds): Remains<unknown> {
  const entries = isObject(body) ? asArray(own(body, 'entry')) : undefined;
  if (!isObject(body) || entries === undefined) return cutUndocumented(body, ids);
  const remains = cutEach(entries, (entry) => cutEntry(entry, ids));
  return typeof remains === 'string' ? remains : { rest: replaced(body, { entry: remains.rest }) };
}

function cutEntry(entry: unknown, ids: PersonIds): Remains<unknown> {
  const changes = isObject(entry) ? asArray(own(entry, 'changes')) : undefined;
  if (!isObject(entry) || changes === undefined) return cutUndocumented(entry, ids);
  const remains = cutEach(changes, (change) => cutChange(change, ids));
  return typeof remains === 'string' ? remains : { rest: replaced(entry, { changes: remains.rest }) };
}

function cutChange(change: unknown, ids: PersonIds): Remains<unknown> {
  const value = isObject(change) ? own(change, 'value') : undefined;
  if (!isObject(change) || !isObject(value)) return cutUndocumented(change, ids);
  const remains = cutValue(own(change, 'field'), value, ids);
  return typeof remains === 'string' ? remains : { rest: replaced(change, { value: remains.rest }) };
}

/** `value` of a change: its items one by one, its contacts, and whatever else it holds, which is an event of its own. */
export function cutValue(field: unknown, value: JsonObject, ids: PersonIds): Remains<JsonObject> {
  const changes = { ...cutItems(field, value, ids), ...cutOthers(field, value, ids) };
  const contacts = cutContacts(own(value, 'contacts'), ids);
  if (contacts !== 'all') changes['contacts'] = memberOf(contacts, undefined);
  if (Object.keys(changes).length === 0) return 'all';
  const rest = replaced(value, changes);
  return speaks(rest, speaks(value, ENVELOPE) ? ENVELOPE : FRAME) ? { rest } : 'nothing';
}

/** What is to stand in the place of members of an object; undefined for those that are gone. */
type Changes = Record<string, unknown>;

function cutItems(field: unknown, value: JsonObject, ids: PersonIds): Changes {
  const lists = Object.keys(value).filter((name) => itemsOf(field, value, name) !== undefined);
  const count = lists.reduce((sum, name) => sum + (itemsOf(field, value, name)?.length ?? 0), 0);
  const company = companyOf(own(value, 'contacts'), own(value, 'metadata'), count === 1);
  const changes: Changes = Object.create(null);
  for (const name of lists) {
    const item = rulesFor(name, field)[0]?.name ?? name;
    const remains = cutEach(itemsOf(field, value, name) ?? [], (member) => cutItem(item, member, ids, company));
    if (remains !== 'all') changes[name] = memberOf(remains, undefined);
  }
  return changes;
}

function cutOthers(field: unknown, value: JsonObject, ids: PersonIds): Changes {
  const names = Object.keys(value).filter((name) => !ENVELOPE.has(name) && itemsOf(field, value, name) === undefined);
  const remains = cutUndocumented(Object.fromEntries(names.map((name) => [name, value[name]])), ids);
  if (remains === 'all') return {};
  const rest = remains === 'nothing' ? {} : objectOr(remains.rest);
  return Object.fromEntries(names.map((name) => [name, own(rest, name)]));
}

/** Undefined for what is no list of items under this field. */
function itemsOf(field: unknown, value: JsonObject, name: string): readonly unknown[] | undefined {
  return rulesFor(name, field).length === 0 ? undefined : asArray(own(value, name));
}

/** Does it say anything in members that are not among these? */
function speaks(value: JsonObject, silent: ReadonlySet<string>): boolean {
  const empty = (member: unknown) => Array.isArray(member) && member.length === 0;
  return Object.entries(value).some(([name, member]) => !silent.has(name) && !empty(member));
}

export function cutContacts(contacts: unknown, ids: PersonIds): Remains<unknown> {
  return cutEach(asArray(contacts) ?? [], (contact) => (isTheirs(namedByContact(contact), ids) ? 'nothing' : 'all'));
}

/** Of the parts of a payload, the item decides: without it nothing is left. */
export function cutPayload(payload: JsonObject, ids: PersonIds): Remains<JsonObject> {
  const name = ITEM_NAMES.find((one) => own(payload, one) !== undefined);
  if (name === undefined) return cutWhole(payload, ids);
  const item = cutItem(name, own(payload, name), ids, companyOfPayload(payload));
  if (item === 'nothing') return 'nothing';
  const changes: Record<string, unknown> = Object.create(null);
  if (item !== 'all') changes[name] = item.rest;
  if (isTheirs(namedByContact(own(payload, 'contact')), ids)) changes['contact'] = undefined;
  const rest = own(payload, 'rest');
  const contacts = isObject(rest) ? cutContacts(own(rest, 'contacts'), ids) : 'all';
  if (contacts !== 'all') changes['rest'] = contacts === 'nothing' ? undefined : { contacts: contacts.rest };
  return Object.keys(changes).length === 0 ? 'all' : { rest: replaced(payload, changes) };
}

/** Of a change without items, of an entry or body that Meta does not document. */
function cutWhole(payload: JsonObject, ids: PersonIds): Remains<JsonObject> {
  const value = own(payload, 'value');
  if (value === undefined) return cutBody(payload, ids) as Remains<JsonObject>;
  const remains = isObject(value) ? cutValue(own(payload, 'field'), value, ids) : cutUndocumented(value, ids);
  return typeof remains === 'string' ? remains : { rest: replaced(payload, { value: remains.rest }) };
}

export function companyOfPayload(payload: JsonObject): Company {
  return companyOf(own(payload, 'contact'), own(payload, 'metadata'), true);
}
