/** A process with a dispatch worker, for tests that kill one. Argument: the URL of the database. Ends with its standard input. */
import pino from 'pino';
import { createDispatchWorker } from '../../src/workers/dispatch-worker.ts';
import { openDispatch } from '../support/dispatch.ts';

const place = openDispatch(process.argv[2] ?? '');
const worker = createDispatchWorker({
  ...place.options,
  signals: { notify: () => undefined, listen: () => ({ close: async () => undefined }) },
  logger: pino({ level: 'silent' }),
  pollMs: 10,
});
worker.start();
process.stdin.resume().once('end', async () => {
  await worker.close();
  await place.close();
});
