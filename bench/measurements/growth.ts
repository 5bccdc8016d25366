/** How cost grows: with the size of a body, the events in it, and the connections. */
import type { Figure, Measurement } from '../measurement.ts';
import { startGateway } from '../rivals/rival.ts';
import { type Turn, type TurnOptions, takeTurn } from '../turn.ts';

/** What is measured, and how many requests a second to prepare for it at most. */
const SERIES: readonly (readonly [name: string, options: TurnOptions])[] = [
  ...[1, 4, 16, 64].map((kib) => {
    const bodies = { kind: 'stripe', bytes: kib * 1024 } as const;
    return [`body of ${kib} KiB`, { bodies, prepare: 24_000 / kib ** 0.75 }] as const;
  }),
  ...[1, 10, 100, 1_000].map((statuses) => {
    const bodies = { kind: 'whatsapp-statuses', statuses } as const;
    return [`body with ${statuses} statuses`, { bodies, prepare: 24_000 / statuses ** 0.75 }] as const;
  }),
  ...[1, 8, 64, 256, 1_000].map((connections) => [`${connections} connections`, { connections }] as const),
];

export const growth: Measurement = async (bench) => {
  const gateway = await startGateway(await bench.servers.stores('gateway'));
  try {
    await takeTurn(bench, gateway);
    const figures: Figure[] = [];
    for (const [name, options] of SERIES) {
      const turn = await takeTurn(bench, gateway, { seconds: Math.min(bench.seconds, 2), ...options });
      figures.push({ name, value: turn.perSecond, unit: '/s', note: costs(turn) });
      bench.log(`${name.padEnd(28)} ${Math.round(turn.perSecond)}/s, ${costs(turn)}`);
    }
    return figures;
  } finally {
    await gateway.close();
  }
};

function costs({ cpu, postgresCpu, wal, latency }: Turn): string {
  return `CPU ${cpu.toFixed(0)} us, PostgreSQL ${postgresCpu.toFixed(0)} us, WAL ${wal.toFixed(0)} B, p50 ${latency.p50.toFixed(1)} ms, p99 ${latency.p99.toFixed(1)} ms`;
}
