import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import pg from 'pg';
import { expect, test } from 'vitest';
import { sqlStateOf, toStoreError } from '../../../src/storage/postgres/store-error.ts';

test('a socket that broke under a query is a lost connection, though its code looks like a SQLSTATE', () => {
  const broken = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
  expect(sqlStateOf(broken)).toBeUndefined();
  expect(toStoreError(broken).fault).toBe('connection_lost');
});

test.each(['22P05', '40P01', 'XX000', '57P01'])('%s is a SQLSTATE', (code) => {
  expect(sqlStateOf(Object.assign(new Error('refused'), { code }))).toBe(code);
});

test('P0001 is an SQLSTATE where the server says it, and else a code of Prisma', () => {
  const raised = Object.assign(new Error('secret of the row'), { code: 'P0001', severity: 'ERROR' });
  expect(toStoreError(raised)).toMatchObject({ fault: 'unavailable', sqlState: 'P0001' });
  expect(toStoreError(raised).message).not.toContain('secret');
  expect(sqlStateOf(Object.assign(new Error('of Prisma'), { code: 'P2010' }))).toBeUndefined();
});

test('a connection that is not there in time is not a lost one', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const pool = new pg.Pool({ host: '127.0.0.1', port, connectionTimeoutMillis: 50 });
  const error = await pool.query('SELECT 1').catch(toStoreError);
  expect(error).toMatchObject({ fault: 'unavailable', message: 'PostgreSQL refused (no connection in time)' });
  await pool.end();
  silent.close();
});
