/** The view that leads from every id under which somebody was known to the person of today. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../../../support/database.ts';
import { change } from '../bodies.ts';
import { at, MIA, message, project, textFromMia } from './projected.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

async function store(table: string, rows: readonly Record<string, unknown>[]): Promise<void> {
  await database.query(`INSERT INTO ${table} SELECT * FROM jsonb_populate_recordset(NULL::${table}, $1)`, [
    JSON.stringify(rows.map((row) => ({ ...row, updated_at: new Date() }))),
  ]);
}

it('finds what somebody wrote under any id', async () => {
  const update = { wa_id: '4999', user_id: { previous: MIA.user_id, current: 'DE.9' }, timestamp: at(10) };
  const { rows } = project(
    message({ id: 'a', from: MIA.wa_id, type: 'text', text: { body: 'with the number only' } }),
    textFromMia({ id: 'b', timestamp: at(1), text: { body: 'with both ids' } }),
    change('user_id_update', { user_id_update: [update] }),
    message({ id: 'c', timestamp: at(11), from_user_id: 'DE.9', type: 'text', text: { body: 'with the new id' } }),
    message({ id: 'd', from: '4915', type: 'text', text: { body: 'of another' } }),
  );
  await store('whatsapp_contacts', rows('whatsapp_contacts'));
  await store('whatsapp_messages', rows('whatsapp_messages'));

  const people = await database.query(
    `SELECT contact_id, person_id, name, wa_id FROM whatsapp_people WHERE source = 'whatsapp' ORDER BY contact_id`,
  );
  expect(people).toEqual([
    { contact_id: '4915', person_id: '4915', name: null, wa_id: '4915' },
    { contact_id: MIA.wa_id, person_id: 'DE.9', name: 'Mia Roth', wa_id: '4999' },
    { contact_id: '4999', person_id: 'DE.9', name: null, wa_id: '4999' },
    { contact_id: MIA.user_id, person_id: 'DE.9', name: 'Mia Roth', wa_id: '4999' },
    { contact_id: 'DE.9', person_id: 'DE.9', name: null, wa_id: '4999' },
  ]);
  const written = await database.query(
    `SELECT m.text FROM whatsapp_people AS asked
       JOIN whatsapp_people AS p USING (source, person_id)
       JOIN whatsapp_messages AS m ON m.source = p.source AND m.contact_id = p.contact_id
      WHERE asked.source = 'whatsapp' AND asked.contact_id = $1 ORDER BY m.occurred_at`,
    [MIA.wa_id],
  );
  expect(written.map(({ text }) => text)).toEqual(['with the number only', 'with both ids', 'with the new id']);
});

it('has every row once, whatever was announced', async () => {
  await database.query('DELETE FROM whatsapp_contacts');
  await database.query(
    `INSERT INTO whatsapp_contacts (source, contact_id, merged_into, updated_at)
     VALUES ('s', 'a', 'b', now()), ('s', 'b', 'a', now()), ('s', 'c', 'gone', now()), ('t', 'a', NULL, now())`,
  );
  const people = await database.query('SELECT source, contact_id FROM whatsapp_people ORDER BY 1, 2');
  expect(people.map(({ source, contact_id }) => `${source} ${contact_id}`)).toEqual(['s a', 's b', 's c', 't a']);
});
