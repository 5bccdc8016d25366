/** Rival (c): Fastify as it comes, answering the same POST and storing nothing. */
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';

const app = Fastify();
app.post('/webhooks/stripe', async () => ({ received: true }));
await app.listen({ port: 0, host: '127.0.0.1' });
process.send?.({ port: (app.server.address() as AddressInfo).port });
