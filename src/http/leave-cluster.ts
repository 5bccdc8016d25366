/** The last step of a worker of a cluster before it may exit. */
import cluster from 'node:cluster';
import { once } from 'node:events';

/**
 * To be called when the listeners are closed; does nothing outside a cluster. The primary (PM2) may have handed us a
 * connection before it learned that we listen no more. Such a connection goes back to it, for another worker; but if we
 * exit before it reaches us, the primary holds it open for ever and its client waits in vain. `disconnect` asks the
 * primary for one last answer: what it had sent before that has been dealt with by then.
 */
export async function leaveCluster(): Promise<void> {
  const { worker } = cluster;
  if (worker === undefined || !worker.isConnected()) return;
  const left = once(process, 'disconnect');
  worker.disconnect();
  await left;
}
