/** Which contact of a change belongs to which of its items: Meta lists them side by side, in no order that could be relied on. */
import { usableText } from '../../core/identity.ts';
import { asArray, isObject, own } from '../../core/json.ts';

export interface ContactBook {
  /** The contact with one of these user ids, else with one of these phone numbers; undefined if there is none. */
  find(addresses: readonly unknown[]): unknown;
  /** The contacts that were never found, as they would stand in `contacts`; undefined if there are none. */
  left(): unknown;
}

/** `contacts`: that member of `value`. `items`: how many items share it; a single contact belongs to a single item anyhow. */
export function contactBook(contacts: unknown, items: number): ContactBook {
  const list = asArray(contacts);
  if (list === undefined) return { find: () => undefined, left: () => contacts ?? undefined };

  const byUserId = indexBy(list, 'user_id');
  const byPhone = indexBy(list, 'wa_id');
  const found = new Set<number>();
  return {
    find(addresses) {
      const texts = addresses.map(usableText).filter((text) => text !== undefined);
      const onlyOne = list.length === 1 && items === 1 ? 0 : undefined;
      const place = onlyOne ?? firstIn(byUserId, texts) ?? firstIn(byPhone, texts);
      if (place === undefined) return undefined;
      found.add(place);
      return list[place];
    },
    left() {
      const left = list.filter((_, place) => !found.has(place));
      return left.length === 0 ? undefined : left;
    },
  };
}

/** Indexed once: a body of 1,000 statuses may bring 1,000 contacts. */
function indexBy(contacts: readonly unknown[], name: string): ReadonlyMap<string, number> {
  const index = new Map<string, number>();
  for (const [place, contact] of contacts.entries()) {
    const text = isObject(contact) ? usableText(own(contact, name)) : undefined;
    if (text !== undefined && !index.has(text)) index.set(text, place);
  }
  return index;
}

function firstIn(index: ReadonlyMap<string, number>, texts: readonly string[]): number | undefined {
  return texts.map((text) => index.get(text)).find((place) => place !== undefined);
}
