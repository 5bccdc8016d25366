/** A bare TCP client, for requests that no HTTP library would send. */
import { connect, type Socket } from 'node:net';

export interface RawConnection {
  readonly socket: Socket;
  /** Everything received so far. */
  received(): string;
  write(data: string | Buffer): void;
  /** Resolves to everything received, once the other side has closed. */
  readonly closed: Promise<string>;
}

export function openRaw(baseUrl: string): Promise<RawConnection> {
  const { hostname, port } = new URL(baseUrl);
  const socket = connect(Number(port), hostname);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  const closed = new Promise<string>((resolve) => {
    socket.once('close', () => resolve(text));
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('connect', () =>
      resolve({ socket, received: () => text, write: (data) => void socket.write(data), closed }),
    );
  });
}

/** Head of a POST to the webhook of Stripe. */
export function head(headers: Readonly<Record<string, string | number>>, path = '/webhooks/stripe'): string {
  const lines = Object.entries({ Host: 'test', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** A header of the right form whose signature is wrong. */
export const FALSE_SIGNATURE = `t=${Math.floor(Date.now() / 1000)},v1=${'0'.repeat(64)}`;
