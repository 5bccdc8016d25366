/** A receiver of deliveries as a process of its own, which takes down what comes and when. */
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerOrders } from './asked-process.ts';

/** What `startReceiving` asks. */
export type ReceivingOrder =
  /** `answerWithinMs`: each answer comes after a random time up to that. Answers with the port, the same at every start. */
  | { readonly kind: 'start'; readonly answerWithinMs: number }
  /** Cuts what is open, and refuses connections. */
  | { readonly kind: 'stop' }
  /** Answers with the number of requests so far. */
  | { readonly kind: 'count' }
  | { readonly kind: 'receipts' };

/** A delivery that had been read and was about to be answered 200. */
export interface Receipt {
  /** Of the URL. */
  readonly path: string;
  readonly webhookId: string;
  /** Of the envelope. */
  readonly eventId: string;
  /** SHA-256 of the body, hex. */
  readonly sha256: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** When its connection ended; null while that is open. */
  readonly connectionEndedAt: number | null;
}

interface Taken extends Omit<Receipt, 'connectionEndedAt'> {
  readonly socket: Socket;
}

const taken: Taken[] = [];
const ended = new WeakMap<Socket, number>();

const sockets = new Set<Socket>();
let server: Server | undefined;
let port = 0;

async function start(answerWithinMs: number): Promise<number> {
  server = createServer(async (request, response) => {
    const { socket } = request;
    const body = await buffer(request).catch(() => null);
    if (body === null) return;
    const at = Date.now();
    const { id } = JSON.parse(body.toString()) as { id: string };
    const webhookId = String(request.headers['webhook-id']);
    taken.push({ path: request.url ?? '', webhookId, eventId: id, sha256: hash('sha256', body), at, socket });
    if (answerWithinMs > 0) await sleep(Math.random() * answerWithinMs);
    response.writeHead(200).end('ok');
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      sockets.delete(socket);
      ended.set(socket, Date.now());
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  return port;
}

async function stop(): Promise<void> {
  server?.close();
  for (const socket of sockets) socket.destroy();
}

answerOrders(async (order: ReceivingOrder) => {
  if (order.kind === 'start') return start(order.answerWithinMs);
  if (order.kind === 'stop') return stop();
  if (order.kind === 'count') return taken.length;
  return taken.map(({ socket, ...receipt }) => ({ ...receipt, connectionEndedAt: ended.get(socket) ?? null }));
});
