/** Bodies with a thousand statuses, as Meta sends them after a campaign, against bodies with one. */
import { type Measurement, median } from '../measurement.ts';
import { startGateway } from '../rivals/rival.ts';
import { takeTurn } from '../turn.ts';

const MANY = 1_000;

export const statuses: Measurement = async (bench) => {
  const { servers, rounds, seconds, log } = bench;
  const gateway = await startGateway(await servers.stores('gateway'));
  const one = { bodies: { kind: 'whatsapp-statuses', statuses: 1 } } as const;
  const many = { bodies: { kind: 'whatsapp-statuses', statuses: MANY }, prepare: 100 } as const;
  try {
    await takeTurn(bench, gateway, { ...one, seconds: 2 });
    await takeTurn(bench, gateway, { ...many, seconds: 2 });
    const ratios: number[] = [];
    const rates: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const single = (await takeTurn(bench, gateway, { ...one, seconds })).perSecond;
      const multiple = (await takeTurn(bench, gateway, { ...many, seconds })).perSecond * MANY;
      log(`one status a body: ${Math.round(single)} events/s; ${MANY}: ${Math.round(multiple)} events/s`);
      ratios.push(multiple / single);
      rates.push(multiple);
    }
    return [
      { name: 'events/s in bodies with 1,000 statuses', value: median(rates) },
      { name: '  over that of one-event bodies', value: median(ratios), required: 3, aim: 8 },
    ];
  } finally {
    await gateway.close();
  }
};
