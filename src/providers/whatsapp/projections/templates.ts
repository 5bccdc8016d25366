/** Notices about a message template: what holds now, and how it came to that. */
import { unixTime } from '../../../core/event-columns.ts';
import { textOf } from '../../../core/identity.ts';
import { asArray, isObject, type JsonObject, own } from '../../../core/json.ts';
import type { ProjectionRow, StoredEvent, Touch } from '../../../core/projection.ts';
import { id, json, text } from './columns.ts';
import { decide, HEARSAY, type Slots } from './decide.ts';
import { type Origin, stamp } from './origin.ts';
import { TEMPLATES } from './tables.ts';

/** A template that changes daily has a few hundred changes a year; a row is written anew at each of them. */
const MAX_HISTORY = 100;

/** The id as text; the subject of the event has all its digits, also where a double does not. */
export function templateId(event: StoredEvent, value: JsonObject): string | null {
  const sent = own(value, 'message_template_id');
  const exact = typeof sent === 'string' || Number.isSafeInteger(sent) ? undefined : event.subject;
  return textOf(sent) === undefined ? null : id(exact ?? sent);
}

/**
 * Looks at what is said and not at the field: Meta prints quality notices under the field of status notices. Empty for what
 * is not about a template.
 */
export function templateTouches(origin: Origin, event: StoredEvent, value: JsonObject): Touch[] {
  const template = templateId(event, value);
  if (template === null) return [];
  const slots = slotsOf(origin, value);
  const change = changeOf(origin, value);
  const reduce = (row: ProjectionRow | null): ProjectionRow => {
    const next = decide(row ?? {}, stamp(origin, HEARSAY), slots);
    return change === null ? next : { ...next, history: withChange(next['history'], change) };
  };
  return [{ table: TEMPLATES, key: [origin.source, template], reduce }];
}

function slotsOf({ at, wabaId }: Origin, value: JsonObject): Slots {
  const of = (name: string) => text(own(value, name));
  const event = of('event');
  const quality = of('new_quality_score');
  const category = of('new_category') ?? of('message_template_category');
  const details = ['rejection_info', 'disable_info', 'other_info'].filter((name) => own(value, name) !== undefined);
  const components = own(value, 'message_template_element') !== undefined;
  return {
    waba: wabaId === null ? null : { waba_id: wabaId },
    name: of('message_template_name') === null ? null : { name: of('message_template_name') },
    language: of('message_template_language') === null ? null : { language: of('message_template_language') },
    status:
      event === null
        ? null
        : {
            status: event,
            status_at: at,
            reason: of('reason'),
            status_details:
              details.length === 0 ? null : Object.fromEntries(details.map((name) => [name, value[name]])),
          },
    quality: quality === null ? null : { quality, previous_quality: of('previous_quality_score'), quality_at: at },
    category: category === null ? null : { category, category_at: at },
    announced: announcementOf(value, of('correct_category'), of('previous_category')),
    components: components ? componentsOf(value, at) : null,
  };
}

/** A change of category fulfils the announcement before it. */
function announcementOf(value: JsonObject, correct: string | null, previous: string | null): ProjectionRow | null {
  if (correct === null && previous === null) return null;
  return {
    announced_category: correct,
    announced_category_at: correct === null ? null : unixTime(own(value, 'category_update_timestamp')),
  };
}

function componentsOf(value: JsonObject, at: Date | null): ProjectionRow {
  return {
    title: text(own(value, 'message_template_title')),
    body: text(own(value, 'message_template_element')),
    footer: text(own(value, 'message_template_footer')),
    buttons: json(own(value, 'message_template_buttons')),
    components_at: at,
  };
}

/** What a change is called in the history, and in the notice. */
const CHANGES: readonly (readonly [string, string])[] = [
  ['status', 'event'],
  ['reason', 'reason'],
  ['quality', 'new_quality_score'],
  ['previous_quality', 'previous_quality_score'],
  ['category', 'new_category'],
  ['previous_category', 'previous_category'],
  ['announced_category', 'correct_category'],
];

/** `{ at, by, status, … }`; null if neither status, quality nor category is said. */
function changeOf({ at, key }: Origin, value: JsonObject): JsonObject | null {
  const said = CHANGES.map(([name, sent]) => [name, text(own(value, sent))] as const).filter(([, now]) => now !== null);
  return said.length === 0 ? null : { at: at?.toISOString() ?? null, by: key, ...Object.fromEntries(said) };
}

function withChange(history: unknown, change: JsonObject): readonly JsonObject[] {
  const others = (asArray(history) ?? []).filter(isObject).filter((one) => own(one, 'by') !== change['by']);
  const order = (one: JsonObject) => `${text(own(one, 'at')) ?? '-'} ${text(own(one, 'by')) ?? ''}`;
  return [...others, change].sort((one, other) => (order(one) < order(other) ? -1 : 1)).slice(-MAX_HISTORY);
}
