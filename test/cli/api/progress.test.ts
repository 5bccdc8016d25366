/** Progress of what takes long, as a terminal shows it: against an API that answers as it is told, by a clock that is set. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { commandEnvironment, runGatewayCommand } from '../../support/gateway-command.ts';
import { answer, type Receiver, startReceiver } from '../../support/receiver.ts';

const ID = '019aa0f2-71c0-7d4b-9a33-0f2b7c1d5e90';
const CLEARED = '\r\x1b[K';

let api: Receiver;
let passed: number;
beforeEach(async () => {
  api = await startReceiver();
  passed = 0;
  const { now } = performance;
  vi.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + passed);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await api.close();
});

interface Step {
  /** Seconds that the answer takes. */
  readonly takes: number;
  readonly status?: number;
  readonly json: object;
}

/** Answers one after the other. */
function answers(steps: readonly Step[]): void {
  const left = [...steps];
  api.behave((response, delivery) => {
    const { takes, status = 200, json } = left.shift() ?? { takes: 0, status: 500, json: {} };
    passed += takes * 1000;
    answer(status, { 'content-type': 'application/json' }, JSON.stringify(json))(response, delivery);
  });
}
const bodies = () => api.received.map(({ body }) => JSON.parse(body.toString()));
const run = (terminal: boolean, ...args: string[]) =>
  runGatewayCommand(args, { environment: commandEnvironment(api.url), terminal });

const redriven = (number: number, takes: number): Step => ({ takes, json: { redriven: number } });

test('redrive: the count is drawn over itself on a terminal, and taken away at the end', async () => {
  answers([redriven(1_000, 1), redriven(1_000, 1), redriven(7, 1)]);
  const { code, stdout, stderr } = await run(true, 'deliveries', 'redrive', ID);
  expect([code, stdout]).toEqual([0, `2,007 dead deliveries to ${ID} are tried again.\n`]);
  const drawn = ['1,000', '2,000', '2,007'].map((count) => `\r${count} deliveries are tried again\x1b[K`);
  expect(stderr).toBe(`${drawn.join('')}${CLEARED}`);
  // All of them ask for what was received before it began.
  expect(new Set(bodies().map(({ to }) => to)).size).toBe(1);
});

test('redrive: elsewhere a line after ten seconds, and nothing if it is done before', async () => {
  answers([redriven(1_000, 9), redriven(1_000, 2), redriven(0, 1)]);
  expect(await run(false, 'deliveries', 'redrive', ID)).toEqual({
    code: 0,
    stdout: '{"redriven":2000}\n',
    stderr: '2,000 deliveries are tried again\n',
  });
  answers([redriven(7, 9)]);
  expect(await run(false, 'deliveries', 'redrive', ID)).toMatchObject({ stdout: '{"redriven":7}\n', stderr: '' });
});

test('redrive: what fails on the way is told on a line of its own', async () => {
  answers([redriven(1_000, 1), { takes: 1, status: 409, json: { error: { code: 'conflict', message: 'no more' } } }]);
  const { code, stdout, stderr } = await run(true, 'deliveries', 'redrive', ID);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toBe(`\r1,000 deliveries are tried again\x1b[K${CLEARED}no more\n`);
});

const DELIVERIES = { pending: 0, delivered: 0, dead: 0, cancelled: 0 };
const replay = (takes: number, parts: object): Step => ({
  takes,
  json: { id: ID, destinations: null, error: null, scanned: 0, owed: 0, progress: 0, deliveries: DELIVERIES, ...parts },
});
const RUNNING = [
  replay(1, { state: 'running', progress: 0.254, scanned: 25_400, owed: 1_200 }),
  replay(1, { state: 'done', progress: 1, deliveries: { pending: 600, delivered: 599, dead: 1, cancelled: 0 } }),
];
const DONE = { state: 'done', progress: 1, deliveries: { ...DELIVERIES, delivered: 1_200 } };

test('replay: a bar for the walk, then one for its deliveries, which makes way for the result', async () => {
  // The names of the destinations are asked for at the end.
  answers([...RUNNING, replay(1, DONE), { takes: 0, json: { data: [], nextCursor: null } }]);
  const { code, stdout, stderr } = await run(true, 'replays', 'wait', ID);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^deliveries\.delivered +1200$/m)]);
  expect(stderr).toBe(
    [
      '\r[######------------------] 25 % walked, 25,400 events seen, 1,200 deliveries owed\x1b[K',
      '\r[############------------] 50 %, 599 delivered, 1 dead, 600 pending\x1b[K',
      CLEARED,
    ].join(''),
  );
});

test('replay: elsewhere a line after ten seconds', async () => {
  answers([{ ...(RUNNING[1] as Step), takes: 11 }, replay(9, DONE)]);
  const { code, stdout, stderr } = await run(false, 'replays', 'wait', ID);
  expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ state: 'done' })]);
  expect(stderr).toBe('50 %, 599 delivered, 1 dead, 600 pending\n');
});

test('replay: that the gateway does not answer is told on a line of its own', async () => {
  const away = { takes: 1, status: 503, json: { error: { code: 'unavailable', message: 'away' } } };
  answers([RUNNING[0] as Step, away, replay(1, DONE), { takes: 0, json: { data: [], nextCursor: null } }]);
  const { code, stderr } = await run(true, 'replays', 'wait', ID);
  expect(code).toBe(0);
  expect(stderr.endsWith(` deliveries owed\x1b[K${CLEARED}The gateway does not answer: looking again.\n`)).toBe(true);
});
