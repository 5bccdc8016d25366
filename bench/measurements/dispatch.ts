/**
 * What comes after the commit: how soon an event is projected, how many are in a second, and what that takes from the webhooks
 * that come in meanwhile. The same daemon with projections (`ROLE=all`) and without (`ROLE=ingest`), in turn.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Bench, type Figure, type Measurement, median } from '../measurement.ts';
import { type Rival, startGateway } from '../rivals/rival.ts';
import { describeTurn, takeTurn } from '../turn.ts';
import { DispatchSeconds } from './dispatch-seconds.ts';

/** Events a second at which projecting is timed. */
const PACE = 200;
const PACE_SECONDS = 15;
const WARM_UP_SECONDS = 6;

export const dispatch: Measurement = async (bench) => {
  const stores = await bench.servers.stores('dispatch');
  const client = new pg.Client({ connectionString: stores.databaseUrl });
  await client.connect();
  const owed = async () => {
    const { rows } = await client.query<{ owed: number }>('SELECT count(*)::int AS owed FROM event_dispatch');
    return rows[0]?.owed ?? 0;
  };
  try {
    const beside = await ingestBeside(bench, owed, (environment) => startGateway(stores, environment));
    const backlog = await backlogs(bench, owed, (environment) => startGateway(stores, environment), beside.rate);
    return [...beside.figures, ...backlog];
  } finally {
    await client.end();
  }
};

type Start = (environment: Record<string, string>) => Promise<Rival>;
type Owed = () => Promise<number>;

/** Both processes share a database; what is left of a turn is projected before the next one begins. */
async function ingestBeside(bench: Bench, owed: Owed, start: Start) {
  const { rounds, log } = bench;
  const off = await start({});
  const on = await start({ ROLE: 'all' });
  const idle = () => until(async () => (await owed()) === 0);
  try {
    const pace = new DispatchSeconds(on.port);
    await takeTurn(bench, on, { seconds: WARM_UP_SECONDS });
    await idle();
    await pace.begin();
    await takeTurn(bench, on, { seconds: PACE_SECONDS, rate: PACE, prepare: PACE * 1.1 });
    await idle();
    const p99 = (await pace.percentile(0.99)) * 1000;
    log(`at ${PACE} events/s: p99 from arrival to projected ${p99.toFixed(0)} ms`);

    const rates = { off: [] as number[], on: [] as number[] };
    const both = [
      ['off', off],
      ['on', on],
    ] as const;
    await takeTurn(bench, off, { seconds: WARM_UP_SECONDS });
    for (let round = 0; round < rounds; round++) {
      for (const [name, rival] of both) {
        await stopped(name === 'off' ? on : null, async () => {
          const turn = await takeTurn(bench, rival);
          rates[name].push(turn.perSecond);
          log(`${name.padEnd(4)}${describeTurn(rival, turn)}`);
        });
        await idle();
      }
    }
    const rate = median(rates.off);
    const late = { off: [] as number[], on: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      for (const [name, rival] of both) {
        await stopped(name === 'off' ? on : null, async () => {
          const turn = await takeTurn(bench, rival, { rate: rate / 2, prepare: rate * 0.55 });
          late[name].push(turn.latency.p99);
          log(`${name.padEnd(4)}at ${Math.round(rate / 2)}/s: p99 ${turn.latency.p99.toFixed(1)} ms`);
        });
        await idle();
      }
    }
    const figures: Figure[] = [
      { name: `p99 from arrival to projected, ${PACE}/s`, value: p99, unit: 'ms', required: 100, better: 'lower' },
      { name: 'webhooks/s with projections, over without', value: median(rates.on) / rate, required: 0.6 },
      {
        name: 'p99 at half of the maximum with projections, over without',
        value: median(late.on) / median(late.off),
        required: 1.5,
        better: 'lower',
      },
    ];
    return { figures, rate };
  } finally {
    await on.close();
    await off.close();
  }
}

/** With this process paused: its worker would project what the other one takes. */
async function stopped<T>(rival: Rival | null, work: () => Promise<T>): Promise<T> {
  if (rival === null) return work();
  process.kill(rival.pid, 'SIGSTOP');
  try {
    return await work();
  } finally {
    process.kill(rival.pid, 'SIGCONT');
  }
}

/** What a process takes without projecting it, and how soon another one has caught up with that. */
async function backlogs(bench: Bench, owed: Owed, start: Start, rate: number): Promise<Figure[]> {
  const perSecond = { stripe: [] as number[], whatsapp: [] as number[] };
  const kinds = [
    ['stripe', { kind: 'stripe', bytes: 1024 }],
    ['whatsapp', { kind: 'whatsapp-statuses', statuses: 1 }],
  ] as const;
  for (let round = 0; round < bench.rounds; round++) {
    for (const [name, bodies] of kinds) {
      const ingest = await start({});
      await takeTurn(bench, ingest, { bodies });
      await ingest.close();
      const before = await owed();
      const worker = await start({ ROLE: 'worker' });
      // From the first batch on: the start of a process is none of it.
      await until(async () => (await owed()) < before);
      const first = await owed();
      const startedAt = performance.now();
      await until(async () => (await owed()) === 0);
      perSecond[name].push(first / ((performance.now() - startedAt) / 1000));
      await worker.close();
      bench.log(`${name.padEnd(10)} ${Math.round(perSecond[name].at(-1) ?? 0)} events/s projected by one worker`);
    }
  }
  return [
    { name: 'events/s projected from a backlog, Stripe', value: median(perSecond.stripe) },
    { name: '  over webhooks/s stored', value: median(perSecond.stripe) / rate, required: 0.25, aim: 0.5 },
    { name: 'events/s projected from a backlog, WhatsApp', value: median(perSecond.whatsapp) },
    { name: '  over webhooks/s stored', value: median(perSecond.whatsapp) / rate, required: 0.25, aim: 0.5 },
  ];
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(20);
}
