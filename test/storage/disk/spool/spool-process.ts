/**
 * A process with a spool, for tests that kill one, or run several. Arguments: the directory of the spools, how many
 * requests to append at first, and milliseconds between two looks for dead processes. It prints one line of JSON: the ids
 * that were acknowledged and the counts, and again the counts for each line on its standard input, where `drain` removes
 * everything before and `append` adds for ever, printing each id. Ends with its standard input.
 */
import { createInterface } from 'node:readline';
import { openSpool } from '../../../../src/storage/disk/spool/spool.ts';
import { appendEach, drain, ids, logInto, request, requests } from './spool-place.ts';

const [directory = '', count = '0', scanMs = '3600000'] = process.argv.slice(2);
const spool = await openSpool({ directory, maxBytes: 1024 ** 3, logger: logInto([]), scanMs: Number(scanMs) });
const all = requests(Number(count));
await appendEach(spool, all);
const report = (of: readonly string[]): void => console.log(JSON.stringify({ ids: of, counts: spool.counts() }));
report(ids(all));
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'drain') report(await drain(spool));
  else if (line === 'append') {
    for (;;) {
      const one = request();
      await spool.append(one);
      report([one.id]);
    }
  } else report([]);
}
await spool.close();
