/**
 * How one request lies in a segment. All numbers are unsigned 32-bit, big-endian.
 *
 * | offset | bytes | |
 * | --- | --- | --- |
 * | 0 | 16 | marker: the segment's own random id, so that no body written by a stranger can imitate a record |
 * | 16 | 4 | length of the metadata |
 * | 20 | 4 | length of the body |
 * | 24 | 4 | CRC-32 of metadata and body |
 * | 28 | 4 | CRC-32 of the 28 bytes before |
 * | 32 | | metadata as JSON, then the body exactly as received |
 */
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import type { WebhookProviderName } from '../../../core/event.ts';
import type { SpooledRequest } from '../../../core/spool.ts';

export const MARKER_BYTES = 16;
export const HEAD_BYTES = 32;

/** A record that lacks nothing but the marker of the segment it will lie in. */
export interface EncodedRecord {
  readonly metadata: Buffer;
  /** The request's own buffer, not a copy. */
  readonly body: Buffer;
  readonly checksum: number;
  readonly receivedAt: Date;
  /** Length in the segment. */
  readonly bytes: number;
}

export interface RecordHead {
  readonly metadataBytes: number;
  readonly bodyBytes: number;
  readonly checksum: number;
}

const metadataSchema = z.object({
  id: z.string(),
  source: z.string(),
  provider: z.string(),
  /** Milliseconds since 1970. */
  receivedAt: z.number(),
  headers: z.record(z.string(), z.string()),
  secret: z.number(),
  events: z.array(z.tuple([z.string(), z.string()])),
});

/** @param events pairs of dedupe key and event id */
export function encodeRecord(
  request: Omit<SpooledRequest, 'eventIds'>,
  events: readonly (readonly [string, string])[],
): EncodedRecord {
  const { id, source, provider, receivedAt, headers, body, secret } = request;
  const metadata = Buffer.from(
    JSON.stringify({ id, source, provider, receivedAt: receivedAt.getTime(), headers, secret, events }),
  );
  const checksum = checksumOf(metadata, body);
  return { metadata, body, checksum, receivedAt, bytes: HEAD_BYTES + metadata.length + body.length };
}

/** The pieces of a record, to be written one after the other. */
export function recordPieces(marker: Buffer, { metadata, body, checksum }: EncodedRecord): readonly Buffer[] {
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  marker.copy(head);
  head.writeUInt32BE(metadata.length, 16);
  head.writeUInt32BE(body.length, 20);
  head.writeUInt32BE(checksum, 24);
  head.writeUInt32BE(crc32(head.subarray(0, 28)), 28);
  return [head, metadata, body];
}

/** Null if the bytes are not the whole head of a record of that segment. */
export function decodeHead(marker: Buffer, bytes: Buffer): RecordHead | null {
  if (bytes.length < HEAD_BYTES || !marker.equals(bytes.subarray(0, MARKER_BYTES))) return null;
  if (bytes.readUInt32BE(28) !== crc32(bytes.subarray(0, 28))) return null;
  return {
    metadataBytes: bytes.readUInt32BE(16),
    bodyBytes: bytes.readUInt32BE(20),
    checksum: bytes.readUInt32BE(24),
  };
}

/** Of metadata and body together. */
export function checksumOf(metadata: Buffer, body: Buffer): number {
  return crc32(body, crc32(metadata));
}

/** Null if the metadata are not what `encodeRecord` writes. */
export function decodeRequest(metadata: Buffer, body: Buffer): SpooledRequest | null {
  const parsed = metadataSchema.safeParse(parseJson(metadata));
  if (!parsed.success) return null;
  const { provider, receivedAt, events, ...rest } = parsed.data;
  return {
    ...rest,
    // A name that this release does not know is for the drain to reject: the record itself is sound.
    provider: provider as WebhookProviderName,
    receivedAt: new Date(receivedAt),
    body,
    eventIds: new Map(events),
  };
}

function parseJson(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString());
  } catch {
    return undefined;
  }
}
