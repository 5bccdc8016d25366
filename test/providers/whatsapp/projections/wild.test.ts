/** What no scenario thought of: anything about a few people and messages in any order, and bodies of every kind. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { projector } from '../../../../src/providers/whatsapp/project.ts';
import { HOSTILE_BODIES } from '../../../support/hostile-bodies.ts';
import { projectInMemory } from '../../../support/project-in-memory.ts';
import { anyBody } from '../../any-body.ts';
import { bare, change } from '../bodies.ts';
import { at, eventsOf } from './projected.ts';

const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const seconds = optional(fc.integer({ min: 0, max: 3 }).map(at));
const number = optional(fc.constantFrom('491', '492', '493', '4930901820'));
const userId = optional(fc.constantFrom('DE.1', 'DE.2', 'DE.3'));
const messageId = fc.constantFrom('m1', 'm2');
const profile = optional(
  fc.record({ name: optional(fc.constantFrom('A', 'B')), username: optional(fc.constant('@a')) }),
);
const contacts = fc.array(fc.record({ wa_id: number, user_id: userId, profile }), { maxLength: 2 });

const text = fc.record({ type: fc.constant('text'), text: fc.record({ body: fc.constantFrom('a', 'b', 'c') }) });
const content = fc.oneof(
  text,
  fc.record({ type: fc.constant('unsupported'), errors: fc.constant([{ code: 1 }]) }),
  fc.record({ type: fc.constant('image'), image: fc.record({ id: fc.constantFrom('1', '2') }) }),
  fc.record({
    type: fc.constant('reaction'),
    reaction: fc.record({ message_id: messageId, emoji: optional(fc.constantFrom('👍', '😀', '')) }),
  }),
  fc.record({
    type: fc.constant('edit'),
    edit: fc.record({ original_message_id: messageId, message: optional(text) }),
  }),
  fc.record({ type: fc.constant('revoke'), revoke: fc.record({ original_message_id: messageId }) }),
  fc.record({
    type: fc.constant('system'),
    system: fc.record({
      type: fc.constantFrom('user_changed_number', 'user_changed_user_id', 'customer_identity_changed'),
      wa_id: number,
      user_id: userId,
      previous_user_id: userId,
    }),
  }),
);
const addresses = fc.record({ from: number, from_user_id: userId, to: number, to_user_id: userId });
const item = fc
  .record({
    id: fc.constantFrom('m1', 'm2', 'm3', 'm4', 'm5'),
    timestamp: seconds,
    group_id: fc.constantFrom(undefined, undefined, 'G'),
    history_context: optional(fc.record({ status: fc.constantFrom('READ', 'ERROR', 'SENT') })),
  })
  .chain((one) => fc.tuple(content, addresses).map(([said, people]) => ({ ...one, ...said, ...people })));
const items = fc.array(item, { minLength: 1, maxLength: 3 });
const status = fc.record({
  id: messageId,
  status: fc.constantFrom('sent', 'delivered', 'read', 'failed', 'deleted', 'odd'),
  timestamp: seconds,
  recipient_id: number,
  recipient_user_id: userId,
  recipient_type: fc.constantFrom(undefined, undefined, 'group'),
  participant_recipient_id: number,
});
const template = fc.record({
  message_template_id: fc.constantFrom(1, '1', 2),
  event: optional(fc.constantFrom('APPROVED', 'PAUSED')),
  new_category: optional(fc.constantFrom('A', 'B')),
  previous_category: optional(fc.constantFrom('A', 'B')),
  correct_category: optional(fc.constantFrom('A', 'B')),
});

const anything = fc.oneof(
  { weight: 3, arbitrary: fc.record({ messages: items, contacts }).map((value) => change('messages', value)) },
  fc.record({ message_echoes: items, contacts }).map((value) => change('smb_message_echoes', value)),
  fc.record({ messages: items, contacts }).map((value) => change('history', value)),
  fc
    .record({ id: number, context: optional(fc.record({ wa_id: number, user_id: userId })), messages: items })
    .map((thread) => change('history', { history: [{ metadata: { chunk_order: 1 }, threads: [thread] }] })),
  fc
    .record({ statuses: fc.array(status, { minLength: 1, maxLength: 3 }), contacts })
    .map((value) => change('messages', value)),
  fc
    .record({ user_id: fc.record({ previous: userId, current: userId }), wa_id: number, timestamp: seconds })
    .map((update) => change('user_id_update', { user_id_update: [update] })),
  fc.tuple(template, seconds).map(([value, time]) => bare('any_field', value, { time })),
);

it('the same events end in the same rows, in whatever order and however often they come', () => {
  fc.assert(
    fc.property(
      fc.array(anything, { minLength: 1, maxLength: 6 }).chain((bodies) => {
        const events = eventsOf(...bodies);
        const all = fc.shuffledSubarray(events, { minLength: events.length });
        return fc.tuple(fc.constant(events), all, fc.shuffledSubarray(events));
      }),
      ([events, shuffled, again]) => {
        const expected = projectInMemory(projector, events).all();
        expect(projectInMemory(projector, [...shuffled, ...again]).all()).toEqual(expected);
        expect(projectInMemory(projector, [...again, ...shuffled]).all()).toEqual(expected);
      },
    ),
    { numRuns: 400 },
  );
});

it('everybody leads to a person: never in a circle, never to somebody without a row', () => {
  fc.assert(
    fc.property(fc.array(anything, { minLength: 1, maxLength: 10 }), (bodies) => {
      const { rows } = projectInMemory(projector, eventsOf(...bodies));
      const into = new Map(rows('whatsapp_contacts').map((row) => [row['contact_id'], row['merged_into']]));
      for (const start of into.keys()) {
        const seen = new Set<unknown>();
        for (let contact: unknown = start; contact !== undefined; contact = into.get(contact)) {
          expect(into.has(contact) && !seen.has(contact)).toBe(true);
          seen.add(contact);
        }
      }
      for (const row of rows('whatsapp_messages')) {
        expect(row['contact_id'] === undefined || into.has(row['contact_id'])).toBe(true);
      }
    }),
    { numRuns: 300 },
  );
});

/** The rows can be stored (the applier looks at that), or the event is refused as not documented. */
function projectsOrRefuses(body: Buffer): void {
  for (const event of eventsOf(body)) {
    try {
      projectInMemory(projector, [event, event]);
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError);
    }
  }
}

it('an event of any body can be stored, or is refused', () => {
  fc.assert(fc.property(anyBody, projectsOrRefuses), { numRuns: 1_000 });
});

it.each(HOSTILE_BODIES.filter(({ provider }) => provider === 'whatsapp'))('so can that of $name', ({ body }) => {
  projectsOrRefuses(body);
});
