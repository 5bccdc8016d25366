import { describe, expect, it } from 'vitest';
import { readFixture } from '../../../support/fixtures.ts';
import { bare, PHONE_ID, WABA } from '../bodies.ts';
import { at, eventsOf, onlyRow, project, SOURCE, time } from './projected.ts';

function notice(field: string, value: object): Record<string, unknown> {
  return onlyRow('whatsapp_account_events', bare(field, value, { time: Number(at(0)) }));
}

describe('a notice', () => {
  it('is a row under the key of its event, with all that it says', () => {
    const body = readFixture('whatsapp', 'account-update');
    expect(onlyRow('whatsapp_account_events', body)).toEqual({
      source: SOURCE,
      event_key: eventsOf(body)[0]?.dedupeKey,
      type: 'account_update',
      event: 'ACCOUNT_VIOLATION',
      occurred_at: new Date(1_763_600_400_000),
      waba_id: WABA,
      violation_type: 'SPAM',
      value: { event: 'ACCOUNT_VIOLATION', violation_info: { violation_type: 'SPAM' } },
    });
  });

  it.each([
    [
      'account_alerts',
      {
        entity_type: 'BUSINESS',
        entity_id: '5',
        alert_info: { alert_severity: 'WARNING', alert_status: 'ACTIVE', alert_type: 'LIMITS' },
      },
      { event: 'LIMITS', entity_type: 'BUSINESS', entity_id: '5', severity: 'WARNING', status: 'ACTIVE' },
    ],
    ['account_review_update', { decision: 'APPROVED' }, { decision: 'APPROVED' }],
    [
      'account_update',
      { event: 'DISABLED_UPDATE', ban_info: { waba_ban_state: 'REINSTATE' } },
      { event: 'DISABLED_UPDATE', ban_state: 'REINSTATE' },
    ],
    [
      'business_capability_update',
      { max_daily_conversations_per_business: 2000, max_phone_numbers_per_waba: 25 },
      { max_daily_conversations_per_business: 2000, messaging_limit: '2000', max_phone_numbers_per_waba: 25 },
    ],
    [
      'phone_number_quality_update',
      { display_phone_number: '49', event: 'UPGRADE', old_limit: 'TIER_250', current_limit: 'TIER_2K' },
      { display_phone_number: '49', event: 'UPGRADE', previous_limit: 'TIER_250', messaging_limit: 'TIER_2K' },
    ],
    [
      'phone_number_name_update',
      { display_phone_number: '49', decision: 'REJECTED', requested_verified_name: 'Laden', rejection_reason: 'X' },
      { decision: 'REJECTED', requested_name: 'Laden', reason: 'X' },
    ],
    [
      'security',
      { display_phone_number: '49', event: 'PIN_RESET_REQUEST', requester: '61' },
      { event: 'PIN_RESET_REQUEST', requester: '61' },
    ],
    [
      'flows',
      { event: 'FLOW_STATUS_CHANGE', flow_id: '7', old_status: 'DRAFT', new_status: 'PUBLISHED' },
      { event: 'FLOW_STATUS_CHANGE', flow_id: '7', previous_status: 'DRAFT', status: 'PUBLISHED' },
    ],
    [
      'partner_solutions',
      { event: 'SOLUTION_CREATED', solution_id: '7', solution_status: 'INITIATED' },
      { status: 'INITIATED' },
    ],
    [
      'something_new',
      { metadata: { phone_number_id: '88', display_phone_number: '49' }, x: [1.5] },
      { phone_number_id: '88', display_phone_number: '49' },
    ],
  ])('of %s has columns for what is stable', (field, value, columns) => {
    expect(notice(field, value)).toMatchObject({ type: field, occurred_at: time(0), ...columns, value });
  });

  it('may be an error without a message', () => {
    expect(project(readFixture('whatsapp', 'errors')).rows('whatsapp_account_events')).toMatchObject([
      { type: 'error', phone_number_id: PHONE_ID, error_code: 131035 },
      { type: 'error', error_code: 131035 },
    ]);
  });

  it('may be about a group, or an event of advertising', () => {
    const [added] = project(readFixture('whatsapp', 'groups'))
      .rows('whatsapp_account_events')
      .filter(({ event }) => event === 'group_participants_add');
    expect(added).toMatchObject({
      group_id: 'Y2FwaV9ncm91cDox',
      phone_number_id: PHONE_ID,
      value: { reason: 'invite_link' },
    });
    const [lead] = project(readFixture('whatsapp', 'automatic-events'))
      .rows('whatsapp_account_events')
      .filter(({ event }) => event === 'LeadSubmitted');
    expect(lead).toMatchObject({
      message_id: 'wamid.HBgNNDkxNTExMjM0NTY3OBUCABIYFDNBMDEA',
      occurred_at: new Date(1_763_600_400_000),
    });
  });

  it('has a bounded key', () => {
    const wild = bare('f'.repeat(90), { metadata: { phone_number_id: 'p'.repeat(200) } }, { id: 'e'.repeat(200) });
    expect(onlyRow('whatsapp_account_events', wild)['event_key']).toMatch(/^[0-9a-f]{64}$/);
  });
});
