/**
 * The primary of a cluster whose workers have spools. Arguments: the directory of the spools, how many workers, how many
 * requests each appends. It prints a line of JSON for each worker that is ready: its pid. Ends, with its workers, when its
 * standard input does.
 */
import cluster from 'node:cluster';
import { openSpool } from '../../../../src/storage/disk/spool/spool.ts';
import { appendEach, logInto, requests } from './spool-place.ts';

const [directory = '', workers = '2', count = '1'] = process.argv.slice(2);
if (cluster.isPrimary) {
  for (let worker = 0; worker < Number(workers); worker++) cluster.fork();
  cluster.on('message', (_, pid) => console.log(JSON.stringify(pid)));
  process.stdin.resume().on('end', () => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL');
    process.exit();
  });
} else {
  const spool = await openSpool({ directory, maxBytes: 1024 ** 3, logger: logInto([]), scanMs: 3_600_000 });
  await appendEach(spool, requests(Number(count)));
  process.send?.(process.pid);
  // Nothing of a spool keeps a process alive; the channel to the primary does.
}
