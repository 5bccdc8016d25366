/** What the defaults of BATCH_MAX_REQUESTS and BATCH_FLIGHTS rest on: the same load on gateways with other ones. */
import { type Measurement, median } from '../measurement.ts';
import { type Rival, startGateway } from '../rivals/rival.ts';
import { CONNECTIONS } from '../settings.ts';
import { type Turn, takeTurn } from '../turn.ts';

const SETTINGS = [
  { BATCH_FLIGHTS: '1' },
  { BATCH_FLIGHTS: '2' },
  { BATCH_FLIGHTS: '4' },
  { BATCH_MAX_REQUESTS: '20' },
  { BATCH_MAX_REQUESTS: '500' },
];
/** More than a batch may hold, so that its limit matters. */
const MANY_CONNECTIONS = 4 * CONNECTIONS;

export const batches: Measurement = async (bench) => {
  const stores = await bench.servers.stores('gateway');
  const gateways: (readonly [string, Rival, Turn[]])[] = [];
  try {
    for (const settings of SETTINGS) {
      const name = Object.entries(settings)
        .map(([variable, value]) => `${variable}=${value}`)
        .join(' ');
      const gateway = await startGateway(stores, settings);
      gateways.push([name, gateway, []]);
      await takeTurn(bench, gateway, { connections: MANY_CONNECTIONS });
    }
    for (let round = 0; round < bench.rounds; round++) {
      for (const [name, gateway, turns] of gateways) {
        const turn = await takeTurn(bench, gateway, { connections: MANY_CONNECTIONS });
        bench.log(`${name.padEnd(24)} ${Math.round(turn.perSecond)}/s, p99 ${turn.latency.p99.toFixed(1)} ms`);
        turns.push(turn);
      }
    }
    return gateways.map(([name, , turns]) => ({
      name: `${name}, ${MANY_CONNECTIONS} connections`,
      value: median(turns.map(({ perSecond }) => perSecond)),
      unit: '/s',
      note: `p99 ${median(turns.map(({ latency }) => latency.p99)).toFixed(1)} ms`,
    }));
  } finally {
    for (const [, gateway] of gateways) await gateway.close();
  }
};
