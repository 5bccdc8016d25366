/** What `listen` signs with, and what the developer's program checks with. */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { StartupError } from '../../../core/errors.ts';

/**
 * The same at every start, as long as the key of the API is: nothing has to be copied twice. It does not tell the key.
 * In the form of Standard Webhooks, which those who take any text (Stripe's library, WhatsApp's signature) take too.
 */
export function derivedSecret(apiKey: string): string {
  return `whsec_${createHmac('sha256', apiKey).update('webhook-gateway listen').digest('base64')}`;
}

/** @throws StartupError if there is none */
export function secretIn(file: string): string {
  try {
    const secret = readFileSync(file, 'utf8').trim();
    if (secret !== '') return secret;
  } catch (error) {
    throw new StartupError(
      `${file} cannot be read (${(error as NodeJS.ErrnoException).code}): name a file that holds a secret.`,
    );
  }
  throw new StartupError(`${file} is empty: put a signing secret into it.`);
}
