/** Two gateway processes on one database, PostgreSQL on the same processors. */
import { Load } from '../load/load.ts';
import { type Measurement, median } from '../measurement.ts';
import { startGateway } from '../rivals/rival.ts';
import { BODY_BYTES, CONNECTIONS } from '../settings.ts';
import { takeTurn } from '../turn.ts';

export const processes: Measurement = async (bench) => {
  const { servers, rounds, seconds, topRate, load, log } = bench;
  const stores = await servers.stores('gateway');
  const [first, second] = [await startGateway(stores), await startGateway(stores)];
  const other = new Load();
  const half = async (by: Load, port: number) => {
    const { answered, seconds: took } = await by.run({ port, connections: CONNECTIONS / 2, seconds });
    return answered / took;
  };
  try {
    for (const gateway of [first, second]) await takeTurn(bench, gateway, { seconds: 2 });
    const ratios: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const alone = (await takeTurn(bench, first)).perSecond;
      const bodies = { kind: 'stripe', bytes: BODY_BYTES, count: (seconds * topRate) / 2 } as const;
      await Promise.all([load.prepare(bodies), other.prepare(bodies)]);
      await servers.checkpoint();
      const rates = await Promise.all([half(load, first.port), half(other, second.port)]);
      const together = rates[0] + rates[1];
      log(`one process ${Math.round(alone)}/s, two ${Math.round(together)}/s`);
      ratios.push(together / alone);
    }
    return [{ name: 'two processes over one', value: median(ratios) }];
  } finally {
    other.close();
    await first.close();
    await second.close();
  }
};
