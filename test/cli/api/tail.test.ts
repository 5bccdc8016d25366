/** `tail`, as a process: it is stopped by a signal. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type ApiPlace, openApi } from '../../support/api.ts';
import { commandEnvironment, type RunningCommand, startGatewayCommand } from '../../support/gateway-command.ts';
import { until } from '../../support/until.ts';
import { fresh, keysOf, post, signed } from '../../support/webhooks.ts';

let place: ApiPlace;
beforeAll(async () => {
  place = await openApi();
});
afterAll(() => place.close());

const running: RunningCommand[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((command) => command.stop('SIGKILL')));
});

function start(...args: string[]): RunningCommand {
  const command = startGatewayCommand(args, commandEnvironment(place.gateway.gateway.apiUrl ?? ''));
  running.push(command);
  return command;
}

test('events are shown as they come, those that are asked for, in words or as JSON with every digit', async () => {
  // From the first on, so that it does not matter when it is connected.
  const json = start('tail', '--after', '0', '--types', 'invoice.*,red');
  const words = start('tail', '--after', '0', '--no-json', '--payload', '--sources', 'stripe');
  const invoice = fresh('stripe', 'invoice.paid');
  const digits = '{"id":"evt_digits","object":"event","type":"red","created":1700000000,"n":12345678901234567890.5}';
  for (const webhook of [invoice, fresh('whatsapp'), signed('stripe', digits)]) await post(place.gateway.url, webhook);
  await until('the events', () => json.lines().length === 2 && words.lines().length === 4);
  expect(JSON.parse(json.lines()[0] ?? '')).toMatchObject({ event: { payload: { id: keysOf(invoice)[0] } } });
  expect(json.stdout()).toContain('12345678901234567890.5');
  expect(words.lines()[0]).toMatch(/^\d{4}-\S+Z {2}stripe {2}invoice\.paid {2}\S+ {2}[\da-f-]{36}$/);
  expect(words.lines()[3]).toContain('12345678901234567890.5');
  expect(await Promise.all([json.stop(), words.stop('SIGTERM')])).toEqual([0, 0]);
});
