/** Webhooks a second, each a distinct one: the gateway and its rivals in turn. */
import { type Figure, type Measurement, median } from '../measurement.ts';
import { memoryOf } from '../processes.ts';
import { pgbenchAvailable, runPgbench } from '../rivals/pgbench.ts';
import { type Rival, startGateway, startRival } from '../rivals/rival.ts';
import { describeTurn, type Turn, takeTurn } from '../turn.ts';

/** Until V8 has compiled what runs often: the gateway takes about 50,000 requests for that. */
const WARM_UP_SECONDS = 6;
/** Of the tutorial's and the engine's, by far. Preparing for more would take longer than the turn. */
const SLOW_RIVAL_RATE = 6_000;

export const throughput: Measurement = async (bench) => {
  const { servers, rounds, seconds, log } = bench;
  const rivals: Rival[] = [
    await startGateway(await servers.stores('gateway')),
    await startRival('(a) tutorial', 'tutorial.ts', await servers.stores('tutorial')),
    await startRival('(b) sync engine', 'sync-engine.ts', await servers.stores('sync_engine')),
    await startRival('(c) bare Fastify', 'bare-fastify.ts', await servers.stores('none')),
  ];
  const turns = new Map<Rival, Turn[]>(rivals.map((rival) => [rival, []]));
  const commits: number[] = [];
  const [gateway, tutorial, engine, bare] = rivals as [Rival, Rival, Rival, Rival];
  const prepareFor = (rival: Rival) => (rival === tutorial || rival === engine ? SLOW_RIVAL_RATE : bench.topRate);
  try {
    for (const rival of rivals) {
      await takeTurn(bench, rival, { seconds: Math.min(WARM_UP_SECONDS, 2 * seconds), prepare: prepareFor(rival) });
    }
    if (!pgbenchAvailable) log('(d) pgbench is not on the PATH and is left out');
    for (let round = 0; round < rounds; round++) {
      for (const rival of rivals) {
        const turn = await takeTurn(bench, rival, { prepare: prepareFor(rival) });
        turns.get(rival)?.push(turn);
        log(describeTurn(rival, turn));
      }
      if (!pgbenchAvailable) continue;
      await servers.checkpoint();
      commits.push(await runPgbench((await servers.stores('pgbench')).databaseUrl, seconds));
      log(
        `${'(d) pgbench'.padEnd(16)} ${Math.round(commits.at(-1) ?? 0)
          .toString()
          .padStart(7)} commits/s`,
      );
    }
    const peak = memoryOf(gateway.pid).peak;
    return figures(turns, { gateway, tutorial, engine, bare }, commits, peak, bench.known);
  } finally {
    for (const rival of rivals) await rival.close();
  }
};

function figures(
  turns: ReadonlyMap<Rival, readonly Turn[]>,
  { gateway, tutorial, engine, bare }: Record<'gateway' | 'tutorial' | 'engine' | 'bare', Rival>,
  commits: readonly number[],
  peak: number,
  known: { gatewayRate?: number },
): Figure[] {
  const of = (rival: Rival, value: (turn: Turn) => number) => median((turns.get(rival) ?? []).map(value));
  const rate = (rival: Rival) => of(rival, (turn) => turn.perSecond);
  const ours = rate(gateway);
  known.gatewayRate = ours;
  return [
    { name: 'webhooks/s, durable, one process', value: ours },
    { name: '  over (a) tutorial', value: ours / rate(tutorial), required: 6, aim: 10 },
    { name: '  over (b) sync engine', value: ours / rate(engine), required: 4, aim: 6 },
    { name: '  over (c) bare Fastify', value: ours / rate(bare), required: 0.25, aim: 0.4 },
    ...(commits.length > 0
      ? [{ name: '  over (d) pgbench single-row commits', value: ours / median(commits), required: 0.6, aim: 1 }]
      : []),
    {
      name: 'CPU for a webhook: of (a) over ours',
      value: of(tutorial, (turn) => turn.cpu) / of(gateway, (turn) => turn.cpu),
      required: 10,
      aim: 15,
    },
    { name: 'CPU of our process for a webhook', value: of(gateway, (turn) => turn.cpu), unit: 'us' },
    { name: 'CPU of PostgreSQL for a webhook', value: of(gateway, (turn) => turn.postgresCpu), unit: 'us' },
    { name: 'write-ahead log for a webhook', value: of(gateway, (turn) => turn.wal), unit: 'bytes' },
    { name: 'p50 at full load', value: of(gateway, (turn) => turn.latency.p50), unit: 'ms' },
    { name: 'p95 at full load', value: of(gateway, (turn) => turn.latency.p95), unit: 'ms' },
    { name: 'p99 at full load', value: of(gateway, (turn) => turn.latency.p99), unit: 'ms' },
    { name: 'peak memory of our process', value: peak, unit: 'MB' },
    {
      name: 'load generator at most, of one processor',
      value: Math.max(...[...turns.values()].flat().map(({ busy }) => busy)),
    },
  ];
}
