import { defineConfig } from 'prisma/config';

// See prisma.config.ts of the project: `generate` looks for an engine that it does not need.
process.env['PRISMA_SCHEMA_ENGINE_BINARY'] ??= process.execPath;

export default defineConfig({ schema: 'rivals/tutorial.prisma' });
