/** Watches connections arrive, so that a stop can tell when everything that came before it has been taken in. */
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds between two looks. Counted in looks and not in time: on a busy machine one turn of the loop can take long. */
const STEP_MS = 10;
/** Looks in a row without a new connection after which none is waiting in the kernel. */
const QUIET_STEPS = 10;
/** Looks that a stop takes at most: for the last connection, and again for the first request of each. */
const MAX_STEPS = 100;

export interface Arrivals {
  /**
   * Resolves when no connection has come for a moment: the kernel accepts connections before Node takes them from it, a
   * few in each turn of the event loop, and closing the listener would reset those in between.
   */
  connectionsTaken(): Promise<void>;
  /** Resolves when each connection has delivered its first request: what has arrived is not always read yet. */
  requestsRead(): Promise<void>;
}

export function watchArrivals(server: Server): Arrivals {
  const silent = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections++;
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });
  server.on('request', ({ socket }: IncomingMessage) => silent.delete(socket));
  return {
    async connectionsTaken() {
      for (let step = 0, quiet = 0; step < MAX_STEPS && quiet < QUIET_STEPS; step++) {
        const before = connections;
        await sleep(STEP_MS);
        quiet = connections === before ? quiet + 1 : 0;
      }
    },
    async requestsRead() {
      for (let step = 0; step < MAX_STEPS && silent.size > 0; step++) await sleep(STEP_MS);
    },
  };
}
