/**
 * Removes from an installed package what the daemon never loads: Prisma's engines for other databases and runtimes, and the
 * source maps and type declarations of the dependencies. Our own source maps stay, for readable stack traces.
 *
 *   node deploy/trim-production-install.mjs <directory with node_modules and dist>
 */
import { readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';

const root = resolve(process.argv[2] ?? '.');
const client = join(root, 'dist/generated/prisma/internal/class.js');

/** What the generated client imports is kept, whatever Prisma's next version calls it. */
const named = [...readFileSync(client, 'utf8').matchAll(/["'](@prisma\/client\/runtime\/[^"']+)["']/g)];
const kept = new Set(named.map(([, specifier]) => realpathSync(createRequire(client).resolve(specifier))));
if (kept.size < 3) throw new Error(`${client} names ${kept.size} runtime files of Prisma: expected at least 3`);

let count = 0;
const runtime = dirname([...kept][0]);
for (const name of readdirSync(runtime)) {
  if (!kept.has(join(runtime, name))) remove(join(runtime, name));
}
for (const entry of readdirSync(join(root, 'node_modules'), { recursive: true, withFileTypes: true })) {
  if (entry.isFile() && /\.(map|d\.[cm]?ts)$/.test(entry.name))
    remove(join(entry.parentPath ?? entry.path, entry.name));
}
process.stdout.write(`removed ${count} files that the daemon never loads\n`);

function remove(file) {
  rmSync(file);
  count += 1;
}
