/** Keeps track of connections, so that a stop can answer everything that came before it and wait for nothing else. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds between two looks. Counted in looks and not in time: on a busy machine one turn of the loop can take long. */
const STEP_MS = 10;
/** Looks in a row without a new connection after which none is waiting in the kernel. */
const QUIET_STEPS = 10;
/** Looks that a stop takes at most: for the last connection, and again for the first request of each. */
const MAX_STEPS = 100;

export interface Connections {
  /**
   * Resolves when no connection has come for a moment: the kernel accepts connections before Node takes them from it, a
   * few in each turn of the event loop, and closing the listener would reset those in between.
   */
  taken(): Promise<void>;
  /** Resolves when each connection has delivered its first request: what has arrived is not always read yet. */
  heard(): Promise<void>;
  /**
   * Cuts every connection on which no request is under way. Node's own `closeIdleConnections` spares those that never
   * sent a whole request, and after `close` no timeout of Node's ends them.
   */
  cutIdle(): void;
}

export function watchConnections(server: Server): Connections {
  /** Requests under way on each connection; undefined before its first. */
  const underWay = new Map<Socket, number | undefined>();
  let count = 0;
  server.on('connection', (socket: Socket) => {
    count++;
    underWay.set(socket, undefined);
    socket.once('close', () => underWay.delete(socket));
  });
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    underWay.set(socket, (underWay.get(socket) ?? 0) + 1);
    response.once('close', () => {
      if (underWay.has(socket)) underWay.set(socket, (underWay.get(socket) ?? 1) - 1);
    });
  });
  const allHeard = () => [...underWay.values()].every((requests) => requests !== undefined);
  return {
    async taken() {
      for (let step = 0, quiet = 0; step < MAX_STEPS && quiet < QUIET_STEPS; step++) {
        const before = count;
        await sleep(STEP_MS);
        quiet = count === before ? quiet + 1 : 0;
      }
    },
    async heard() {
      for (let step = 0; step < MAX_STEPS && !allHeard(); step++) await sleep(STEP_MS);
    },
    cutIdle() {
      for (const [socket, requests] of underWay) if (!requests) socket.destroy();
    },
  };
}
