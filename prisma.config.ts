import { defineConfig } from 'prisma/config';

// `prisma generate` needs no engine, but looks for one and downloads it where it is missing, which fails on a
// closed network. Any existing file satisfies the look-up; every other command of Prisma's CLI needs the real one.
if (process.argv.includes('generate')) {
  process.env['PRISMA_SCHEMA_ENGINE_BINARY'] ??= process.execPath;
}

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env['DATABASE_URL'] ?? '' },
});
