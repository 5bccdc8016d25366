/** The receivers of docs/verifying.md as programs: taken out of the page, built where their language wants that, and run. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { atExit } from '../support/at-exit.ts';
import { bareEnvironment } from '../support/daemon.ts';
import { freePort } from '../support/free-port.ts';
import { until } from '../support/until.ts';

export const PAGE = readFileSync(new URL('../../docs/verifying.md', import.meta.url), 'utf8');

const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
/** As a reader of the page may have it. Given on the command line, since the snippet lies outside of any project. */
const TYPE_CHECK = [
  ...['--noEmit', '--strict', '--noUncheckedIndexedAccess', '--skipLibCheck', '--module', 'nodenext'],
  ...['--types', 'node', '--typeRoots', join(MODULES, '@types')],
];

export interface Language {
  /** As its heading on the page. */
  readonly name: string;
  /** Of the snippet's block. */
  readonly fence: string;
  readonly file: string;
  /** Says whether the language is on this machine. */
  readonly probe: readonly string[];
  /** Runs before the first start; whatever it says against the snippet is a fault. */
  readonly prepare?: readonly string[];
  start(port: number): readonly string[];
}

export const LANGUAGES: readonly Language[] = [
  {
    name: 'TypeScript',
    fence: 'ts',
    file: 'receiver.ts',
    probe: [process.execPath, '--version'],
    prepare: [process.execPath, join(MODULES, 'typescript/bin/tsc'), ...TYPE_CHECK, 'receiver.ts'],
    start: () => [process.execPath, '--import', join(MODULES, 'tsx/dist/loader.mjs'), 'receiver.ts'],
  },
  {
    name: 'Python',
    fence: 'python',
    file: 'receiver.py',
    probe: ['python3', '--version'],
    start: () => ['python3', 'receiver.py'],
  },
  {
    name: 'PHP',
    fence: 'php',
    file: 'receiver.php',
    probe: ['php', '--version'],
    // Where errors are displayed, PHP by itself answers 200 to a request that fails.
    start: (port) => ['php', '-d', 'display_errors=1', '-S', `127.0.0.1:${port}`, 'receiver.php'],
  },
  {
    name: 'Go',
    fence: 'go',
    file: 'receiver.go',
    probe: ['go', 'version'],
    // Not `go run`: it would be killed, and what it runs would live on.
    prepare: ['go', 'build', '-o', 'receiver', 'receiver.go'],
    start: () => ['./receiver'],
  },
];

export function isInstalled({ probe: [program = '', ...args] }: Language): boolean {
  return spawnSync(program, args).status === 0;
}

/** A receiver that runs. */
export interface RunningReceiver {
  readonly url: string;
  /** Everything it has printed so far, both streams. */
  output(): string;
}

/** A snippet in a directory of its own. */
export interface Snippet {
  /**
   * Resolves when it listens.
   *
   * @param secrets for WEBHOOK_SECRETS
   * @throws Error with everything it printed if it ends before
   */
  run(secrets: string): Promise<RunningReceiver>;
  /** Ends what runs and removes the directory. */
  dispose(): Promise<void>;
}

/** @throws Error if the page has not one block of that language, or the language's own check or build finds a fault */
export function prepareSnippet({ name, fence, file, prepare, start }: Language): Snippet {
  const blocks = [...PAGE.matchAll(new RegExp(`^### ${name}\n\n\`\`\`${fence}\n([\\s\\S]*?)^\`\`\`$`, 'gm'))];
  const [[, code = ''] = [], ...others] = blocks;
  if (code === '' || others.length > 0) throw new Error(`not one block \`${fence}\` under "${name}"`);
  const directory = mkdtempSync(join(tmpdir(), 'gateway-receiver-'));
  const children = new Set<ChildProcess>();
  const clear = () => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  const disposed = atExit(clear);
  writeFileSync(join(directory, file), code);
  if (prepare !== undefined) {
    const [program = '', ...args] = prepare;
    const { status, stdout, stderr } = spawnSync(program, args, { cwd: directory, env: bareEnvironment({}) });
    if (status !== 0) throw new Error(`${prepare.join(' ')}: ${stdout}${stderr}`);
  }
  return {
    async run(secrets) {
      const port = await freePort();
      const [program = '', ...args] = start(port);
      const env = bareEnvironment({ PORT: String(port), WEBHOOK_SECRETS: secrets });
      const child = spawn(program, args, { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'] });
      children.add(child);
      let printed = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          printed += text;
        });
      }
      const closed = once(child, 'close');
      const ended = () => child.exitCode !== null || child.signalCode !== null;
      await until(`${file} to listen, or to end`, async () => ended() || (await listens(port)));
      if (!ended()) return { url: `http://127.0.0.1:${port}/`, output: () => printed };
      await closed;
      throw new Error(`${file} ended before it listened: ${printed}`);
    },
    async dispose() {
      const running = [...children].filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
      const ends = running.map((child) => once(child, 'exit'));
      clear();
      await Promise.all(ends);
      disposed();
    },
  };
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
