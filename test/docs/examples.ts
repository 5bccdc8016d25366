/** The shell examples of a page of docs/, run one after the other, as they stand there. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { expect } from 'vitest';
import { bareEnvironment } from '../support/daemon.ts';

export interface Examples {
  /** The first block: where the API is, and the key. Not run, since a test has its own. */
  readonly settings: string;
  readonly blocks: readonly string[];
}

export function readExamples(page: string): Examples {
  const document = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  const [settings = '', ...blocks] = [...document.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  return { settings, blocks };
}

/** All in one shell, the first that fails ends it, and the test. @returns what they printed */
export async function runExamples(
  { blocks }: Examples,
  cwd: string,
  variables: Readonly<Record<string, string>>,
): Promise<string> {
  const script = ['set -euo pipefail', ...blocks].join('\n');
  const shell = spawn('bash', ['-c', script], {
    cwd,
    env: bareEnvironment(variables),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, errors] = await Promise.all([text(shell.stdout), text(shell.stderr), once(shell, 'close')]);
  expect([shell.exitCode, errors], output).toEqual([0, '']);
  return output;
}
