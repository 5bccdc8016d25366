/** What every event found in a body must be like for its row to be taken, whatever the body was. */
import type { ParsedEvent } from '../../src/core/event.ts';

/** Names the columns that could not be stored as they are; empty for an event that is safe. */
export function unstorableColumns({ type, dedupeKey, subject, occurredAt, payload }: ParsedEvent): string[] {
  const year = (occurredAt ?? new Date()).getUTCFullYear();
  const safe = {
    dedupeKey: /^[!-~]{1,2000}$/.test(dedupeKey),
    type: /^[A-Za-z0-9_.[\]-]{1,200}$/.test(type),
    subject: subject === null || (Buffer.byteLength(subject) <= 200 && Buffer.from(subject).toString() === subject),
    occurredAt: year >= 2000 && year <= 2100,
    payload: payload === null || isJson(payload),
  };
  return Object.entries(safe)
    .filter(([, ok]) => !ok)
    .map(([column]) => column);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
