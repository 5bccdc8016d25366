/** The least that a receiver can be, as a process of its own: it reads a body, notes the `webhook-id`, and answers 204. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What `Receiver` asks for. */
export type ReceiverOrder =
  /** Forget what came, and tell when so many have come. */
  { readonly kind: 'expect'; readonly requests: number } | { readonly kind: 'tell' };

export interface Received {
  readonly requests: number;
  /** Distinct values of `webhook-id`. */
  readonly ids: number;
  /** Of all bodies together. */
  readonly bytes: number;
  /** From the first request to the last. */
  readonly seconds: number;
  /** Milliseconds since 1970 at which each `webhook-id` had been read for the first time. */
  readonly times: readonly (readonly [id: string, at: number])[];
}

let expected = Number.POSITIVE_INFINITY;
let requests = 0;
let bytes = 0;
let first = 0;
let last = 0;
let times = new Map<string, number>();

const server = createServer((request, response) => {
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  request.on('end', () => {
    last = performance.now();
    if (requests++ === 0) first = last;
    const id = String(request.headers['webhook-id']);
    if (!times.has(id)) times.set(id, last);
    response.writeHead(204).end();
    if (requests === expected) process.send?.({ kind: 'arrived' });
  });
});

process.on('message', (order: ReceiverOrder) => {
  if (order.kind === 'expect') {
    expected = order.requests;
    [requests, bytes, first, last, times] = [0, 0, 0, 0, new Map()];
    process.send?.({ kind: 'ready' });
  } else {
    const since1970 = [...times].map(([id, at]) => [id, performance.timeOrigin + at] as const);
    const received: Received = { requests, ids: times.size, bytes, seconds: (last - first) / 1000, times: since1970 };
    process.send?.({ kind: 'told', received });
  }
});
process.on('disconnect', () => process.exit(0));

server.listen(0, '127.0.0.1', () => {
  process.send?.({ kind: 'listening', port: (server.address() as AddressInfo).port });
});
