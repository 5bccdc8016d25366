/**
 * A daemon reduced to its embedded PostgreSQL, for tests that kill one, or run several: starts on the DATA_DIR given as
 * argument, prints one line of JSON, and stops when its standard input ends. Run by `spawnDaemon` of daemon-process.ts.
 */
import { startEmbeddedPostgres } from '../../../../src/storage/postgres/embedded/embedded-postgres.ts';

// As the real daemon does while it finishes its requests after Ctrl-C.
process.on('SIGINT', () => console.log('interrupted'));
process.stdin.resume();
try {
  const postgres = await startEmbeddedPostgres({ dataDir: process.argv[2] ?? '' });
  const { databaseUrl, dataDirectory, notes } = postgres;
  console.log(JSON.stringify({ databaseUrl, dataDirectory, notes }));
  if (!process.stdin.readableEnded) await new Promise((resolve) => process.stdin.once('end', resolve));
  await postgres.stop();
} catch (error) {
  console.log(JSON.stringify({ error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }));
  process.exitCode = 1;
}
process.stdin.destroy();
