/** Prisma's schema engine on a session: what `prisma migrate deploy` runs, without the binary that its CLI downloads. */
import { PrismaPg } from '@prisma/adapter-pg';
import {
  bindMigrationAwareSqlAdapterFactory,
  DriverAdapterError,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
import type { ApplyMigrationsInput, SchemaEngine } from '@prisma/schema-engine-wasm';
import pg from 'pg';
import { loadEngine } from './engine-module.ts';
import type { MigrationSession } from './session.ts';

export type MigrationList = ApplyMigrationsInput['migrationsList'];

export interface EngineOptions {
  /** Used for everything the engine does, and left open. */
  readonly session: MigrationSession;
  readonly schema: string;
  /** Each script is handed through this before it goes to PostgreSQL. */
  readonly prepareScript: (script: string) => string;
  /** Told of every error of the database: the engine's own errors keep neither code nor, at times, text. */
  readonly onDatabaseError: (error: unknown) => void;
}

/**
 * Runs `use` with an engine on the session, and frees it.
 *
 * @throws StartupError if the engine cannot be loaded
 * @throws EnginePanic if it breaks down: what it had begun may be half done; the next call gets a new one
 */
export async function withSchemaEngine<T>(
  options: EngineOptions,
  use: (engine: SchemaEngine) => Promise<T>,
): Promise<T> {
  const { SchemaEngine: Engine, panicked, engines } = await loadEngine();
  const adapter = bindMigrationAwareSqlAdapterFactory(wholeScriptAdapter(options));
  const used = async () => {
    const engine = await Engine.new({ datamodels: undefined }, () => undefined, adapter);
    engines.add(engine);
    try {
      return await use(engine);
    } finally {
      engine.free();
      engines.delete(engine);
    }
  };
  return Promise.race([panicked, used()]);
}

/**
 * Prisma's adapter, except that a script goes to PostgreSQL whole. Prisma's own splits it at every `;`, those in strings,
 * comments and function bodies included. Sent whole, as one simple query, it also is one transaction.
 */
function wholeScriptAdapter(options: EngineOptions): SqlMigrationAwareDriverAdapterFactory {
  // Never connects by itself. A real pool would give the connection away after the first refused statement.
  const pool = Object.assign(new pg.Pool({ max: 1 }), { query: options.session.run });
  const factory = new PrismaPg(pool, { schema: options.schema });
  const reported = async <T>(result: Promise<T>): Promise<T> => {
    try {
      return await result;
    } catch (error) {
      options.onDatabaseError(error);
      throw error;
    }
  };
  const connect = async (): Promise<SqlDriverAdapter> => {
    const inner = await factory.connect();
    return {
      provider: inner.provider,
      adapterName: inner.adapterName,
      queryRaw: (query) => reported(inner.queryRaw(query)),
      executeRaw: (query) => reported(inner.executeRaw(query)),
      startTransaction: () => Promise.reject(new Error('A migration is a transaction already')),
      getConnectionInfo: () => inner.getConnectionInfo(),
      executeScript: (script) => reported(executeWhole(options.session, options.prepareScript(script))),
      dispose: () => inner.dispose(),
    };
  };
  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    connect,
    connectToShadowDb: () => Promise.reject(new Error('The daemon makes no shadow databases')),
  };
}

async function executeWhole(session: MigrationSession, script: string): Promise<void> {
  try {
    await session.run(script);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    const { code = 'N/A', severity = 'N/A', message, detail, column, hint } = error;
    throw new DriverAdapterError({
      kind: 'postgres',
      originalCode: code,
      originalMessage: message,
      ...{ code, severity, message, detail, column, hint },
    });
  }
}
