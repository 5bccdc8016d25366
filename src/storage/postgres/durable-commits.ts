/** A commit that is acknowledged before it is on the disk is worth nothing here. */
import type pg from 'pg';

/**
 * Where the role or the database has switched that off: the promise rests on it. Other settings than `off` wait for the
 * local disk at least, and are left alone.
 */
export async function makeCommitsDurable(client: pg.ClientBase): Promise<void> {
  await client.query(
    `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`,
  );
}
