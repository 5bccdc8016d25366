import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiPlace, openApi } from '../../support/api.ts';
import { commandEnvironment, type GatewayCommandOptions, runGatewayCommand } from '../../support/gateway-command.ts';
import { answer, type Receiver, silence, startReceiver } from '../../support/receiver.ts';
import { until } from '../../support/until.ts';
import { fresh, post } from '../../support/webhooks.ts';

let place: ApiPlace;
let receiver: Receiver;
beforeAll(async () => {
  place = await openApi({ DELIVERY_ALLOW_NETWORKS: '127.0.0.0/8' });
  receiver = await startReceiver();
  await run('destinations', 'create', 'all', receiver.url, '--signing', 'none', '--retry', '1');
  await run('destinations', 'create', 'none', receiver.url, '--types', 'x', '--signing', 'none', '--retry', '1');
  for (const type of ['invoice.paid', 'invoice.paid', 'customer.created']) {
    expect((await post(place.gateway.url, fresh('stripe', type))).accepted).toBe('stored');
  }
  await until('the live deliveries', () => receiver.received.length === 3);
});
afterAll(async () => {
  await place.close();
  await receiver.close();
});

function runWith(options: GatewayCommandOptions, ...args: string[]) {
  const environment = commandEnvironment(place.gateway.gateway.apiUrl ?? '');
  return runGatewayCommand(args, { environment, ...options });
}
const run = (...args: string[]) => runWith({}, ...args);

test('events of a type are sent once more, to the destination that is named, and waited for', async () => {
  const before = receiver.received.length;
  const typed = ['--from', '1h', '--types', 'invoice.*', '--destination', 'none', '--ignore-filter', '--rate', '1000'];
  const { code, stdout, stderr } = await run('replay', ...typed);
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^Replay [\da-f-]{36}: Ctrl-C leaves it running\.\n$/)]);
  expect(JSON.parse(stdout)).toMatchObject({
    state: 'done',
    matched: 2,
    deliveries: { pending: 0, delivered: 2, dead: 0, cancelled: 0 },
  });
  expect(receiver.received.slice(before).map(({ headers }) => headers['x-webhook-type'])).toEqual([
    'invoice.paid',
    'invoice.paid',
  ]);
});

test('one that could not be delivered ends with exit code 1 and what to do', async () => {
  receiver.behave(answer(500));
  const [event] = (await run('events', '--type', 'customer.created')).stdout.split('\n');
  const { id } = JSON.parse(event ?? '');
  const { code, stdout, stderr } = await runWith({ terminal: true }, 'replay', id, '--destination', 'all');
  receiver.behave(answer(204));
  expect(code).toBe(1);
  expect(stdout).toMatch(/^deliveries\.dead +1$/m);
  expect(stderr).toMatch(/\r\[#+-*\] .* % walked, .* events seen|\r\[#*-*\] .*delivered/);
  expect(stderr).toMatch(/1 are dead\. Try them again: webhook-gateway deliveries redrive all\n$/);
  expect(stdout).toMatch(/^destinations +all$/m);
  const [, listed] = (await runWith({ terminal: true }, 'replays')).stdout.split('\n');
  expect(listed).toMatch(/ 1 event +- +[\da-f-]{36}$/);
});

test('Ctrl-C leaves it running and says how to cancel it', async () => {
  receiver.behave(silence);
  const stop = new AbortController();
  const seen = receiver.received.length;
  const running = runWith({ signal: stop.signal }, 'replay', '--from', '1h', '--destination', 'all');
  await until('a delivery under way', () => receiver.received.length > seen);
  stop.abort('SIGINT');
  const { code, stdout, stderr } = await running;
  expect([code, stdout]).toEqual([130, '']);
  const id = /webhook-gateway replays wait (\S+)\nCancel it: webhook-gateway replays cancel \1\n$/.exec(stderr)?.[1];
  const [listed] = (await run('replays', '--limit', '1')).stdout.split('\n');
  expect(JSON.parse(listed ?? '')).toMatchObject({ id });
  expect(JSON.parse((await run('replays', 'cancel', id ?? '')).stdout)).toMatchObject({ id });
  receiver.behave(answer(204));
});

test('without anything that says which, it is refused', async () => {
  expect(await run('replay')).toMatchObject({ code: 2, stderr: expect.stringContaining('--from') });
});
