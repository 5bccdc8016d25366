/** `webhook-gateway listen` while everything around it dies: the gateway and itself by `kill -9`, the receiver now and then. */

import { rm } from 'node:fs/promises';
import Stripe from 'stripe';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Daemon, openTempDirectory, startDaemon } from '../support/daemon.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { freePort } from '../support/free-port.ts';
import { type RunningCommand, startGatewayCommand } from '../support/gateway-command.ts';
import { answer, cut, type ReceivedDelivery, type Receiver, startReceiver } from '../support/receiver.ts';
import { until } from '../support/until.ts';
import { fresh, keysOf, PROVIDER_ENVIRONMENT, post } from '../support/webhooks.ts';

const EVENTS = 60;

let database: TestDatabase;
let receiver: Receiver;
let ports: readonly [number, number];
let dataDir: string;
let daemon: Daemon;
let listener: RunningCommand;
beforeAll(async () => {
  dataDir = openTempDirectory('gateway-listen-');
  ports = [await freePort(), await freePort()];
  [database, receiver] = await Promise.all([createDatabase(), startReceiver()]);
  daemon = await start();
});
afterAll(async () => {
  await listener?.stop('SIGKILL');
  await daemon?.dispose();
  await receiver?.close();
  await database?.drop();
  await rm(dataDir, { recursive: true, force: true });
});

const start = () =>
  startDaemon(
    { PORT: String(ports[0]), ADMIN_PORT: String(ports[1]), DATABASE_URL: database.url, ...PROVIDER_ENVIRONMENT },
    { dataDir },
  );

/** Finds the API, which has a port of its own, and its generated key in DATA_DIR. */
const listen = () =>
  startGatewayCommand(['listen', '--forward-to', receiver.url, '--name', 'laptop'], { DATA_DIR: dataDir });

test('every event that was taken arrives, in its order, signed, and repeats carry the same webhook-id', async () => {
  const taken: ReceivedDelivery[] = [];
  let requests = 0;
  receiver.behave((response, delivery) => {
    requests++;
    if (requests % 7 === 3) return cut(response, delivery);
    if (requests % 5 === 0) return answer(500)(response, delivery);
    taken.push(delivery);
    return answer(200)(response, delivery);
  });
  listener = listen();
  await until('a connection', () => listener.stderr().includes('The signing secret is'));
  const secret = /whsec_\S+/.exec(listener.stderr())?.[0] ?? '';

  const accepted: string[] = [];
  const sending = (async () => {
    while (accepted.length < EVENTS) {
      const webhook = fresh('stripe');
      // While the gateway is away nobody answers, and what nobody has answered is not owed.
      const status = await post(`http://127.0.0.1:${ports[0]}`, webhook).then(
        (got) => got.status,
        () => null,
      );
      if (status === 200) accepted.push(...keysOf(webhook));
    }
  })();
  await until('some of them', () => taken.length > 10);
  await daemon.kill();
  daemon = await start();
  const soFar = taken.length;
  await until('some more of them', () => taken.length > soFar + 10);
  await listener.stop('SIGKILL');
  listener = listen();
  await sending;

  const idOf = ({ body }: ReceivedDelivery): string => JSON.parse(body.toString()).id;
  await until('the last', () => taken.some((delivery) => idOf(delivery) === accepted.at(-1)));
  const seen = [...new Set(taken.map(idOf))];
  expect(seen.filter((id) => accepted.includes(id))).toEqual(accepted);
  const webhookIds = new Map<string, Set<unknown>>();
  for (const delivery of receiver.received) {
    const id = idOf(delivery);
    webhookIds.set(id, (webhookIds.get(id) ?? new Set()).add(delivery.headers['webhook-id']));
    const signature = delivery.headers['stripe-signature'] ?? '';
    expect(Stripe.webhooks.constructEvent(delivery.body, signature, secret).id).toBe(id);
  }
  expect([...webhookIds.values()].filter((ids) => ids.size !== 1)).toEqual([]);
  expect(await listener.stop()).toBe(0);
});
