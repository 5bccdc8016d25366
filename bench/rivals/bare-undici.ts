/** undici as it comes, posting bodies from memory: nothing is leased, signed, recorded or tried again. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Pool } from 'undici';
import { obey } from './orders.ts';

const { RECEIVER_URL = '', BODIES = '', CONCURRENCY = '' } = process.env;
const { origin, pathname: path } = new URL(RECEIVER_URL);
const pool = new Pool(origin, { connections: Number(CONCURRENCY), pipelining: 1 });
const bodies = (await readFile(BODIES, 'utf8')).split('\n');
let posting: Promise<unknown> = Promise.resolve();

obey({
  async load() {},
  async start() {
    const rest = bodies.values();
    posting = Promise.all(Array.from({ length: Number(CONCURRENCY) }, () => post(rest)));
    posting.catch(() => undefined);
  },
  async settled() {
    await posting;
  },
});

/** One after the other; several take from the same iterator. */
async function post(rest: IterableIterator<string>): Promise<void> {
  for (const content of rest) {
    const headers = { 'content-type': 'application/json', 'webhook-id': `msg_${randomUUID()}` };
    const { statusCode, body } = await pool.request({ path, method: 'POST', headers, body: content });
    await body.dump();
    if (statusCode !== 204) throw new Error(`the receiver answered ${statusCode}`);
  }
}
