/** Asks for the id once more: what is erased does not come back. */
import { createInterface } from 'node:readline/promises';
import { StartupError } from '../../core/errors.ts';

/** @throws StartupError where nobody can be asked */
export function refuseWithoutConsent(input: { readonly isTTY?: boolean }): void {
  if (input.isTTY === true) return;
  throw new StartupError('There is no terminal to ask on: add --yes, or --dry-run to see what would go.');
}

/** @throws StartupError if something else is typed; the signal's reason, once it is aborted */
export async function confirm(
  subject: string,
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
  signal: AbortSignal,
): Promise<void> {
  const prompt = createInterface({ input, output });
  prompt.on('SIGINT', () => prompt.close());
  const closed = new AbortController();
  prompt.on('close', () => closed.abort());
  try {
    output.write(
      'This erases all that is stored of the person with this id, also under other ids. It cannot be undone.\n',
    );
    const either = AbortSignal.any([signal, closed.signal]);
    const typed = await prompt.question('Type the id once more to go on: ', { signal: either }).catch(() => '');
    if (typed.trim() !== subject) throw new StartupError('That is not the id. Nothing was changed.');
  } finally {
    prompt.close();
  }
}
