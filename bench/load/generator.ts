/**
 * The load: a process of its own with raw sockets, one request at a time on each, no HTTP client in between. Requests are
 * made and signed before the clock starts, so that a webhook costs the sender a write, a read and two clock readings.
 */
import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { type Bodies, makeRequests } from './requests.ts';

/** What `Load` asks for. */
export type Order =
  | { readonly kind: 'prepare'; readonly bodies: Bodies }
  | {
      readonly kind: 'run';
      readonly port: number;
      readonly connections: number;
      readonly seconds: number;
      /** Requests a second, sent on time whether the ones before have been answered or not. Without: as fast as answers come. */
      readonly rate?: number | undefined;
      /** Begin again with the first request after the last. Without, the run ends with the last one. */
      readonly cycle?: boolean | undefined;
    };

export interface RunResult {
  /** Answered 200. */
  readonly answered: number;
  /** Other answers by status, and broken connections. */
  readonly failures: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** Milliseconds; of an open loop from the moment at which the request was due. */
  readonly latency: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number };
  /** Share of one processor that this process used: near 1 it was itself the limit. */
  readonly busy: number;
}

let requests: readonly Buffer[] = [];
let next = 0;

process.on('message', (order: Order) => {
  if (order.kind === 'prepare') {
    requests = makeRequests(order.bodies);
    next = 0;
    process.send?.({ ok: true });
    return;
  }
  run(order).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));

interface Connection {
  readonly socket: Socket;
  /** When the request under way was due. */
  dueAt: number;
  busy: boolean;
  pending: Buffer | null;
}

async function run(order: Extract<Order, { kind: 'run' }>): Promise<RunResult> {
  const latencies: number[] = [];
  const failures: Record<string, number> = {};
  const idle: Connection[] = [];
  const connections = await Promise.all(
    Array.from({ length: order.connections }, async (): Promise<Connection> => {
      const socket = await opened(order.port);
      return { socket, dueAt: 0, busy: false, pending: null };
    }),
  );
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const endAt = startedAt + order.seconds * 1000;
  const interval = order.rate === undefined ? 0 : 1000 / order.rate;
  /** When the next request of an open loop is due. */
  let dueAt = startedAt;
  let lastAnswerAt = startedAt;

  return new Promise((resolve) => {
    let underWay = 0;
    let sendingOver = false;
    const finish = () => {
      const cpu = process.cpuUsage(cpuBefore);
      const seconds = (lastAnswerAt - startedAt) / 1000;
      for (const { socket } of connections) socket.removeAllListeners('close').destroy();
      resolve({
        answered: latencies.length,
        failures,
        seconds,
        latency: percentiles(latencies),
        busy: (cpu.user + cpu.system) / 1e6 / seconds,
      });
    };
    const fail = (what: string) => {
      failures[what] = (failures[what] ?? 0) + 1;
    };
    const sendOn = (connection: Connection, due: number): boolean => {
      if (next >= requests.length && order.cycle) next = 0;
      const request = requests[next];
      if (request === undefined) {
        sendingOver = true;
        return false;
      }
      next++;
      connection.dueAt = due;
      connection.busy = true;
      underWay++;
      connection.socket.write(request);
      return true;
    };
    /** A connection has become free. */
    const proceed = (connection: Connection) => {
      const now = performance.now();
      if (now >= endAt) sendingOver = true;
      if (!sendingOver && interval === 0) sendOn(connection, now);
      else if (!sendingOver && dueAt <= now) {
        // A request that no connection was free for: it has been waiting since it was due.
        sendOn(connection, dueAt);
        dueAt += interval;
      } else idle.push(connection);
      if (sendingOver && underWay === 0) finish();
    };
    const answered = (connection: Connection, status: string) => {
      lastAnswerAt = performance.now();
      if (status === '200') latencies.push(lastAnswerAt - connection.dueAt);
      else fail(status);
      connection.busy = false;
      underWay--;
      proceed(connection);
    };
    for (const connection of connections) {
      connection.socket.on('data', (chunk: Buffer) => {
        // An open loop may not need a connection for so long that the server gives it up.
        if (!connection.busy) return;
        const status = readAnswer(connection, chunk);
        if (status !== null) answered(connection, status);
      });
      connection.socket.on('close', () => {
        const unused = idle.indexOf(connection);
        if (unused !== -1) idle.splice(unused, 1);
        if (!connection.busy) return;
        fail('connection lost');
        underWay--;
        if (underWay === 0) finish();
      });
    }
    if (interval === 0) {
      for (const connection of connections) proceed(connection);
      return;
    }
    idle.push(...connections);
    const timer = setInterval(() => {
      const now = performance.now();
      if (now >= endAt) sendingOver = true;
      while (!sendingOver && dueAt <= now) {
        const connection = idle.pop();
        if (connection === undefined) break;
        sendOn(connection, dueAt);
        dueAt += interval;
      }
      if (!sendingOver) return;
      clearInterval(timer);
      if (underWay === 0) finish();
    }, 1);
  });
}

/** The status once the answer is whole; null before. Every server here announces the length of its answers. */
function readAnswer(connection: Connection, chunk: Buffer): string | null {
  const bytes = connection.pending === null ? chunk : Buffer.concat([connection.pending, chunk]);
  const text = bytes.toString('latin1');
  const headEnd = text.indexOf('\r\n\r\n');
  const length = headEnd === -1 ? null : /\r\ncontent-length: (\d+)/i.exec(text);
  if (length === null || bytes.length < headEnd + 4 + Number(length[1])) {
    connection.pending = bytes;
    return null;
  }
  connection.pending = null;
  return text.slice(9, 12);
}

function opened(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('connect', () => {
      socket.off('error', reject);
      socket.on('error', () => undefined);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

function percentiles(values: number[]): RunResult['latency'] {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}
