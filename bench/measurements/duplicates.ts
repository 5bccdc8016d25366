/** A storm of duplicates: every body is committed already. */
import { type Measurement, median } from '../measurement.ts';
import { startGateway, startRival } from '../rivals/rival.ts';
import { describeTurn, takeTurn } from '../turn.ts';

export const duplicates: Measurement = async (bench) => {
  const { servers, rounds, log } = bench;
  const gateway = await startGateway(await servers.stores('gateway'));
  const bare = await startRival('(c) bare Fastify', 'bare-fastify.ts', await servers.stores('none'));
  try {
    await takeTurn(bench, bare, { seconds: 2 });
    // These stay: all turns below repeat them.
    await takeTurn(bench, gateway, { seconds: 5, prepare: 4_000 });
    await takeTurn(bench, gateway, { seconds: 2, again: true });
    const ratios: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const ours = await takeTurn(bench, gateway, { again: true });
      const theirs = await takeTurn(bench, bare, { again: true });
      log(describeTurn(gateway, ours));
      log(describeTurn(bare, theirs));
      ratios.push(ours.perSecond / theirs.perSecond);
    }
    return [{ name: 'storm of duplicates: over (c)', value: median(ratios), required: 0.4, aim: 0.7 }];
  } finally {
    await gateway.close();
    await bare.close();
  }
};
