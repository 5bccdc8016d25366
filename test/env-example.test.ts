/** `.env.example` says exactly what the schema of the environment says. */
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../src/config.ts';
import { FILE_VARIABLES } from '../src/config-variables.ts';
import { variableFacts } from './support/configuration-table.ts';

const text = readFileSync(new URL('../.env.example', import.meta.url), 'utf8');
const [introduction = '', ...blocks] = text.trimEnd().split('\n\n');

const entries = blocks.map((block) => {
  const lines = block.split('\n');
  const [, name = '', value = ''] = /^#([A-Z_]+)=(.*)$/.exec(lines.at(-1) ?? '') ?? [];
  const comment = lines.slice(0, -1).map((line) => line.replace(/^# /, ''));
  return { name, value, meaning: comment.join(' ') };
});

describe('.env.example', () => {
  it('has a block for every variable, in the order of the schema, with its meaning', () => {
    const expected = variableFacts().map(({ name, meaning }) => ({ name, meaning }));
    expect(entries.map(({ name, meaning }) => ({ name, meaning }))).toEqual(expected);
  });

  it.each(variableFacts().filter(({ defaultValue }) => defaultValue !== undefined))(
    'shows the default of $name',
    ({ name, defaultValue }) => {
      expect(entries.find((entry) => entry.name === name)?.value).toBe(defaultValue);
    },
  );

  it('changes nothing as long as every line is a comment', () => {
    expect(parseEnv(text)).toEqual({});
  });

  it('holds values that are valid, each by itself and all together', () => {
    const uncommented = parseEnv(text.replaceAll(/^#(?=[A-Z_]+=)/gm, ''));
    expect(Object.keys(uncommented)).toHaveLength(variableFacts().length);
    for (const [name, value] of Object.entries(uncommented)) {
      expect(value, name).not.toBe('');
      expect(() => loadConfig({ [name]: value }), name).not.toThrow();
    }
    expect(() => loadConfig(uncommented)).not.toThrow();
    expect(() => loadConfig({ ...uncommented, NODE_ENV: 'production' })).not.toThrow();
  });

  it('names the variables that may be given as a file', () => {
    for (const name of FILE_VARIABLES) expect(introduction).toContain(name);
  });
});
