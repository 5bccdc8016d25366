/** Schemas that several endpoints share. */
import { z } from 'zod';
import type { Page } from '../../core/page.ts';

/** In a path. */
export const byId = z.strictObject({ id: z.uuid().describe('Id') });

export const id = z.uuid();
export const time = z.iso.datetime();

/** In a query: a time with its offset. */
export const timeParameter = z.iso.datetime({ offset: true, error: 'write a time such as 2026-05-01T00:00:00Z' });

/** A date that JSON and PostgreSQL both hold. */
export const asDate = (text: string): Date => new Date(text);

/** Of every list. */
export const paging = {
  limit: z.coerce.number().int().min(1).max(100).default(50).describe('Entries at most'),
  cursor: z
    .string()
    .transform((text, context) => {
      const after = readCursor(text);
      if (after === null) context.addIssue({ code: 'custom', message: 'this is no cursor of a list' });
      return after ?? z.NEVER;
    })
    .optional()
    .describe('`nextCursor` of the page before'),
};

export function listOf<Row extends z.ZodType>(row: Row) {
  return z.object({
    data: z.array(row).describe('Newest first'),
    nextCursor: z.string().nullable().describe('For the next page; null: this was the last'),
  });
}

/** What a page is in the query's words. */
export function pageRequest(query: { readonly limit: number; readonly cursor?: string | undefined }) {
  return { limit: query.limit, after: query.cursor ?? null };
}

export function listAnswer<Row>({ rows, next }: Page<Row>, view: (row: Row) => unknown) {
  return { data: rows.map(view), nextCursor: next === null ? null : writeCursor(next) };
}

/** Opaque on purpose: what is in it may change. */
export function writeCursor(id: string): string {
  return Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url');
}

function readCursor(text: string): string | null {
  if (!/^[\w-]{22}$/.test(text)) return null;
  const hex = Buffer.from(text, 'base64url').toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
