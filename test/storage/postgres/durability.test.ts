import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { durabilityWarnings } from '../../../src/storage/postgres/durability.ts';
import { createSharedPrisma } from '../../../src/storage/postgres/prisma.ts';

test('a database that cannot hold every character is warned of', async () => {
  const name = `gateway_latin_${process.pid}`;
  const admin = new pg.Client({ connectionString: inject('databaseAdminUrl') });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`);
  const url = new URL(inject('databaseAdminUrl'));
  url.pathname = name;
  const connection = {
    databaseUrl: url.toString(),
    applicationName: 'a test',
    connectTimeoutMs: 5_000,
    queryTimeoutMs: 5_000,
  };
  const shared = createSharedPrisma(connection, 1);
  try {
    expect((await durabilityWarnings(shared.prisma)).join(' ')).toContain('encoding is LATIN1');
  } finally {
    await shared.close();
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await admin.end();
  }
});
