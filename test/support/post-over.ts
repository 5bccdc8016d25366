/** Posts a webhook over a connection of the caller's choice. `fetch` would hide what becomes of connections. */
import { type Agent, type ClientRequest, request } from 'node:http';
import type { Webhook } from './webhooks.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Milliseconds that the sender waits, about as long as providers do. */
const PATIENCE = 20_000;

/**
 * Resolves to the answer, or to the fault of the connection in words.
 *
 * @param agent keeps connections; false opens one for this webhook alone
 */
export function postOver(url: string, { provider, body, headers }: Webhook, agent: Agent | false) {
  return new Promise<HttpAnswer | string>((resolve) => {
    const options = {
      method: 'POST',
      agent,
      headers: { ...headers, 'content-length': body.length },
      timeout: PATIENCE,
    };
    const outgoing: ClientRequest = request(`${url}/webhooks/${provider}`, options, (response) => {
      response.on('error', (error) => resolve(`answer cut: ${error.message}`));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers }));
      response.resume();
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 20 s')));
    outgoing.on('error', (error) =>
      resolve(`${error.message}${outgoing.reusedSocket ? ', on a kept connection' : ''}`),
    );
    outgoing.end(body);
  });
}
