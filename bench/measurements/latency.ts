/** How long answers take at half of the gateway's own maximum, when requests come on time whatever happens (an open loop). */
import { type Measurement, median } from '../measurement.ts';
import { startGateway, startRival } from '../rivals/rival.ts';
import { takeTurn } from '../turn.ts';

/** Milliseconds below which nobody asks how many times slower it is than an empty server. */
const GOOD_ENOUGH = 25;

export const latency: Measurement = async (bench) => {
  const { servers, rounds, log } = bench;
  const gateway = await startGateway(await servers.stores('gateway'));
  const bare = await startRival('(c) bare Fastify', 'bare-fastify.ts', await servers.stores('none'));
  try {
    for (const rival of [gateway, bare]) await takeTurn(bench, rival, { seconds: 3 });
    bench.known.gatewayRate ??= (await takeTurn(bench, gateway)).perSecond;
    const rate = bench.known.gatewayRate / 2;
    const p99 = { gateway: [] as number[], bare: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      for (const [name, rival] of [
        ['gateway', gateway],
        ['bare', bare],
      ] as const) {
        const turn = await takeTurn(bench, rival, { rate, prepare: rate * 1.1 });
        p99[name].push(turn.latency.p99);
        const { p50, p95, p99: last } = turn.latency;
        log(
          `${rival.name.padEnd(16)} at ${Math.round(rate)}/s: p50 ${p50.toFixed(2)}, p95 ${p95.toFixed(2)}, p99 ${last.toFixed(2)} ms`,
        );
      }
    }
    const ours = median(p99.gateway);
    const theirs = median(p99.bare);
    return [
      {
        name: 'p99 at half of the maximum',
        value: ours,
        unit: 'ms',
        required: Math.max(10 * theirs, GOOD_ENOUGH),
        aim: 4 * theirs,
        better: 'lower',
      },
      { name: '  over that of (c)', value: ours / theirs },
    ];
  } finally {
    await gateway.close();
    await bare.close();
  }
};
