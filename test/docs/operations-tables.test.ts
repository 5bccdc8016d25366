/** docs/operations.md says of every table what is in it. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('its list of tables names every one, or the provider whose projection it is', () => {
  const [, section = ''] = read('docs/operations.md').split(/^\| table \| what is in it \|$/m);
  const [list = ''] = section.split(/\n\n/);
  const listed = [...list.matchAll(/^\| ([^|]+) \|/gm)].flatMap(([, names = '']) => names.match(/[\w*]+/g) ?? []);
  const tables = [...read('prisma/schema.prisma').matchAll(/@@map\("(\w+)"\)/g)].map(([, name = '']) => name);
  expect(tables).toContain('delivery_attempts');
  const missing = [...tables, '_prisma_migrations'].filter(
    (table) => !listed.includes(table) && !listed.includes(table.replace(/_.*/, '_*')),
  );
  expect(missing).toEqual([]);
});
