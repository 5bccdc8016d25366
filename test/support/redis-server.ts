/** A redis-server of one's own, with everything that can be done to it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { atExit } from './at-exit.ts';
import { freePort } from './free-port.ts';

/** True if there is a redis-server on the PATH. */
export const redisServerAvailable = spawnSync('redis-server', ['--version']).status === 0;

export interface RedisServerOptions {
  /** Further arguments, for instance `['--maxmemory', '2mb']`. */
  readonly args?: readonly string[];
}

/** Starts a server without persistence on a free port of 127.0.0.1; it answers when the promise resolves. */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = new RedisServer(await freePort(), await mkdtemp(join(tmpdir(), 'redis-test-')), options.args ?? []);
  await server.start();
  return server;
}

export class RedisServer {
  readonly port: number;
  /** Its working directory; `SAVE` writes `dump.rdb` here and a start reads it. */
  readonly dir: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;

  constructor(port: number, dir: string, args: readonly string[]) {
    this.port = port;
    this.dir = dir;
    this.#args = args;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it, again on the same port and directory if it ran before. */
  async start(): Promise<void> {
    if (this.#child !== undefined) return;
    const child = spawn(
      'redis-server',
      ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.dir, '--save', '', ...this.#args],
      { stdio: 'ignore' },
    );
    this.#child = child;
    child.once(
      'exit',
      atExit(() => child.kill('SIGKILL')),
    );
    for (;;) {
      if (child.exitCode !== null) throw new Error(`redis-server ended at once with code ${child.exitCode}`);
      // A server that wants a password is up as well.
      const answer = await this.cli('PING').catch((error: Error) => error.message);
      if (answer === 'PONG' || answer.startsWith('NOAUTH')) return;
      await sleep(10);
    }
  }

  /** Runs one command on a connection of its own and resolves to the reply as text; lists are joined by newlines. */
  async cli(...[command = 'PING', ...args]: string[]): Promise<string> {
    const client = new Redis(this.port, '127.0.0.1', {
      protocol: 2,
      lazyConnect: true,
      retryStrategy: null,
      enableReadyCheck: false,
      disableClientInfo: true,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const reply = await client.call(command, ...args);
      return Array.isArray(reply) ? reply.join('\n') : String(reply);
    } finally {
      client.disconnect();
    }
  }

  /** Freezes the process: connections are accepted by the kernel, nothing is answered. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Ends it in the orderly way. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Ends it and removes its directory. Idempotent. */
  async destroy(): Promise<void> {
    await this.kill();
    await rm(this.dir, { recursive: true, force: true });
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }
}
