import { expect, it } from 'vitest';
import { fields, Output } from '../../../src/cli/api/output.ts';
import { type Column, table } from '../../../src/cli/api/table.ts';

const COLUMNS: readonly Column<{ type: string; id: string | null }>[] = [
  { head: 'type', value: ({ type }) => type, shrinks: true },
  { head: 'id', value: ({ id }) => id },
];

it('aligns its columns, and marks what is not there', () => {
  const rows = [
    { type: 'a', id: '1' },
    { type: 'longer', id: null },
  ];
  expect(table(COLUMNS, rows, 80)).toBe('type    id\na       1\nlonger  -\n');
  expect(table(COLUMNS, rows, 80, false)).toBe('a       1\nlonger  -\n');
});

it('cuts what may be cut where the terminal is narrow, and nothing else', () => {
  const row = { type: 'customer.subscription.updated', id: 'i'.repeat(12) };
  const [, line] = table(COLUMNS, [row], 30).split('\n');
  expect(line).toBe(`customer.subscr…  ${row.id}`);
  expect(line).toHaveLength(30);
  expect(table(COLUMNS, [row], 10)).toContain(row.id);
});

it('cuts nothing where there is no terminal', () => {
  const type = 'customer.subscription.updated'.repeat(10);
  const written = (isTTY: boolean) => {
    const parts: unknown[] = [];
    const stdout = { isTTY, columns: 40, write: (content: string | Uint8Array) => parts.push(content) };
    new Output({ json: false, stdout, stderr: stdout }).rows(COLUMNS, [{ type, id: 'x' }]);
    return parts.join('');
  };
  expect(written(true)).not.toContain(type);
  expect(written(false)).toContain(type);
});

it('lets nothing that others wrote move the cursor, break a line or turn the text round', () => {
  const text = table(COLUMNS, [{ type: '\x1b[2Jred\r\n\u009b1m\u202eevil', id: 'x' }], 80);
  expect(text.split('\n')).toHaveLength(3);
  expect(text).toMatch(/^[\n\x20-\x7e\uFFFD]+$/);
});

it('shows one thing field by field, those inside by their path', () => {
  expect(fields({ id: 1, target: { kind: 'http', more: [] }, none: null, empty: {} })).toBe(
    'id           1\ntarget.kind  http\ntarget.more  -\nnone         -\nempty        {}\n',
  );
});
