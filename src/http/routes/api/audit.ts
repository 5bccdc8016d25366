/** `/audit`: who changed what. */
import { z } from 'zod';
import type { AuditStore } from '../../../core/audit.ts';
import { type Endpoint, endpoint } from '../../api/endpoint.ts';
import { id, listAnswer, listOf, pageRequest, paging, time } from '../../api/schemas.ts';

const entry = z
  .object({
    id,
    at: time,
    actor: z.string().describe('Id of a key, or `ADMIN_API_KEY`'),
    ip: z.string(),
    action: z.string().describe('For instance `destination.pause`'),
    target: z.string().nullable().describe('Id of what was changed'),
    details: z.record(z.string(), z.unknown()).nullable(),
  })
  .meta({ id: 'AuditEntry' });

export function auditEndpoints(audit: AuditStore): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/audit',
      scope: 'admin',
      summary: 'Lists changes',
      description: 'Entries are kept for `AUDIT_RETENTION_DAYS`.',
      query: z.strictObject(paging),
      success: { status: 200, description: 'A page of changes', schema: listOf(entry) },
      handle: async ({ query }) => listAnswer(await audit.list(pageRequest(query)), (row) => row),
    }),
  ];
}
