/** Senders that are idle, slow, broken or odd, beside ordinary traffic, which is served all the while. */
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.ts';
import { FALSE_SIGNATURE, head, openRaw, type RawConnection } from '../support/raw-http.ts';
import { until } from '../support/until.ts';
import { fresh, markedUnique, signed, type Webhook } from '../support/webhooks.ts';
import { FULL, ODD_SENDERS } from './form.ts';
import { expectInTime, expectNothingRefused } from './outage.ts';
import { type Row, withRow } from './row.ts';

const MIB = 1024 * 1024;

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgresServer();
});
afterAll(() => server.destroy());

/** @param use resolves to the number of webhooks it has sent and that were answered 200 */
function besideTraffic(fault: string, use: (row: Row) => Promise<number>): void {
  test(fault, () =>
    withRow({ fault, postgres: server }, async (row) => {
      await row.startDaemon();
      await row.startSender();
      await row.more('200 stored', 20);
      await row.sender.enter('fault');
      const others = await use(row);
      await row.more('200 stored', 20);
      const outcome = await row.settle({ others });
      await expectNothingRefused(row, outcome);
      expectInTime(outcome);
    }),
  );
}

const openMany = (row: Row, count: number): Promise<RawConnection[]> =>
  Promise.all(Array.from({ length: count }, () => openRaw(row.url)));

/** Writes one byte a second until every connection has been closed by the daemon; resolves to what each was told. */
async function drip(connections: readonly RawConnection[], byte: string): Promise<string[]> {
  const timer = setInterval(() => {
    for (const connection of connections) connection.write(byte);
  }, 1_000);
  try {
    return await Promise.all(connections.map(({ closed }) => closed));
  } finally {
    clearInterval(timer);
  }
}

/** Status lines, each once. */
const statuses = (texts: readonly string[]) => [...new Set(texts.map((text) => text.slice(0, 12)))];
const freshMarked = (provider: Webhook['provider'] = 'stripe') => fresh(provider, undefined, markedUnique());

besideTraffic(`${ODD_SENDERS} idle connections`, async (row) => {
  const connections = await openMany(row, ODD_SENDERS);
  // They are cut when the time for a request's headers is over; the short form does not wait for that.
  if (FULL) await Promise.all(connections.map(({ closed }) => closed));
  else await sleep(3_000);
  for (const { socket } of connections) socket.destroy();
  return 0;
});

besideTraffic(`${ODD_SENDERS} senders of one byte a second: half of them headers, half bodies`, async (row) => {
  const connections = await openMany(row, ODD_SENDERS);
  connections.forEach((connection, index) => {
    if (index % 2 === 0) connection.write('POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    else connection.write(head({ ...freshMarked().headers, 'Content-Length': 1_000 }));
  });
  expect(statuses(await drip(connections, 'x'))).toEqual(['HTTP/1.1 408']);
  return 0;
});

besideTraffic(`${ODD_SENDERS} senders that announce 4 MiB with a false signature and send 1 byte/s`, async (row) => {
  const connections = await openMany(row, ODD_SENDERS);
  for (const connection of connections) {
    connection.write(head({ 'Stripe-Signature': FALSE_SIGNATURE, 'Content-Length': 4 * MIB }));
  }
  expect(statuses(await drip(connections, 'x'))).toEqual(['HTTP/1.1 408']);
  return 0;
});

besideTraffic('half-open connections: closed by their sender in the middle, or silent from there', async (row) => {
  const connections = await openMany(row, 200);
  connections.forEach((connection, index) => {
    const { body, headers } = freshMarked();
    const request = Buffer.concat([Buffer.from(head({ ...headers, 'Content-Length': body.length })), body]);
    connection.write(request.subarray(0, Math.floor((request.length * (index + 1)) / (connections.length + 2))));
    if (index % 2 === 0) connection.socket.end();
  });
  const texts = await Promise.all(connections.map(({ closed }) => closed));
  expect(texts.filter((text) => !/^(HTTP\/1.1 4(00|08) |$)/.test(text))).toEqual([]);
  return 0;
});

/** Sends on a connection of its own, and resolves to everything that came back when `answers` answers have, or the end. */
async function exchange(row: Row, bytes: readonly (string | Buffer)[], answers = 1): Promise<string> {
  const connection = await openRaw(row.url);
  for (const piece of bytes) connection.write(piece);
  const count = () => connection.received().match(/HTTP\/1.1 \d{3}/g)?.length ?? 0;
  await until('the answer', () => count() >= answers || connection.socket.destroyed);
  connection.socket.destroy();
  return connection.received();
}

const chunks = (body: Buffer): Buffer[] => {
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; at += 100) {
    const piece = body.subarray(at, at + 100);
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
  }
  return [...pieces, Buffer.from('0\r\n\r\n')];
};

besideTraffic('oversized headers, pipelined, chunked and gzip bodies, wrong lengths', async (row) => {
  const ROUNDS = 50;
  for (let round = 0; round < ROUNDS; round++) {
    const { body, headers } = freshMarked();
    const large = { ...headers, 'Content-Length': body.length, 'X-Long': 'x'.repeat(20_000) };
    expect(await exchange(row, [head(large), body])).toMatch(/^HTTP\/1.1 431 /);
    const short = head({ ...headers, 'Content-Length': body.length - 10, Connection: 'close' });
    expect(await exchange(row, [short, body])).toMatch(/^HTTP\/1.1 40[01] /);
    const twice = head({ ...headers, 'Content-Length': body.length }).replace('\r\n', '\r\nContent-Length: 1\r\n');
    expect(await exchange(row, [twice, body])).toMatch(/^HTTP\/1.1 400 /);

    const pipelined = [freshMarked(), freshMarked(), freshMarked()];
    const requests = pipelined.flatMap((one) => [
      head({ ...one.headers, 'Content-Length': one.body.length }),
      one.body,
    ]);
    expect((await exchange(row, requests, 3)).match(/x-webhook-accepted: stored/g)).toHaveLength(3);
    const chunked = freshMarked();
    const inChunks = [head({ ...chunked.headers, 'Transfer-Encoding': 'chunked' }), ...chunks(chunked.body)];
    expect(await exchange(row, inChunks)).toContain('x-webhook-accepted: stored');
    const zipped = signed('stripe', gzipSync(freshMarked().body));
    const zippedHead = head({ ...zipped.headers, 'Content-Encoding': 'gzip', 'Content-Length': zipped.body.length });
    expect(await exchange(row, [zippedHead, zipped.body])).toContain('x-webhook-accepted: stored');
  }
  return ROUNDS * 5;
});
