/** Commands whose standard output is a full disk, or read by somebody who leaves. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, expect, test } from 'vitest';
import { atExit } from '../support/at-exit.ts';
import { bareEnvironment, DAEMON_SCRIPT, openTempDirectory } from '../support/daemon.ts';

const FULL = '/dev/full';
const scriptOf = (name: string) => join(dirname(DAEMON_SCRIPT), 'cli', `${name}.js`);

const home = openTempDirectory('gateway-command-');
afterAll(() => rmSync(home, { recursive: true, force: true }));

function start(name: string, args: readonly string[], stdout: number | 'pipe'): ChildProcess {
  const child = spawn(process.execPath, [scriptOf(name), ...args], {
    cwd: home,
    env: bareEnvironment({ DATA_DIR: 'data' }),
    stdio: ['ignore', stdout, 'pipe'],
  });
  child.once(
    'exit',
    atExit(() => child.kill('SIGKILL')),
  );
  return child;
}

async function endOf(child: ChildProcess): Promise<readonly [number | null, string]> {
  const [said] = await Promise.all([child.stderr === null ? '' : text(child.stderr), once(child, 'close')]);
  return [child.exitCode, said];
}

test.skipIf(!existsSync(FULL)).each([
  ['gateway', ['--help']],
  // A failing doctor says nothing on standard error by itself, and needs no database to do so.
  ['doctor', ['--json']],
] as const)('%s says in one line that its output cannot be written, and fails', async (name, args) => {
  const full = openSync(FULL, 'w');
  try {
    expect(await endOf(start(name, args, full))).toEqual([
      1,
      'Standard output cannot be written: ENOSPC: no space left on device, write\n',
    ]);
  } finally {
    closeSync(full);
  }
});

test('webhook-gateway ends silently when nobody reads its output any more', async () => {
  const child = start('gateway', ['--help'], 'pipe');
  child.stdout?.destroy();
  expect(await endOf(child)).toEqual([0, '']);
});
