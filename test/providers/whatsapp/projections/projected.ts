/** Short ways to write what happens on WhatsApp, and to see what the projections make of it. */
import type { StoredEvent } from '../../../../src/core/projection.ts';
import { projector } from '../../../../src/providers/whatsapp/project.ts';
import { type ProjectedTables, projectInMemory, storedEvents } from '../../../support/project-in-memory.ts';
import { ARRIVAL, change, PHONE_ID, parse, WABA } from '../bodies.ts';

export const SOURCE = 'whatsapp';
export const MIA = { user_id: 'DE.1001', wa_id: '4915100000001', profile: { name: 'Mia Roth', username: '@mia' } };
/** What every row of these bodies has in common. */
export const OF_MESSAGE = { source: SOURCE, phone_number_id: PHONE_ID, waba_id: WABA };

/** Seconds after noon of one day, as Meta writes times. */
export const at = (seconds: number): string => String(1_763_640_000 + seconds);
export const time = (seconds: number): Date => new Date((1_763_640_000 + seconds) * 1_000);

export function message(item: object, contact?: object): object {
  const contacts = contact === undefined ? {} : { contacts: [contact] };
  return change('messages', { ...contacts, messages: [{ timestamp: at(0), ...item }] });
}

/** A text from Mia. */
export function textFromMia(item: object): object {
  return message({ from: MIA.wa_id, from_user_id: MIA.user_id, type: 'text', ...item }, MIA);
}

export function echo(item: object): object {
  const echoed = { timestamp: at(0), from: '4930901820', to: MIA.wa_id, ...item };
  return change('smb_message_echoes', { message_echoes: [echoed] });
}

export function status(item: object, contact?: object): object {
  const contacts = contact === undefined ? {} : { contacts: [contact] };
  return change('messages', { ...contacts, statuses: [{ timestamp: at(0), recipient_id: MIA.wa_id, ...item }] });
}

/** The events of the bodies as they would be stored: of equal keys the first. */
export function eventsOf(...bodies: readonly unknown[]): StoredEvent[] {
  const events = bodies.flatMap((body) => storedEvents(parse(body), SOURCE, ARRIVAL));
  return [...new Map([...events].reverse().map((event) => [event.dedupeKey, event])).values()].reverse();
}

export function project(...bodies: readonly unknown[]): ProjectedTables {
  return projectInMemory(projector, eventsOf(...bodies));
}

/** The only row of a table. */
export function onlyRow(table: string, ...bodies: readonly unknown[]): Record<string, unknown> {
  const rows = project(...bodies).rows(table);
  if (rows.length !== 1) throw new Error(`${rows.length} rows in ${table}`);
  return rows[0] ?? {};
}

/** The only message, without what says who decided it. */
export function onlyMessage(...bodies: readonly unknown[]): Record<string, unknown> {
  const { decided_by, ...row } = onlyRow('whatsapp_messages', ...bodies);
  return row;
}
