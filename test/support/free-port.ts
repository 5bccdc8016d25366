/** A free TCP port on 127.0.0.1 for a server of a test's own. */
export { freeLoopbackPort as freePort } from '../../src/storage/postgres/embedded/loopback-port.ts';
