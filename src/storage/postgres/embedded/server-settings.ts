/** Settings of a new cluster: for a small machine, and for durability before speed. */

/**
 * Written to postgresql.conf by initdb; whoever runs the daemon may change them there. What must not be changed (the
 * address, no socket file) is given at each start instead.
 */
export const NEW_CLUSTER_SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  max_connections: '50',
  shared_buffers: '128MB',
  max_wal_size: '512MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Above ERROR: the text of a statement's error may quote a row, and the gateway reports it without.
  log_min_messages: 'log',
  log_checkpoints: 'off',
};
