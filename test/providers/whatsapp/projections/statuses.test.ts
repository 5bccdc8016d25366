import { describe, expect, it } from 'vitest';
import { projector } from '../../../../src/providers/whatsapp/project.ts';
import { readFixture } from '../../../support/fixtures.ts';
import { change, PHONE_ID, WABA } from '../bodies.ts';
import { at, eventsOf, MIA, onlyMessage, onlyRow, project, SOURCE, status, time } from './projected.ts';

const statusRows = (...bodies: unknown[]) => project(...bodies).rows('whatsapp_message_statuses');

describe('a status', () => {
  it('is a row with its time, its recipient and its price', () => {
    expect(onlyRow('whatsapp_message_statuses', readFixture('whatsapp', 'status-delivered'))).toEqual({
      source: SOURCE,
      message_id: 'wamid.HBgNNDkxNTExMjM0NTY3OBUCABEYEkYwMDEA',
      phone_number_id: PHONE_ID,
      status_key: 'delivered:-:1763600400',
      waba_id: WABA,
      status: 'delivered',
      occurred_at: new Date(1_763_600_400_000),
      recipient_user_id: 'DE.90210775311846220037',
      recipient_wa_id: '4915112345678',
      billable: true,
      pricing_model: 'PMP',
      pricing_type: 'regular',
      pricing_category: 'utility',
    });
  });

  it('has its errors, its conversation and what the business sent along', () => {
    const errors = [{ code: 131049, title: 'Not delivered', error_data: { details: 'x' } }];
    const conversation = { id: 'c1', expiration_timestamp: at(60), origin: { type: 'marketing' } };
    const row = onlyRow(
      'whatsapp_message_statuses',
      status({ id: 'm', status: 'failed', errors, conversation, biz_opaque_callback_data: 'job 7' }),
    );
    expect(row).toMatchObject({
      error_code: 131049,
      error_title: 'Not delivered',
      errors,
      conversation_id: 'c1',
      conversation_origin: 'marketing',
      conversation_expires_at: time(60),
      biz_opaque_callback_data: 'job 7',
    });
  });

  it('is kept for each time that it is told', () => {
    const twice = [status({ id: 'm', status: 'read' }), status({ id: 'm', status: 'read', timestamp: at(1) })];
    expect(statusRows(...twice)).toHaveLength(2);
  });

  it('that does not say of which message is refused', () => {
    const [event] = eventsOf(status({ status: 'sent' }));
    expect(() => event && projector.project(event)).toThrow(TypeError);
  });
});

describe('the status of a message', () => {
  const at5 = (name: string, seconds = 5) => status({ id: 'm', status: name, timestamp: at(seconds) });

  it.each([
    [['queued', 'sent'], 'sent'],
    [['sent', 'delivered'], 'delivered'],
    [['sent', 'read'], 'read'],
    [['read', 'played'], 'played'],
    [['sent', 'failed'], 'failed'],
    [['queued', 'failed'], 'failed'],
    [['failed', 'delivered'], 'delivered'],
    [['delivered', 'failed'], 'delivered'],
    [['read', 'deleted'], 'read'],
    [['delivered', 'in_orbit'], 'delivered'],
  ])('after %j is %s, in either order', (names, expected) => {
    const bodies = names.map((name) => at5(name));
    expect(onlyMessage(...bodies)).toMatchObject({ status: expected });
    expect(onlyMessage(...bodies.reverse())).toMatchObject({ status: expected });
  });

  it('each has its own time: the first at which it was reached', () => {
    const bodies = [at5('read', 9), at5('sent', 1), at5('delivered', 4), at5('read', 7), at5('deleted', 20)];
    expect(onlyMessage(...bodies)).toMatchObject({
      occurred_at: time(1),
      status: 'read',
      sent_at: time(1),
      delivered_at: time(4),
      read_at: time(7),
      deleted: true,
      deleted_at: time(20),
    });
  });

  it('that nobody knows makes a stub without a status', () => {
    expect(onlyMessage(at5('in_orbit'))).not.toHaveProperty('status');
  });

  it('says what it cost, and why it failed', () => {
    const pricing = { billable: true, pricing_model: 'PMP', type: 'regular', category: 'utility' };
    const failed = status({
      id: 'm',
      status: 'failed',
      timestamp: at(8),
      errors: [{ code: 131026, title: 'Undeliverable' }],
    });
    expect(onlyMessage(failed, status({ id: 'm', status: 'sent', pricing }))).toMatchObject({
      status: 'failed',
      failed_at: time(8),
      failure_code: 131026,
      failure_title: 'Undeliverable',
      billable: true,
      pricing_category: 'utility',
    });
  });

  it('is not that of its payment', () => {
    const body = readFixture('whatsapp', 'status-payment');
    const row = onlyMessage(
      body,
      status({ id: 'wamid.HBgNNDkxNTExMjM0NTY3OBUCABEYEkYwMDMA', type: 'payment', status: 'failed' }),
    );
    expect(row).not.toHaveProperty('status');
    expect(row).not.toHaveProperty('failed_at');
    expect(statusRows(body).map((payment) => payment['payment'])).toMatchObject([
      { reference_id: 'order-17' },
      { reference_id: 'order-17' },
    ]);
  });
});

describe('in a group', () => {
  it('each participant has a status of its own; the message has the furthest', () => {
    const body = readFixture('whatsapp', 'status-group-read');
    const sent = {
      id: 'wamid.HBgNNDkxNTExMjM0NTY3OBUCABEYEkYwMDIA',
      status: 'delivered',
      recipient_id: 'G',
      recipient_type: 'group',
    };
    const rows = statusRows(
      body,
      status({ ...sent, recipient_participant_user_id: 'DE.3', recipient_participant_id: '493' }),
    );
    expect(rows).toMatchObject([
      { status: 'delivered', group_id: 'G', participant_user_id: 'DE.3', participant_wa_id: '493' },
      { status: 'read', group_id: 'Y2FwaV9ncm91cDox', participant_wa_id: '4915112345678' },
      { status: 'read', group_id: 'Y2FwaV9ncm91cDox', participant_wa_id: '4915187654321' },
    ]);
    const row = onlyMessage(body);
    expect(row).toMatchObject({ direction: 'outbound', group_id: 'Y2FwaV9ncm91cDox', status: 'read' });
    expect(row).not.toHaveProperty('contact_id');
  });

  it('makes the participants known', () => {
    const contact = { wa_id: MIA.wa_id, user_id: MIA.user_id };
    const body = status(
      { id: 'm', status: 'read', recipient_id: 'G', recipient_type: 'group', recipient_participant_id: MIA.wa_id },
      contact,
    );
    const ids = project(body, change('messages', {}))
      .rows('whatsapp_contacts')
      .map((row) => row['contact_id']);
    expect(ids).toEqual([MIA.wa_id, MIA.user_id]);
  });
});
