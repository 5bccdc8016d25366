/** The layout holds: who may import whom, and how large a file may grow. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../src', import.meta.url));
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.startsWith('generated'))
  .sort();

/** Folder of `src` (or file at its top) to what it may import of ours. What stands nowhere here may import everything. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  core: [],
  providers: ['core'],
  observability: ['core'],
  ingest: ['core', 'observability'],
  dispatch: ['core', 'observability'],
  rebuild: ['core', 'dispatch', 'observability'],
  replay: ['core', 'dispatch'],
  erasure: ['core', 'dispatch'],
  delivery: ['core', 'observability'],
  workers: ['core', 'dispatch', 'delivery', 'observability'],
  stream: ['core', 'dispatch', 'delivery', 'workers'],
  storage: ['core', 'observability', 'generated'],
  admin: ['core'],
  http: ['core', 'admin', 'ingest', 'observability', 'stream'],
};

/** Packages that belong behind one wall. */
const ONLY_IN: Readonly<Record<string, RegExp>> = {
  fastify: /^http\//,
  '@fastify/cors': /^http\//,
  '@fastify/helmet': /^http\//,
  '@fastify/rate-limit': /^http\//,
  '@prisma/adapter-pg': /^storage\/postgres\//,
  pg: /^storage\/postgres\//,
  ioredis: /^storage\/redis\//,
  undici: /^delivery\//,
  'prom-client': /^(observability|http)\//,
  commander: /^cli\//,
};

interface Import {
  readonly file: string;
  readonly specifier: string;
}

const imports: Import[] = files.flatMap((file) =>
  [...readFileSync(join(SRC, file), 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => ({
    file,
    specifier: match[1] ?? '',
  })),
);
const folderOf = (file: string) => (file.includes('/') ? file.slice(0, file.indexOf('/')) : file);

test.each(Object.entries(ALLOWED))('%s imports only what it may', (folder, allowed) => {
  const wrong = imports
    .filter(({ file, specifier }) => folderOf(file) === folder && specifier.startsWith('.'))
    .map(({ file, specifier }) => ({ file, target: relative(SRC, join(SRC, dirname(file), specifier)) }))
    .filter(({ target }) => folderOf(target) !== folder && !allowed.includes(folderOf(target)));
  expect(wrong).toEqual([]);
});

test.each(Object.entries(ONLY_IN))('%s is imported in its place only', (name, place) => {
  expect(imports.filter(({ file, specifier }) => specifier === name && !place.test(file))).toEqual([]);
});

test('a provider knows nothing of another', () => {
  const wrong = imports.filter(
    ({ file, specifier }) =>
      (file.startsWith('providers/stripe/') && specifier.includes('whatsapp')) ||
      (file.startsWith('providers/whatsapp/') && specifier.includes('stripe')),
  );
  expect(wrong).toEqual([]);
});

test('no file is longer than 200 lines, or its head says why', () => {
  const long = files.filter((file) => {
    const text = readFileSync(join(SRC, file), 'utf8');
    return text.split('\n').length > 201 && !/\bone file because\b/.test(text.slice(0, 800));
  });
  expect(long).toEqual([]);
});

test('no file is a drawer without a subject', () => {
  expect(files.filter((file) => /(^|\/)(utils?|helpers?|common|misc|types|lib)(\.ts|\/)/.test(file))).toEqual([]);
});
