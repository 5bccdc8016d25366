/** The examples of docs/cli.md work, one after the other, as they stand there and as somebody types them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createProgram, everyCommand } from '../src/cli/api/program.ts';
import { type ApiPlace, openApi } from './support/api.ts';
import { bareEnvironment } from './support/daemon.ts';
import { commandEnvironment, GATEWAY_SCRIPT } from './support/gateway-command.ts';
import { fresh, post } from './support/webhooks.ts';

const document = readFileSync(new URL('../docs/cli.md', import.meta.url), 'utf8');
const examples = [...document.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);

/** Not every machine has it. All that the examples ask of it are members. */
const JQ = `#!/usr/bin/env node
const { readFileSync } = require('node:fs');
const path = process.argv.at(-1).split('.').slice(1);
console.log(path.reduce((value, name) => value[name], JSON.parse(readFileSync(0))));
`;

let place: ApiPlace;
let directory: string;
beforeAll(async () => {
  place = await openApi();
  directory = mkdtempSync(join(tmpdir(), 'gateway-docs-'));
  mkdirSync(join(directory, 'bin'));
  // As npm installs it: the built file has to be a program by itself.
  writeFileSync(join(directory, 'bin/jq'), JQ, { mode: 0o755 });
  symlinkSync(GATEWAY_SCRIPT, join(directory, 'bin/webhook-gateway'));
});
afterAll(async () => {
  await place.close();
  rmSync(directory, { recursive: true, force: true });
});

test('docs/cli.md', async () => {
  const invoice = fresh('stripe', 'invoice.paid');
  expect((await post(place.gateway.url, invoice)).accepted).toBe('stored');
  const env = bareEnvironment(commandEnvironment(place.gateway.gateway.apiUrl ?? ''));
  const path = `${join(directory, 'bin')}:${env['PATH']}`;
  const script = ['set -euo pipefail', ...examples].join('\n');
  const shell = spawn('bash', ['-c', script], {
    cwd: directory,
    env: { ...env, PATH: path },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, errors] = await Promise.all([text(shell.stdout), text(shell.stderr), once(shell, 'close')]);
  expect(shell.exitCode, `${output}${errors}`).toBe(0);
  expect(readFileSync(join(directory, 'body.bin')).equals(invoice.body)).toBe(true);
  expect(readFileSync(join(directory, 'secret'), 'utf8')).toMatch(/^whsec_/);
  expect(output).toContain('{"redriven":0}');
});

test('its table names every command', () => {
  const program = createProgram(() => {
    throw new Error('nothing is run here');
  });
  const table = document.slice(document.indexOf('| command'), document.indexOf('## Install'));
  const missing = everyCommand(program).filter((command) => command !== program && !table.includes(command.name()));
  expect(missing).toEqual([]);
});
