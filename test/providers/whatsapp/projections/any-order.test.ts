/** The rows depend on the set of events: not on the order in which they come, nor on how often. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { StoredEvent } from '../../../../src/core/projection.ts';
import { projector } from '../../../../src/providers/whatsapp/project.ts';
import { corpus } from '../../../support/corpus.ts';
import { projectInMemory } from '../../../support/project-in-memory.ts';
import { bare, change } from '../bodies.ts';
import { at, echo, eventsOf, MIA, message, status, textFromMia } from './projected.ts';

/** All of them in any order, some of them again in between and at the end. */
function arrivals(events: readonly StoredEvent[]): fc.Arbitrary<StoredEvent[]> {
  const all = fc.shuffledSubarray([...events], { minLength: events.length });
  const again = fc.array(fc.constantFrom(...events), { maxLength: 6 });
  return fc.tuple(all, again, fc.nat()).map(([once, more, place]) => {
    const cut = place % (once.length + 1);
    return [...once.slice(0, cut), ...more, ...once.slice(cut), ...more];
  });
}

function sameInAnyOrder(events: readonly StoredEvent[], numRuns = 100): void {
  const expected = projectInMemory(projector, events).all();
  fc.assert(
    fc.property(arrivals(events), (arrived) => {
      expect(projectInMemory(projector, arrived).all()).toEqual(expected);
    }),
    { numRuns },
  );
}

const JAN = { user_id: 'DE.2002', wa_id: '4915100000002', profile: { name: 'Jan' } };

it('the statuses of a message, whichever come and when', () => {
  const told = fc.record({
    status: fc.constantFrom(
      'queued',
      'sent',
      'delivered',
      'read',
      'played',
      'failed',
      'deleted',
      'in_orbit',
      'warning',
    ),
    timestamp: fc.option(fc.integer({ min: 0, max: 4 }).map(at), { nil: undefined }),
    errors: fc.option(fc.constantFrom([{ code: 1, title: 'a' }], [{ code: 2, title: 'b' }]), { nil: undefined }),
    pricing: fc.option(fc.constantFrom({ billable: true, category: 'utility' }, { billable: false }), {
      nil: undefined,
    }),
    recipient_user_id: fc.constantFrom(MIA.user_id, undefined),
    type: fc.constantFrom(undefined, undefined, 'payment'),
  });
  fc.assert(
    fc.property(fc.array(told, { minLength: 1, maxLength: 8 }), (statuses) => {
      sameInAnyOrder(eventsOf(...statuses.map((item) => status({ id: 'm', ...item }))), 10);
    }),
    { numRuns: 60 },
  );
});

it('the statuses of a group message', () => {
  const participants = [MIA, JAN].flatMap(({ user_id, wa_id }, index) =>
    ['sent', 'delivered', 'read', 'failed'].map((name, second) =>
      status({
        ...{ id: 'm', status: name, timestamp: at(second + index), recipient_id: 'G', recipient_type: 'group' },
        ...(index === 0 ? { recipient_participant_user_id: user_id } : { participant_recipient_id: wa_id }),
      }),
    ),
  );
  sameInAnyOrder(eventsOf(...participants, textFromMia({ id: 'm2', group_id: 'G', text: { body: 'x' } })));
});

it('a message with reactions, edits, a revocation, a placeholder and its statuses', () => {
  const about = (id: string, seconds: number, type: string, object: object) => ({
    id,
    timestamp: at(seconds),
    type,
    [type]: object,
  });
  const text = (body: string) => ({ original_message_id: 'm', message: { type: 'text', text: { body } } });
  const chunk = {
    metadata: { phase: 0, chunk_order: 1, progress: 9 },
    threads: [
      {
        id: MIA.wa_id,
        messages: [
          {
            from: '4930901820',
            id: 'm',
            timestamp: at(0),
            type: 'media_placeholder',
            history_context: { status: 'READ' },
          },
          { from: MIA.wa_id, ...about('h1', 4, 'reaction', { message_id: 'm', emoji: '😮' }) },
          { from: MIA.wa_id, id: 'm', timestamp: at(0), type: 'text', text: { body: 'twice in one chunk' } },
        ],
      },
    ],
  };
  const bodies = [
    echo({ id: 'm', type: 'unsupported', errors: [{ code: 131051 }] }),
    echo({ id: 'm', type: 'text', text: { body: 'a' }, context: { id: 'before' } }),
    change('history', {
      message_echoes: [{ id: 'm', to: MIA.wa_id, timestamp: at(0), type: 'image', image: { id: '5' } }],
    }),
    change('history', { history: [chunk] }),
    echo(about('e1', 5, 'edit', text('b'))),
    echo(about('e2', 5, 'edit', text('c'))),
    echo(about('e3', 6, 'edit', { original_message_id: 'm' })),
    echo(about('v1', 7, 'revoke', { original_message_id: 'm' })),
    textFromMia(about('r1', 3, 'reaction', { message_id: 'm', emoji: '👍' })),
    textFromMia(about('r2', 3, 'reaction', { message_id: 'm', emoji: '❤️' })),
    textFromMia(about('r3', 2, 'reaction', { message_id: 'm' })),
    echo(about('r4', 3, 'reaction', { message_id: 'm', emoji: '😀' })),
    ...['sent', 'read', 'failed', 'deleted'].map((name, second) =>
      status({ id: 'm', status: name, timestamp: at(second) }),
    ),
    status({ id: 'm', status: 'read', timestamp: 'never', recipient_user_id: MIA.user_id }),
  ];
  sameInAnyOrder(eventsOf(...bodies), 300);
});

it('a contact that changes its names, numbers and user ids', () => {
  const system = (id: string, seconds: number, item: object, system: object) =>
    message({ id, timestamp: at(seconds), type: 'system', system, ...item });
  const update = (previous: string, current: string, seconds: number, wa_id?: string) =>
    change('user_id_update', { user_id_update: [{ wa_id, user_id: { previous, current }, timestamp: at(seconds) }] });
  const bodies = [
    textFromMia({ id: 'a' }),
    message(
      { id: 'b', from: MIA.wa_id, timestamp: at(1), type: 'text' },
      { wa_id: MIA.wa_id, profile: { name: 'M.' } },
    ),
    message(
      { id: 'c', from_user_id: MIA.user_id, timestamp: at(1), type: 'text' },
      { user_id: MIA.user_id, profile: { username: 'm' } },
    ),
    system('s1', 5, { from: MIA.wa_id }, { type: 'user_changed_number', wa_id: '492' }),
    system('s2', 5, { from: '492' }, { type: 'user_changed_number', wa_id: MIA.wa_id }),
    system(
      's3',
      6,
      { from: MIA.wa_id, from_user_id: MIA.user_id },
      { type: 'user_changed_user_id', user_id: 'DE.3', wa_id: '493' },
    ),
    update(MIA.user_id, 'DE.3', 6, '493'),
    update('DE.3', MIA.user_id, 6),
    update('DE.3', 'DE.4', 8, '494'),
    status({ id: 'x', status: 'read', timestamp: at(7), recipient_id: '493', recipient_user_id: 'DE.3' }),
    message({ id: 'd', from: MIA.wa_id, timestamp: at(9), type: 'text' }),
    change('user_preferences', {
      user_preferences: [{ wa_id: MIA.wa_id, category: 'marketing_messages', value: 'stop', timestamp: 5 }],
    }),
    change('smb_app_state_sync', {
      state_sync: [{ action: 'remove', contact: { phone_number: MIA.wa_id }, metadata: { timestamp: at(3) } }],
    }),
    change('smb_app_state_sync', {
      state_sync: [
        { action: 'add', contact: { phone_number: MIA.wa_id, full_name: 'Mia' }, metadata: { timestamp: at(3) } },
      ],
    }),
  ];
  const events = eventsOf(...bodies);
  sameInAnyOrder(events, 300);
  const into = new Map(
    projectInMemory(projector, events)
      .rows('whatsapp_contacts')
      .map((row) => [row['contact_id'], row['merged_into']]),
  );
  for (const start of into.keys()) {
    let hops = 0;
    for (let contact: unknown = start; contact !== undefined; contact = into.get(contact))
      expect(hops++).toBeLessThan(into.size);
  }
});

it('the changes of a template', () => {
  const value = { message_template_id: 5, message_template_name: 'a' };
  const bodies = ['APPROVED', 'PAUSED', 'APPROVED', 'DISABLED'].flatMap((event, index) => [
    bare('message_template_status_update', { ...value, event }, { time: Number(at(index)) }),
    bare(
      'template_category_update',
      { ...value, new_category: `C${index}`, [index === 1 ? 'correct_category' : 'previous_category']: 'D' },
      { time: Number(at(index % 2)) },
    ),
    bare(
      'message_template_quality_update',
      { ...value, new_quality_score: `Q${index}` },
      { time: index === 0 ? undefined : Number(at(2)) },
    ),
  ]);
  sameInAnyOrder(eventsOf(...bodies));
});

it('all bodies of the corpus together', () => {
  const bodies = corpus().filter(({ provider }) => provider === 'whatsapp');
  expect(bodies.length).toBeGreaterThan(20);
  sameInAnyOrder(eventsOf(...bodies.map(({ body }) => body)), 20);
});
