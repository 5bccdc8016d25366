/** Deliveries into streams of Redis. */
import type { SinkResult, StreamSink } from '../../core/sink.ts';
import type { RedisConnection } from './connection.ts';
import { errorReason } from './error-reason.ts';

const AWAY: SinkResult = { ok: false, reason: 'Redis is away, or did not answer in time' };

export function createRedisStreamSink(connection: Pick<RedisConnection, 'run'>): StreamSink {
  return {
    append({ stream, maxLength, fields }) {
      return connection.run<SinkResult>(async (client) => {
        try {
          await client.xadd(stream, 'MAXLEN', '~', maxLength, '*', ...fields.flat());
          return { ok: true };
        } catch (error) {
          return { ok: false, reason: errorReason(error) };
        }
      }, AWAY);
    },
  };
}
