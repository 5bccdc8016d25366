/** What all measurements have in common. */
import { totalmem } from 'node:os';

/** Connections of the load, each with one request at a time. */
export const CONNECTIONS = 64;
/** About how many bytes a Stripe body has. */
export const BODY_BYTES = 1024;

/** A server as one would set it up for this machine; everything else as it comes, fsync and full_page_writes on. */
export const POSTGRES_SETTINGS: Readonly<Record<string, string>> = {
  shared_buffers: `${Math.floor(totalmem() / 4 / 2 ** 20)}MB`,
  max_wal_size: '8GB',
};
