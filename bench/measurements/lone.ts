/** A lone request: what it costs to wait for a batch of one, against one insert through Prisma. */
import { once } from 'node:events';
import { type Measurement, median } from '../measurement.ts';
import { startGateway, startRival } from '../rivals/rival.ts';
import { takeTurn } from '../turn.ts';

const LONE_RATE = 3_000;

export const lone: Measurement = async (bench) => {
  const { servers, rounds, seconds, log } = bench;
  const gateway = await startGateway(await servers.stores('gateway'));
  const insert = await startRival('one insert', 'prisma-insert.ts', await servers.stores('tutorial'));
  const insertMedian = async (): Promise<number> => {
    insert.child.send({ seconds });
    const [{ median: milliseconds }] = (await once(insert.child, 'message')) as [{ median: number }];
    return milliseconds;
  };
  const request = () => takeTurn(bench, gateway, { connections: 1, prepare: LONE_RATE });
  try {
    await request();
    await insertMedian();
    const ratios: number[] = [];
    const medians: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const ours = (await request()).latency.p50;
      const theirs = await insertMedian();
      log(`lone request: p50 ${ours.toFixed(2)} ms; one insert through Prisma: ${theirs.toFixed(2)} ms`);
      ratios.push(ours / theirs);
      medians.push(ours);
    }
    return [
      { name: 'p50 of a lone request', value: median(medians), unit: 'ms' },
      { name: '  over one insert through Prisma', value: median(ratios), required: 1.5, aim: 1, better: 'lower' },
    ];
  } finally {
    await gateway.close();
    await insert.close();
  }
};
