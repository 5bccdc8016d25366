/** Whole webhook bodies to replay: the project's own fixtures, and those of the folder that CORPUS_DIR names. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WebhookProviderName } from '../../src/core/event.ts';

export interface CorpusBody {
  /** `stripe/some-file.json`, with `corpus:` before it if it is not the project's own. */
  readonly name: string;
  readonly provider: WebhookProviderName;
  readonly body: Buffer;
}

const FIXTURES = fileURLToPath(new URL('../fixtures', import.meta.url));

/** A folder has the sub-folders `stripe` and `whatsapp`; every `.json` file in them is one body. */
export function corpus(): CorpusBody[] {
  const folder = process.env['CORPUS_DIR'];
  const own = bodiesOf(FIXTURES, '');
  return folder === undefined ? own : [...own, ...bodiesOf(folder, 'corpus:')];
}

function bodiesOf(folder: string, prefix: string): CorpusBody[] {
  return (['stripe', 'whatsapp'] as const).flatMap((provider) => {
    const directory = join(folder, provider);
    if (!existsSync(directory)) return [];
    const files = readdirSync(directory).filter((file) => file.endsWith('.json'));
    return files.sort().map((file) => {
      return { name: `${prefix}${provider}/${file}`, provider, body: readFileSync(join(directory, file)) };
    });
  });
}
