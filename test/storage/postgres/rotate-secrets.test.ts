import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  createSecretBox,
  newEncryptionKey,
  SECRETS_FIELD,
  type SecretBox,
  secretHeaderField,
} from '../../../src/core/secret-box.ts';
import { rotateSecrets } from '../../../src/storage/postgres/rotate-secrets.ts';
import { runCommand } from '../../support/command.ts';
import { insertDestination } from '../../support/destination-row.ts';
import { createPrismaDatabase, type PrismaDatabase } from '../../support/prisma-database.ts';

const [OLD, NEW] = [newEncryptionKey(), newEncryptionKey()];

let database: PrismaDatabase;
beforeAll(async () => {
  database = await createPrismaDatabase(2);
});
afterEach(() => database.query('DELETE FROM destinations'));
afterAll(() => database.drop());

async function insert(name: string, box: SecretBox): Promise<string> {
  const id = randomUUID();
  const seal = (field: string, secret: string) => box.seal(secret, { destinationId: id, field });
  await insertDestination(database, {
    id,
    name,
    secrets: [seal(SECRETS_FIELD, 'first'), seal(SECRETS_FIELD, 'second')],
    secretHeaders: { Authorization: seal(secretHeaderField('authorization'), 'Bearer abc') },
  });
  return id;
}

async function open(id: string, box: SecretBox): Promise<string[]> {
  const [row] = await database.query('SELECT secrets, secret_headers FROM destinations WHERE id = $1', [id]);
  const field = secretHeaderField('authorization');
  return [
    ...row.secrets.map((token: string) => box.open(token, { destinationId: id, field: SECRETS_FIELD })),
    box.open(row.secret_headers.Authorization, { destinationId: id, field }),
  ];
}

async function rotate(keys: readonly string[]) {
  const told = { rotated: [] as string[], unreadable: [] as string[] };
  await rotateSecrets(database.prisma, createSecretBox(keys), {
    onRotated: (name) => void told.rotated.push(name),
    onUnreadable: (name, reason) => void told.unreadable.push(`${name}: ${reason}`),
  });
  return told;
}

test('everything is encrypted with the first key, and can be read with it alone; once', async () => {
  const old = await insert('a', createSecretBox([OLD]));
  const current = await insert('b', createSecretBox([NEW]));
  const before = await database.query('SELECT secrets FROM destinations WHERE id = $1', [current]);
  expect(await rotate([NEW, OLD])).toEqual({ rotated: ['a'], unreadable: [] });
  for (const id of [old, current]) {
    expect(await open(id, createSecretBox([NEW]))).toEqual(['first', 'second', 'Bearer abc']);
  }
  expect(await database.query('SELECT secrets FROM destinations WHERE id = $1', [current])).toEqual(before);
  expect(await rotate([NEW])).toEqual({ rotated: [], unreadable: [] });
});

test('a destination whose key is lost is named, and keeps nobody else from being rotated', async () => {
  const lost = newEncryptionKey();
  const id = await insert('a', createSecretBox([lost]));
  await insert('b', createSecretBox([OLD]));
  const told = await rotate([NEW, OLD]);
  expect(told.rotated).toEqual(['b']);
  expect(told.unreadable).toEqual([expect.stringContaining('a: ENCRYPTION_KEYS does not hold the key')]);
  expect(await open(id, createSecretBox([lost]))).toEqual(['first', 'second', 'Bearer abc']);
});

test('npm run rotate-keys and doctor say what is to be done, and do it', async () => {
  const env = { DATABASE_URL: database.url, PORT: '0', LOG_LEVEL: 'warn', DATA_DIR: '/nonexistent' };
  const command = (name: 'rotate-keys' | 'doctor', keys: string) =>
    runCommand(name, { env: { ...env, ENCRYPTION_KEYS: keys } });
  await insert('shop', createSecretBox([OLD]));
  const before = await command('doctor', `${NEW},${OLD}`);
  expect(before.stdout).toContain('1 of 1 destinations are encrypted with an older key');
  const without = await command('rotate-keys', NEW);
  expect(without).toMatchObject({ code: 1, stderr: expect.stringContaining('shop: its secrets cannot be decrypted') });
  expect((await command('doctor', NEW)).stdout).toContain('destination shop: a secret cannot be decrypted');
  expect(await command('rotate-keys', `${NEW},${OLD}`)).toEqual({
    code: 0,
    stdout: 'Destinations encrypted anew: 1. All use the first key now.\n',
    stderr: '',
  });
  expect((await command('doctor', NEW)).stdout).toContain('destinations: 1, and their secrets can be decrypted');
});
