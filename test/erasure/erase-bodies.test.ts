/** The bytes of requests: dropped where the events of others have all they said, else written again without the person. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { bare, change } from '../providers/whatsapp/bodies.ts';
import { at, message } from '../providers/whatsapp/projections/projected.ts';
import { type ErasurePlace, openErasurePlace, SIGNATURE } from './erasure-place.ts';
import { mentions } from './mentions.ts';
import { IDS_OF_MIA, JAN, MIA, text } from './people.ts';

let place: ErasurePlace;
beforeAll(async () => {
  place = await openErasurePlace();
});
beforeEach(() => place.empty());
afterAll(() => place.close());

const requests = () => place.database.query('SELECT id, headers, body, body_sha256 FROM webhook_requests ORDER BY id');
const jsonOf = (body: Buffer) => JSON.parse(body.toString());
/** As text, for numbers that a double does not hold. */
const written = (body: object, replace: readonly [string, string]) =>
  Buffer.from(
    JSON.stringify(body)
      .replace(...replace)
      .replaceAll('{"', '{ "'),
  );
/** Nested so deep that the event has no payload, and the bytes are all there is of it. */
function deep(levels: number): string {
  return `${'['.repeat(levels)}${']'.repeat(levels)}`;
}

it('drops a body all of whose other events have a payload', async () => {
  await place.append([
    change('messages', { contacts: [MIA, JAN], messages: [text(MIA, 'a', 1, 'Mine'), text(JAN, 'b', 2, 'His')] }),
    message(text(JAN, 'c', 3, 'Untouched'), JAN),
  ]);
  const report = await place.erase(MIA.wa_id);
  expect(report.requests).toEqual({ erased: 1, rewritten: 0 });
  expect((await requests()).map(({ body }) => jsonOf(body))).toEqual([message(text(JAN, 'c', 3, 'Untouched'), JAN)]);
});

it('writes a body again that somebody else’s event still needs, with every digit, and without the signature', async () => {
  const jan = text(JAN, 'deep', 2, 'His', { location: { latitude: 1 }, nested: 'DEEP' });
  const others = { object: 'whatsapp_business_account', order: 12345678901234 };
  const body = {
    ...others,
    entry: [
      ...entriesOf(change('messages', { contacts: [MIA, JAN], messages: [text(MIA, 'a', 1, 'Mine'), jan] })),
      ...entriesOf(change('messages', { contacts: [MIA], messages: [text(MIA, 'a2', 1, 'Mine too')] })),
      ...entriesOf(bare('account_alerts', { entity_type: 'BUSINESS' })),
    ],
  };
  const exact = (bytes: Buffer) =>
    Buffer.from(
      bytes.toString().replace('"DEEP"', deep(250)).replace('12345678901234', '123456789012345678901234567890'),
    );
  const [id] = await place.append([exact(Buffer.from(JSON.stringify(body)))]);
  expect((await place.erase(MIA.wa_id)).requests).toEqual({ erased: 0, rewritten: 1 });
  const [row] = await requests();
  const left = {
    ...others,
    entry: [
      ...entriesOf(change('messages', { contacts: [JAN], messages: [jan] })),
      ...entriesOf(bare('account_alerts', { entity_type: 'BUSINESS' })),
    ],
  };
  expect(row.id).toBe(id);
  expect(row.body.toString()).toBe(exact(Buffer.from(JSON.stringify(left))).toString());
  expect(row.body_sha256).toEqual(createHash('sha256').update(row.body).digest());
  expect(row.headers).toEqual({ 'content-type': 'application/json', 'x-webhook-erased': expect.any(String) });
  expect(row.headers[SIGNATURE]).toBeUndefined();
  expect(await mentions(place.database, IDS_OF_MIA)).toEqual([]);
  // Again there is nothing to do.
  expect((await place.erase(MIA.wa_id)).requests).toEqual({ erased: 0, rewritten: 0 });
});

it('keeps the bytes of events that were altered', async () => {
  await place.append([
    change('messages', { messages: [text(MIA, 'a', 1, 'Mine'), text(JAN, 'b', 2, 'His \u0000 text')] }),
  ]);
  expect((await place.erase(MIA.wa_id)).requests).toEqual({ erased: 0, rewritten: 1 });
  const [row] = await requests();
  expect(jsonOf(row.body)).toEqual(change('messages', { messages: [text(JAN, 'b', 2, 'His \u0000 text')] }));
});

it('finds her in a body whose events are rows of another request', async () => {
  const mia = text(MIA, 'a', 1, 'Mine');
  await place.append([change('messages', { messages: [mia] })]);
  await place.append([change('messages', { messages: [mia, text(JAN, 'b', 2, 'His')] })]);
  await place.database.query(
    'DELETE FROM webhook_requests WHERE id = (SELECT id FROM webhook_requests ORDER BY id LIMIT 1)',
  );
  expect((await place.erase(MIA.wa_id)).requests).toEqual({ erased: 1, rewritten: 0 });
  expect(await requests()).toEqual([]);
});

it('drops what is no JSON, or cannot be written again, if she is named in it', async () => {
  await place.append([Buffer.from(`from ${MIA.wa_id}: Hello`), Buffer.from(`from ${JAN.wa_id}: Hello`)]);
  const nested = written(
    change('messages', { messages: [text(MIA, 'a', 1, 'Mine'), { ...text(JAN, 'b', 1, 'x'), x: 'DEEP' }] }),
    ['"DEEP"', deep(60_000)],
  );
  await place.append([nested]);
  await place.erase(MIA.wa_id);
  expect((await requests()).map(({ body }) => body.toString())).toEqual([`from ${JAN.wa_id}: Hello`]);
});

it('erases an event that has no payload, by its subject', async () => {
  await place.append([
    written(change('messages', { messages: [{ ...text(MIA, 'a', 1, 'Mine'), x: 'DEEP' }] }), ['"DEEP"', deep(250)]),
  ]);
  expect(await place.database.query('SELECT subject, payload FROM events')).toEqual([
    { subject: MIA.user_id, payload: null },
  ]);
  const report = await place.erase(MIA.user_id);
  expect(report).toMatchObject({ events: { erased: 1 }, requests: { erased: 1 } });
  expect(await mentions(place.database, IDS_OF_MIA)).toEqual([]);
});

it('leaves a body in which she is only written about', async () => {
  const body = message(text(JAN, 'b', 2, `Ask ${MIA.wa_id}`), JAN);
  await place.append([body]);
  const report = await place.erase(MIA.wa_id);
  expect(report).toMatchObject({ requests: { erased: 0, rewritten: 0 }, left: { events: 1, requests: 1 } });
  const [row] = await requests();
  expect(row).toMatchObject({ headers: { [SIGNATURE]: 'sha256=00' } });
  expect(jsonOf(row.body)).toEqual(body);
  expect(at(2)).toBe(jsonOf(row.body).entry[0].changes[0].value.messages[0].timestamp);
});

function entriesOf(body: object): readonly object[] {
  return (body as { entry: readonly object[] }).entry;
}
