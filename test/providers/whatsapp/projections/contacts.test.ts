import { describe, expect, it } from 'vitest';
import { readFixture } from '../../../support/fixtures.ts';
import { change } from '../bodies.ts';
import { at, MIA, message, onlyRow, project, SOURCE, status, textFromMia, time } from './projected.ts';

/** By id, without what says who decided it. */
function contacts(...bodies: readonly unknown[]): Record<string, Record<string, unknown>> {
  const rows = project(...bodies).rows('whatsapp_contacts');
  return Object.fromEntries(rows.map(({ contact_id, source, decided_by, ...row }) => [contact_id, row]));
}

const NEW_NUMBER = '4915100000099';
const NEW_ID = 'DE.9009';
const said = textFromMia({ id: 'm', text: { body: 'x' } });

describe('a contact', () => {
  it('is known by user id, and its phone number says to whom it belongs', () => {
    const shared = {
      user_id: MIA.user_id,
      wa_id: MIA.wa_id,
      name: 'Mia Roth',
      username: 'mia',
      first_seen_at: time(0),
      last_seen_at: time(0),
      last_inbound_at: time(0),
    };
    expect(contacts(said)).toEqual({
      [MIA.user_id]: shared,
      [MIA.wa_id]: { ...shared, merged_into: MIA.user_id },
    });
  });

  it('of whom no phone number is told has a row for the user id alone', () => {
    const body = message(
      { id: 'm', from_user_id: MIA.user_id, type: 'text' },
      { user_id: MIA.user_id, profile: { name: 'Mia' } },
    );
    expect(Object.keys(contacts(body))).toEqual([MIA.user_id]);
  });

  it('of whom no user id is told has a row for the phone number, which a user id takes over later', () => {
    const before = message({ id: 'a', from: MIA.wa_id, type: 'text' }, { wa_id: MIA.wa_id, profile: { name: 'Mia' } });
    expect(contacts(before)).toEqual({
      [MIA.wa_id]: {
        wa_id: MIA.wa_id,
        name: 'Mia',
        first_seen_at: time(0),
        last_seen_at: time(0),
        last_inbound_at: time(0),
      },
    });
    expect(contacts(said, before)[MIA.wa_id]).toMatchObject({ merged_into: MIA.user_id });
  });

  it('is a row for whoever was written to', () => {
    const row = onlyRow('whatsapp_contacts', status({ id: 'm', status: 'sent', timestamp: at(3) }));
    expect(row).toMatchObject({ source: SOURCE, contact_id: MIA.wa_id, first_seen_at: time(3) });
    expect(row).not.toHaveProperty('last_inbound_at');
  });

  it('has the name that was told last', () => {
    const renamed = textFromMia({ id: 'n', timestamp: at(5) });
    const later = JSON.parse(JSON.stringify(renamed).replace('Mia Roth', 'Mia Kern'));
    expect(contacts(later, said)[MIA.user_id]).toMatchObject({
      name: 'Mia Kern',
      first_seen_at: time(0),
      last_seen_at: time(5),
    });
  });

  it('is not mixed with another that came in the same change', () => {
    const other = { user_id: 'DE.2', wa_id: '49152', profile: { name: 'Jan' } };
    const rows = contacts(message({ id: 'm', from: MIA.wa_id, from_user_id: MIA.user_id, type: 'text' }, other));
    expect(rows).toMatchObject({
      [MIA.user_id]: { wa_id: MIA.wa_id },
      [MIA.wa_id]: { merged_into: MIA.user_id },
      'DE.2': { name: 'Jan' },
      '49152': { merged_into: 'DE.2' },
    });
    expect(rows[MIA.user_id]).not.toHaveProperty('name');
  });

  it('is whoever calls or is called', () => {
    expect(Object.keys(contacts(readFixture('whatsapp', 'call-status-ringing')))).toEqual(['4915112345678']);
    const call = { id: 'wacid.1', timestamp: at(0), from: '4930901820', to: '4917', direction: 'BUSINESS_INITIATED' };
    expect(Object.keys(contacts(change('calls', { calls: [{ ...call, event: 'connect' }] })))).toEqual(['4917']);
  });

  it('is known also where it belongs to no item', () => {
    expect(contacts(readFixture('whatsapp', 'call-terminate-with-errors'))).toMatchObject({
      '4900000000000': { name: 'Nobody' },
    });
  });

  it('has the names of the address book until it is removed from it', () => {
    const sync = (action: string, timestamp: string) =>
      change('smb_app_state_sync', {
        state_sync: [
          {
            type: 'contact',
            action,
            contact: { full_name: 'Mia R.', first_name: 'Mia', phone_number: MIA.wa_id },
            metadata: { timestamp },
          },
        ],
      });
    const [added, removed] = [sync('add', at(1)), sync('remove', at(2))];
    expect(contacts(added)[MIA.wa_id]).toMatchObject({ full_name: 'Mia R.', first_name: 'Mia' });
    for (const rows of [contacts(added, removed), contacts(removed, added)]) {
      expect(rows[MIA.wa_id]).not.toHaveProperty('full_name');
    }
  });

  it('says whether it wants marketing messages', () => {
    expect(contacts(readFixture('whatsapp', 'user-preferences'))['4915112345678']).toMatchObject({
      marketing_messages: 'stop',
      marketing_messages_at: new Date(1_763_600_400_000),
    });
  });

  it('has the hash of its identity key, where that is told', () => {
    const identity = { acknowledged: true, created_timestamp: at(2), hash: 'xyz' };
    const system = { type: 'customer_identity_changed', body: 'User identity changed' };
    const row = contacts(message({ id: 's', from: MIA.wa_id, type: 'system', identity, system }))[MIA.wa_id];
    expect(row).toMatchObject({ identity_hash: 'xyz', identity_changed_at: time(2) });
    expect(row).not.toHaveProperty('last_inbound_at');
  });
});

describe('a change of number or user id', () => {
  const system = (item: object, system: object, seconds = 10) =>
    message({ id: `s${seconds}`, timestamp: at(seconds), type: 'system', system, ...item });
  const numberChanged = system(
    { from: MIA.wa_id },
    { type: 'user_changed_number', wa_id: NEW_NUMBER, body: 'User changed' },
  );

  it('of the number: the old one stands for the new one', () => {
    const rows = contacts(numberChanged, message({ id: 'a', from: MIA.wa_id, type: 'text' }));
    expect(rows[MIA.wa_id]).toMatchObject({ moved_to: NEW_NUMBER, merged_into: NEW_NUMBER });
    expect(rows[NEW_NUMBER]).not.toHaveProperty('merged_into');
  });

  it('of the number: takes the user id along while no new one is told', () => {
    const rows = contacts(
      said,
      system({ from: MIA.wa_id, from_user_id: MIA.user_id }, { type: 'user_changed_number', wa_id: NEW_NUMBER }),
    );
    expect(rows).toMatchObject({
      [MIA.wa_id]: { merged_into: NEW_NUMBER },
      [NEW_NUMBER]: { merged_into: MIA.user_id },
      [MIA.user_id]: { wa_id: NEW_NUMBER },
    });
  });

  it('of both: all old ids lead to the new user id', () => {
    const changed = system(
      { from: MIA.wa_id },
      { type: 'user_changed_user_id', previous_user_id: MIA.user_id, user_id: NEW_ID, wa_id: NEW_NUMBER },
    );
    for (const rows of [contacts(said, changed), contacts(changed, said)]) {
      expect(rows).toMatchObject({
        [MIA.user_id]: { merged_into: NEW_ID },
        [MIA.wa_id]: { merged_into: NEW_NUMBER },
        [NEW_NUMBER]: { merged_into: NEW_ID },
        [NEW_ID]: { wa_id: NEW_NUMBER },
      });
      expect(rows[NEW_ID]).not.toHaveProperty('merged_into');
    }
  });

  it('of a user without a number is told by the user id it comes from', () => {
    const changed = system({ from_user_id: MIA.user_id }, { type: 'user_changed_user_id', user_id: NEW_ID });
    expect(contacts(changed)).toMatchObject({ [MIA.user_id]: { merged_into: NEW_ID }, [NEW_ID]: { user_id: NEW_ID } });
  });

  it('by user_id_update: the previous id stands for the current one', () => {
    expect(contacts(readFixture('whatsapp', 'user-id-update'))).toMatchObject({
      'DE.1': { merged_into: 'DE.90210775311846220037' },
      'DE.90210775311846220037': { wa_id: '4915112345678' },
      '4915112345678': { merged_into: 'DE.90210775311846220037' },
    });
  });

  it('back to the old number leads in no circle', () => {
    const back = system({ from: NEW_NUMBER }, { type: 'user_changed_number', wa_id: MIA.wa_id }, 20);
    for (const rows of [contacts(numberChanged, back), contacts(back, numberChanged)]) {
      expect(rows[NEW_NUMBER]).toMatchObject({ merged_into: MIA.wa_id });
      expect(rows[MIA.wa_id]).not.toHaveProperty('merged_into');
    }
  });

  it('leaves the old number to whoever writes from it afterwards', () => {
    const stranger = message({ id: 'b', timestamp: at(99), from: MIA.wa_id, type: 'text' });
    for (const rows of [contacts(numberChanged, stranger), contacts(stranger, numberChanged)]) {
      expect(rows[MIA.wa_id]).not.toHaveProperty('merged_into');
    }
    const known = message({ id: 'c', timestamp: at(99), from: MIA.wa_id, from_user_id: 'DE.5', type: 'text' });
    expect(contacts(numberChanged, known)[MIA.wa_id]).toMatchObject({ merged_into: 'DE.5' });
  });

  it('without the old side makes the new number known', () => {
    expect(Object.keys(contacts(readFixture('whatsapp', 'message-system-without-sender')))).toEqual(['4915187654321']);
  });
});
