/** How near the gateway is to what its parts allow: the least that a durable receiver can do with them, in turn with it. */
import { type Figure, type Measurement, median } from '../measurement.ts';
import { type Rival, startGateway, startRival } from '../rivals/rival.ts';
import { describeTurn, type Turn, takeTurn } from '../turn.ts';

const WARM_UP_SECONDS = 6;

export const limit: Measurement = async (bench) => {
  const { servers, rounds, log } = bench;
  const rivals: Rival[] = [
    await startGateway(await servers.stores('gateway_limit')),
    await startRival('(e) the least', 'least.ts', await servers.stores('least')),
    await startRival('(a) tutorial', 'tutorial.ts', await servers.stores('tutorial_limit')),
  ];
  const turns = new Map<Rival, Turn[]>(rivals.map((rival) => [rival, []]));
  try {
    for (const rival of rivals) await takeTurn(bench, rival, { seconds: WARM_UP_SECONDS });
    for (let round = 0; round < rounds; round++) {
      for (const rival of rivals) {
        const turn = await takeTurn(bench, rival);
        turns.get(rival)?.push(turn);
        log(describeTurn(rival, turn));
      }
    }
  } finally {
    for (const rival of rivals) await rival.close();
  }
  const of = (index: number, value: (turn: Turn) => number) =>
    median([...turns.values()][index]?.map((turn) => value(turn)) ?? []);
  const rate = (turn: Turn) => turn.perSecond;
  const cpu = (turn: Turn) => turn.cpu;
  const figures: Figure[] = [
    { name: 'webhooks/s of the gateway over the least', value: of(0, rate) / of(1, rate) },
    { name: 'webhooks/s of the least over (a) tutorial', value: of(1, rate) / of(2, rate) },
    { name: 'CPU for a webhook: of (a) over the least’s', value: of(2, cpu) / of(1, cpu) },
  ];
  return figures;
};
