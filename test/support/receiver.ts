/** A receiver of deliveries: a real HTTP server on 127.0.0.1 that answers as it is told, well or badly. */
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface ReceivedDelivery {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** How a request is answered; called when its body has been read. */
export type Behaviour = (response: ServerResponse, delivery: ReceivedDelivery) => unknown;

export interface Receiver {
  /** With a path and without a slash at its end. */
  readonly url: string;
  readonly port: number;
  /** In the order in which they had been read. */
  readonly received: readonly ReceivedDelivery[];
  /** Connections accepted so far, and those open now. */
  connections(): number;
  open(): number;
  /** From the next request on. */
  behave(behaviour: Behaviour): void;
  /** Cuts what is open. Idempotent. */
  close(): Promise<void>;
}

export interface ReceiverOptions {
  /** Default: `127.0.0.1`. */
  readonly host?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Speaks TLS with this certificate. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** Answers 204 until it is told otherwise. */
export async function startReceiver({
  host = '127.0.0.1',
  port: asked = 0,
  tls,
}: ReceiverOptions = {}): Promise<Receiver> {
  const received: ReceivedDelivery[] = [];
  let behaviour: Behaviour = answer(204);
  const listener: RequestListener = async (request: IncomingMessage, response) => {
    const body = await buffer(request).catch(() => null);
    if (body === null) return;
    const delivery = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body };
    received.push(delivery);
    behaviour(response, delivery);
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  const sockets = new Set<Socket>();
  let accepted = 0;
  server.on('connection', (socket: Socket) => {
    accepted++;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(asked, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const name = host.includes(':') ? `[${host}]` : host;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${name}:${port}/hook`,
    port,
    received,
    connections: () => accepted,
    open: () => sockets.size,
    behave(next) {
      behaviour = next;
    },
    async close() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

export function answer(status: number, headers: OutgoingHttpHeaders = {}, body = ''): Behaviour {
  return (response) => response.writeHead(status, headers).end(body);
}

/** Never says anything. */
export const silence: Behaviour = () => undefined;

/** A status, some of the body, and then nothing more. */
export function stuckAfterHeaders(status: number): Behaviour {
  return (response) => response.writeHead(status, { 'content-length': '1000' }).write('the beginning');
}

/** Cuts the connection before it has said anything. */
export const cut: Behaviour = (response) => response.destroy();

/** Cuts it in the middle of the body. */
export function cutAfterHeaders(status: number): Behaviour {
  return (response) => {
    response.writeHead(status, { 'content-length': '1000' });
    response.write('the beginning', () => response.destroy());
  };
}

/** A body that never ends, as fast as it is read. */
export function endless(status: number): Behaviour {
  return (response) => {
    const chunk = Buffer.alloc(16 * 1024, 'x');
    const write = () => {
      while (!response.destroyed && response.write(chunk));
    };
    response.writeHead(status).on('drain', write);
    write();
  };
}

/** No HTTP at all. */
export const garbage: Behaviour = (response) => response.socket?.end('SMTP ready\r\n\r\n');
