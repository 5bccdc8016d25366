/** Checks Redis with the daemon's own connection, and so by the daemon's own deadlines. */
import { setTimeout as sleep } from 'node:timers/promises';
import { serverAddress } from '../../server-address.ts';
import { createRedisConnection, type RedisConnection } from '../../storage/redis/connection.ts';
import { type Finding, fault, ok, warning } from './finding.ts';

/** Milliseconds for a connection. */
const TIME_LIMIT = 3_000;

/** @param url undefined: there is none, a cache in memory takes its place */
export async function checkRedis(url: string | undefined): Promise<Finding[]> {
  if (url === undefined) return [ok('REDIS_URL is not set: each process remembers duplicates in its memory')];
  let reason = `no answer within ${TIME_LIMIT} ms`;
  let away = false;
  const connection = createRedisConnection({
    url,
    logger: {
      info: () => undefined,
      warn(details: unknown) {
        reason = String((details as { reason?: unknown }).reason ?? reason);
      },
    },
    onState(up) {
      away = !up;
    },
  });
  try {
    for (const deadline = Date.now() + TIME_LIMIT; !connection.up() && !away && Date.now() < deadline; ) await sleep(5);
    if (!connection.up()) return [unreachable(url, reason)];
    return await checkServer(connection, serverAddress(url));
  } finally {
    await connection.close();
  }
}

function unreachable(url: string, reason: string): Finding {
  const text = `${serverAddress(url)} cannot be used: ${reason}`;
  return fault(text, 'See that Redis runs and REDIS_URL is right. Webhooks are taken meanwhile, at PostgreSQL’s cost.');
}

async function checkServer(connection: RedisConnection, address: string): Promise<Finding[]> {
  const askedAt = performance.now();
  const pong = await connection.run((client) => client.ping(), null);
  const latency = performance.now() - askedAt;
  if (pong === null) return [warning(`${address} answers, but not within the 50 ms that the daemon gives it`)];
  // A user who may not ask for it gets no remarks, and loses nothing by it.
  const info = parseInfo(await connection.run((client) => client.info(), ''));
  const version = info.get('redis_version');
  const findings = [
    ok(`${address} answers in ${latency.toFixed(1)} ms${version === undefined ? '' : `, Redis ${version}`}`),
  ];
  if (version !== undefined && Number.parseInt(version, 10) < 6) {
    findings.push(warning(`Redis ${version} is older than what the gateway is made for`, 'Use Redis 6 or later.'));
  }
  if (info.get('role') === 'slave') {
    findings.push(warning('it is a replica and takes no keys', 'Point REDIS_URL at the primary server.'));
  }
  return [...findings, ...checkMemory(info)];
}

/** Every key of the gateway expires, so both the `volatile-` and the `allkeys-` policies make room for new ones. */
function checkMemory(info: ReadonlyMap<string, string>): Finding[] {
  const policy = info.get('maxmemory_policy');
  const limit = Number(info.get('maxmemory') ?? 0);
  if (policy !== 'noeviction' || limit === 0) return [];
  const text = `maxmemory is ${Math.round(limit / 1024 / 1024)} MiB with the policy noeviction: once full, it remembers nothing new`;
  return [warning(text, 'Set maxmemory-policy to volatile-ttl, or allkeys-lru if it is a cache only.')];
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  return new Map([...text.matchAll(/^(\w+):(.*)\r?$/gm)].map(([, name = '', value = '']) => [name, value.trim()]));
}
