/** The table of rules, row by row, on bodies as Meta sends them: types, subjects, keys, times. */
import { describe, expect, it } from 'vitest';
import { readFixture } from '../../support/fixtures.ts';
import { expectedSha } from '../expected-sha.ts';
import { HOUR, keys, PHONE_ID, parse, WABA } from './bodies.ts';

const SENT_AT = new Date('2025-11-20T01:00:00Z');
const fixture = (name: string) => readFixture('whatsapp', name);
/** The value of a fixture's only change. */
function value(name: string): Readonly<Record<string, readonly unknown[]>> {
  return JSON.parse(fixture(name).toString()).entry[0].changes[0].value;
}
const member = (name: string, array: string, position = 0) => value(name)[array]?.[position];

describe.each([
  {
    name: 'message-text',
    events: [
      ['message.text', 'DE.90210775311846220037', `message:wamid.HBgNNDkxNTExMjM0NTY3OBUCABIYFDNBMDEA:${PHONE_ID}`],
    ],
  },
  {
    name: 'message-unsupported',
    events: [
      [
        'message.unsupported',
        '4915112345678',
        `message:wamid.HBgNNDkxNTExMjM0NTY3OBUCABIYFDNBMDIA:${PHONE_ID}:unsupported`,
      ],
    ],
  },
  {
    name: 'message-system-without-sender',
    events: [['message.system', null, `message:wamid.HBgNNDkxNTExMjM0NTY3OBUCABIYFDNBMDMA:${PHONE_ID}`]],
  },
  {
    name: 'history-media',
    events: [
      [
        'message.image',
        '4915112345678',
        `history_message:wamid.HBgNNDkxNTExMjM0NTY3OBUCABIYFDNBMDQA:${PHONE_ID}:image`,
      ],
    ],
  },
  {
    name: 'status-delivered',
    events: [
      [
        'status.delivered',
        'DE.90210775311846220037',
        `status:wamid.HBgNNDkxNTExMjM0NTY3OBUCABEYEkYwMDEA:${PHONE_ID}:delivered:-:1763600400`,
      ],
    ],
  },
  {
    name: 'status-group-read',
    events: ['4915112345678', '4915187654321'].map((participant) => [
      'status.read',
      'Y2FwaV9ncm91cDox',
      `status:wamid.HBgNNDkxNTExMjM0NTY3OBUCABEYEkYwMDIA:${PHONE_ID}:read:${participant}:1763600400`,
    ]),
  },
  {
    name: 'status-payment',
    events: ['pending', 'success'].map((status) => [
      'status.captured',
      '4915112345678',
      `status:wamid.HBgNNDkxNTExMjM0NTY3OBUCABEYEkYwMDMA:${PHONE_ID}:captured:-:1763600400:${expectedSha({
        reference_id: 'order-17',
        transaction: { id: 'order17-1', type: 'upi', status },
      })}`,
    ]),
  },
  {
    name: 'call-connect',
    events: [
      ['call.connect', '4915112345678', `call:wacid.HBgNNDkxNTExMjM0NTY3OBUCABIYFjAxAA:${PHONE_ID}:connect:1763600400`],
    ],
  },
  {
    name: 'call-status-ringing',
    events: [
      [
        'call_status.ringing',
        '4915112345678',
        `call_status:wacid.HBgNNDkxNTExMjM0NTY3OBUCABIYFjAxAA:${PHONE_ID}:RINGING:1763600400`,
      ],
    ],
  },
  {
    name: 'message-echo',
    events: [
      ['message_echo.text', '4915112345678', `message_echo:wamid.HBgNNDkxNTExMjM0NTY3OBUCABEYEkUwMDEA:${PHONE_ID}`],
    ],
  },
  {
    name: 'history-chunk',
    time: null,
    events: [['history', null, `history:${WABA}:${PHONE_ID}:${expectedSha(member('history-chunk', 'history'))}:-`]],
  },
  {
    name: 'history-declined',
    time: null,
    events: [
      ['history', null, `history:${WABA}:${PHONE_ID}:${expectedSha(member('history-declined', 'history'))}:${HOUR}`],
    ],
  },
  {
    name: 'state-sync',
    events: ['4915112345678', '4915187654321'].map((subject, position) => [
      'smb_app_state_sync',
      subject,
      `smb_app_state_sync:${WABA}:${PHONE_ID}:${expectedSha(member('state-sync', 'state_sync', position))}:-`,
    ]),
  },
  {
    name: 'groups',
    events: [0, 1].map((position) => [
      'group_participants_update',
      'Y2FwaV9ncm91cDox',
      `group_participants_update:${WABA}:${PHONE_ID}:${expectedSha(member('groups', 'groups', position))}:-`,
    ]),
  },
  {
    name: 'user-preferences',
    events: [
      [
        'user_preferences',
        '4915112345678',
        `user_preferences:${WABA}:${PHONE_ID}:${expectedSha(member('user-preferences', 'user_preferences'))}:-`,
      ],
    ],
  },
  {
    name: 'user-id-update',
    events: [
      [
        'user_id_update',
        'DE.90210775311846220037',
        `user_id_update:${WABA}:${PHONE_ID}:${expectedSha(member('user-id-update', 'user_id_update'))}:-`,
      ],
    ],
  },
  {
    name: 'automatic-events',
    events: [0, 1].map((position) => [
      'automatic_events',
      null,
      `automatic_events:${WABA}:${PHONE_ID}:${expectedSha(member('automatic-events', 'automatic_events', position))}:-`,
    ]),
  },
  {
    name: 'errors',
    time: null,
    events: [0, 1].map((position) => [
      'error',
      null,
      `error:${WABA}:${PHONE_ID}:${expectedSha(value('errors'))}:${position}:${HOUR}`,
    ]),
  },
  {
    name: 'account-update',
    events: [
      ['account_update', null, `account_update:${WABA}:${WABA}:1763600400:${expectedSha(value('account-update'))}`],
    ],
  },
  {
    name: 'template-status',
    events: [
      [
        'message_template_status_update',
        '1689556908129832',
        `message_template_status_update:${WABA}:${WABA}:1763600400:${expectedSha(value('template-status'))}`,
      ],
    ],
  },
])('$name', ({ name, events, time = SENT_AT }) => {
  it('becomes its events', () => {
    expect(parse(fixture(name)).map(({ type, subject, dedupeKey }) => [type, subject, dedupeKey])).toEqual(events);
  });

  it('has its time', () => {
    for (const { occurredAt } of parse(fixture(name))) expect(occurredAt).toEqual(time);
  });
});

it('fans out every change of every entry', () => {
  expect(keys(fixture('batch'))).toEqual([
    `message:wamid.B1:${PHONE_ID}`,
    `message:wamid.B2:${PHONE_ID}`,
    `status:wamid.B3:${PHONE_ID}:sent:-:1763600400`,
    `account_alerts:${WABA}:${WABA}:${HOUR}:${expectedSha({
      entity_type: 'BUSINESS',
      alert_info: { alert_severity: 'CRITICAL', alert_status: 'NONE' },
    })}`,
    'status:wamid.B3:88:sent:-:1763600400',
  ]);
});
