/** Resident memory over five minutes at half of the maximum. */
import type { Measurement } from '../measurement.ts';
import { memoryOf } from '../processes.ts';
import { startGateway } from '../rivals/rival.ts';
import { takeTurn } from '../turn.ts';

const MINUTES = 5;
/** Seconds of load between two readings; bodies are made for one slice at a time. */
const SLICE = 15;

export const memory: Measurement = async (bench) => {
  const gateway = await startGateway(await bench.servers.stores('gateway'));
  try {
    bench.known.gatewayRate ??= (await takeTurn(bench, gateway)).perSecond;
    const rate = bench.known.gatewayRate / 2;
    const minutes: number[] = [];
    for (let minute = 1; minute <= MINUTES; minute++) {
      const readings: number[] = [];
      for (let slice = 0; slice < 60 / SLICE; slice++) {
        await takeTurn(bench, gateway, { rate, seconds: SLICE, prepare: rate * 1.1 });
        readings.push(memoryOf(gateway.pid).resident);
      }
      minutes.push(Math.max(...readings));
      bench.log(`minute ${minute}: ${minutes.at(-1)?.toFixed(0)} MB at most, at ${Math.round(rate)} webhooks/s`);
    }
    const [first = Number.NaN] = minutes;
    const last = minutes.at(-1) ?? Number.NaN;
    return [
      { name: 'resident memory after 5 minutes', value: last, unit: 'MB' },
      {
        name: '  growth over minute 1',
        value: (last / first - 1) * 100,
        unit: '%',
        required: 10,
        aim: 0,
        better: 'lower',
      },
    ];
  } finally {
    await gateway.close();
  }
};
