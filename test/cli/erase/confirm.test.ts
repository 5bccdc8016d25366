import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { confirm, refuseWithoutConsent } from '../../../src/cli/erase/confirm.ts';

const never = new AbortController().signal;

function ask(subject: string, answer: string | null, signal = never) {
  const input = new PassThrough();
  const output = new PassThrough();
  const asked = confirm(subject, input, output, signal);
  if (answer !== null) input.end(answer);
  return { asked, said: () => String(output.read()) };
}

it('goes on when the id is typed once more', async () => {
  const { asked, said } = ask('DE.1', 'DE.1\n');
  await asked;
  expect(said()).toMatch(/cannot be undone[\s\S]*Type the id once more/);
});

it.each(['DE.2\n', 'yes\n', '\n', ''])('changes nothing when %j is typed', async (answer) => {
  await expect(ask('DE.1', answer).asked).rejects.toThrow('That is not the id. Nothing was changed.');
});

it('changes nothing when it is stopped while it asks', async () => {
  const stop = new AbortController();
  const { asked } = ask('DE.1', null, stop.signal);
  stop.abort();
  await expect(asked).rejects.toThrow('Nothing was changed.');
});

it('does not ask where nobody can answer', () => {
  expect(() => refuseWithoutConsent({})).toThrow('--yes');
  refuseWithoutConsent({ isTTY: true });
});
