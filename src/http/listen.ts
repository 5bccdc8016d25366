/** Opens a port, and says what to do where that fails. */
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { StartupError } from '../core/errors.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Name of the variable that sets the port, for the error. */
  readonly variable: string;
}

/**
 * @returns the base URL as a client on this machine would write it
 * @throws StartupError if the port is taken or may not be opened
 */
export async function listen(app: FastifyInstance, { host, port, variable }: ListenOptions): Promise<string> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A kernel without IPv6 has no `::`; every interface is then `0.0.0.0`.
    if (code === 'EAFNOSUPPORT' && host === '::') return listen(app, { host: '0.0.0.0', port, variable });
    throw new StartupError(advice(code, host, port, variable));
  }
  const { address, family, port: opened } = app.server.address() as AddressInfo;
  if (address === '::' || address === '0.0.0.0') return `http://127.0.0.1:${opened}`;
  return family === 'IPv6' ? `http://[${address}]:${opened}` : `http://${address}:${opened}`;
}

function advice(code: string | undefined, host: string, port: number, variable: string): string {
  if (code === 'EADDRINUSE')
    return `${variable}: port ${port} is taken. Stop what uses it, or set ${variable} to another.`;
  if (code === 'EACCES')
    return `${variable}: port ${port} may not be opened by this user. Set ${variable} to one above 1023.`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `HOST: ${host} is no address of this machine.`;
  return `${variable}: port ${port} on ${host} cannot be opened (${code}).`;
}
