/** The README's table of variables says exactly what the schema of the environment says. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { configurationTable } from './support/configuration-table.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

it('README.md holds the table of the configuration under "## Configuration"', () => {
  const [, section = ''] = readme.split(/^## Configuration$/m);
  const [untilNextHeading = ''] = section.split(/^## /m);
  const table = untilNextHeading.split('\n').filter((line) => line.startsWith('|'));
  const right = configurationTable();
  expect(table.join('\n'), `put this table into README.md:\n\n${right}\n`).toBe(right);
});
