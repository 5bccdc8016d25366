/** What a subscription is made of: the items that its events name, and those that they no longer do. */
import { ABSENT } from '../../../core/identity.ts';
import { isObject, type JsonObject, own, ownAt } from '../../../core/json.ts';
import { canonicalJson } from '../../../core/json-print.ts';
import { type Column, type Columns, integer, readColumns, reference, text, time } from './columns.ts';
import type { Memory } from './object-table.ts';
import type { SeenEvent } from './snapshot.ts';

/** An item as the column `items` has it; times in ISO 8601. */
type Item = Readonly<Record<string, unknown>>;

/** An item as the newest event shows it that names it. */
interface SeenItem {
  /** Unix seconds. */
  readonly created: number;
  readonly item: Item;
}

/** Of items that came and went so many are kept, the newest. */
const MAX_ITEMS = 100;

/** Before 2020 an item has a plan only. */
const ITEM: Columns = {
  id: reference('id'),
  price: reference('price', 'plan'),
  product: reference('price.product', 'plan.product'),
  quantity: integer('quantity'),
  currency: text('price.currency', 'plan.currency'),
  unit_amount: integer('price.unit_amount', 'plan.amount'),
  unit_amount_decimal: text('price.unit_amount_decimal', 'plan.amount_decimal'),
  recurring_interval: text('price.recurring.interval', 'plan.interval'),
  recurring_interval_count: integer('price.recurring.interval_count', 'plan.interval_count'),
  usage_type: text('price.recurring.usage_type', 'plan.usage_type'),
  current_period_start: time('current_period_start'),
  current_period_end: time('current_period_end'),
};

export const items: Column = { type: 'jsonb', read: itemsOf };

/** Since 2025-03-31.basil items have periods, not the subscription: then it is the one that ends first. */
export const periodStart = ofSubscriptionOrItem('current_period_start');
export const periodEnd = ofSubscriptionOrItem('current_period_end');

/** In `items`, `removed` is true for one that the state no longer has, null if the event does not name all there are. */
export const itemMemory: Memory = {
  columns: { items_seen: 'jsonb' },
  remember(row, seen, shown) {
    const known = withItems((row?.['items_seen'] ?? []) as readonly SeenItem[], seen);
    const present = itemsOf(shown);
    const ids = new Set(present?.map(({ id }) => id));
    const removed = present === null || ownAt(shown, ['items', 'has_more']) === true ? null : true;
    const gone = known.filter(({ item }) => !ids.has(item['id'])).map(({ item }) => ({ ...item, removed }));
    return { items: [...(present ?? []), ...gone], items_seen: known };
  },
};

/** Null if the object does not say. */
function itemsOf(subscription: JsonObject): readonly Item[] | null {
  const list = ownAt(subscription, ['items', 'data']);
  if (Array.isArray(list)) return list.filter(isObject).map(itemOf);
  // The first versions have neither items nor several plans.
  const [plan, quantity] = [own(subscription, 'plan'), own(subscription, 'quantity')];
  return isObject(plan) ? [itemOf({ plan, quantity })] : null;
}

function itemOf(object: JsonObject): Item {
  const columns = readColumns(ITEM, object);
  const values = Object.entries(columns).map(([name, value]) => [name, value instanceof Date ? value.toJSON() : value]);
  return { ...Object.fromEntries(values), id: columns['id'] ?? ABSENT, removed: false };
}

/** Depends on the set of events only: of each item the newest sight, and of those the newest. */
function withItems(known: readonly SeenItem[], { created, object }: SeenEvent): readonly SeenItem[] {
  const newest = new Map(known.map((seen) => [seen.item['id'], seen]));
  for (const item of itemsOf(object) ?? []) {
    const other = newest.get(item['id']);
    if (other === undefined || isNewer({ created, item }, other)) newest.set(item['id'], { created, item });
  }
  const order = (one: SeenItem, other: SeenItem): number =>
    other.created - one.created || (String(one.item['id']) < String(other.item['id']) ? -1 : 1);
  return [...newest.values()].sort(order).slice(0, MAX_ITEMS);
}

function isNewer(one: SeenItem, other: SeenItem): boolean {
  if (one.created !== other.created) return one.created > other.created;
  return canonicalJson(one.item) > canonicalJson(other.item);
}

function ofSubscriptionOrItem(name: 'current_period_start' | 'current_period_end'): Column {
  const ofSubscription = time(name);
  const read = (subscription: JsonObject): unknown =>
    ofSubscription.read(subscription) ?? ofFirstToEnd(subscription, name);
  return { type: 'timestamptz', read };
}

function ofFirstToEnd(subscription: JsonObject, name: string): Date | null {
  const ends = (itemsOf(subscription) ?? []).filter((item) => typeof item['current_period_end'] === 'string');
  const first = ends.reduce<Item | null>(
    (earliest, item) => (earliest === null || endsBefore(item, earliest) ? item : earliest),
    null,
  );
  const value = first?.[name];
  return typeof value === 'string' ? new Date(value) : null;
}

/** ISO 8601 in UTC sorts as text. */
function endsBefore(one: Item, other: Item): boolean {
  return String(one['current_period_end']) < String(other['current_period_end']);
}
