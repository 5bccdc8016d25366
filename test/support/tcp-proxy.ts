/** A TCP proxy on a free port of 127.0.0.1 that can be slow, fall silent, cut its connections, or keep answers back. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Starts a proxy to the given port of 127.0.0.1 that at first only passes on. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const server = createServer({ noDelay: true });
  const proxy = new TcpProxy(server, targetPort);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return proxy;
}

/**
 * Told every chunk that a client sends. `sent`: the chunk is passed on and the connection reset at once. `answered`: what the
 * server says next is swallowed, and the connection reset then. Either way the client cannot know what became of it.
 */
export type CutAfter = (chunk: Buffer) => 'sent' | 'answered' | null;

export class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #delayMs = 0;
  #stalled = false;
  #cutAfter: CutAfter = () => null;
  /** What waits for the end of the stall. */
  #held: (() => void)[] = [];
  /** Connections accepted so far. */
  accepted = 0;

  constructor(server: Server, targetPort: number) {
    this.#server = server;
    server.on('connection', (client) => {
      this.accepted += 1;
      const target = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
      let swallow = false;
      this.#link(client, target, (chunk) => {
        const cut = this.#cutAfter(chunk);
        swallow ||= cut === 'answered';
        target.write(chunk, () => cut === 'sent' && client.resetAndDestroy());
      });
      this.#link(target, client, (chunk) => {
        if (swallow) client.resetAndDestroy();
        else client.write(chunk);
      });
    });
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Connections that clients hold open now. */
  get open(): number {
    return this.#sockets.size / 2;
  }

  /** Every byte arrives that much later, each way; 0 ends it. */
  delay(milliseconds: number): void {
    this.#delayMs = milliseconds;
  }

  /** From now on connections are accepted and bytes swallowed up, until `resume` passes them on. */
  stall(): void {
    this.#stalled = true;
  }

  resume(): void {
    this.#stalled = false;
    const held = this.#held;
    this.#held = [];
    for (const release of held) release();
  }

  /** Resets the connections there are; new ones are welcome. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Which connections are cut in mid-request from now on. */
  cutAfter(decide: CutAfter): void {
    this.#cutAfter = decide;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.resume();
    this.cut();
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }

  #link(from: Socket, to: Socket, pass: (chunk: Buffer) => void): void {
    this.#sockets.add(from);
    let previous = Promise.resolve();
    const inOrder = (deliver: () => void): void => {
      const delayed = this.#delayMs > 0 ? sleep(this.#delayMs) : undefined;
      const before = previous;
      previous = (async () => {
        await before;
        await delayed;
        if (this.#stalled) await new Promise<void>((release) => this.#held.push(release));
        deliver();
      })();
    };
    from.on('data', (chunk) => inOrder(() => pass(chunk)));
    from.on('end', () => inOrder(() => to.end()));
    from.on('error', () => undefined);
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
