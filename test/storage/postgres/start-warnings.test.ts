/** What a start says of destinations whose secrets its keys do not open. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createSecretBox, newEncryptionKey, SECRETS_FIELD } from '../../../src/core/secret-box.ts';
import { describeUnreadable } from '../../../src/storage/postgres/unreadable-secrets.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { insertDestination } from '../../support/destination-row.ts';
import { startTestGateway } from '../../support/gateway.ts';

const [LOST, HELD] = [newEncryptionKey(), newEncryptionKey()];

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());
beforeEach(() => database.truncate());

async function insert(name: string, key: string): Promise<void> {
  const id = randomUUID();
  const secret = createSecretBox([key]).seal('a secret', { destinationId: id, field: SECRETS_FIELD });
  await insertDestination(database, { id, name, secrets: [secret] });
}

/** Log lines of a start about secrets. A start has looked before it listens, and at the latest before it has stopped. */
async function saidAtStart(environment: Record<string, string>): Promise<Record<string, unknown>[]> {
  const gateway = await startTestGateway({ DATABASE_URL: database.url, ...environment });
  await gateway.stop();
  return gateway.log.filter(({ msg }) => String(msg).includes('cannot be decrypted'));
}

test('one warning names all of them, where the key was lost and another has been generated', async () => {
  await insert('shop', LOST);
  await insert('billing', LOST);
  await insertDestination(database, { name: 'without secrets' });
  expect(await saidAtStart({})).toEqual([
    expect.objectContaining({
      level: 40,
      msg: expect.stringMatching(
        /^nothing can be delivered to billing, shop: a secret cannot be decrypted: ENCRYPTION_KEYS does not hold the key [0-9a-f]{8}, /,
      ),
    }),
  ]);
});

test('nothing is said where the keys open them, nor by a process that delivers nothing', async () => {
  await insert('shop', HELD);
  expect(await saidAtStart({ ENCRYPTION_KEYS: HELD })).toEqual([]);
  await insert('billing', LOST);
  expect(await saidAtStart({ ENCRYPTION_KEYS: HELD })).toHaveLength(1);
  expect(await saidAtStart({ ROLE: 'ingest' })).toEqual([]);
});

test('of many the first ten are named', () => {
  const unreadable = Array.from({ length: 12 }, (_, index) => ({ name: `d${index}`, reason: 'no key' }));
  expect(describeUnreadable({ unreadable })).toBe(
    'nothing can be delivered to d0, d1, d2, d3, d4, d5, d6, d7, d8, d9 and 2 more: a secret cannot be decrypted: no key',
  );
});
