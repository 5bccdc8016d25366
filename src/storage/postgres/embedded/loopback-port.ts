/** TCP ports on 127.0.0.1. */
import { createServer } from 'node:net';

/** A port that was free a moment ago. Another process may take it before we do: whoever uses it must expect that. */
export function freeLoopbackPort(): Promise<number> {
  return listenBriefly(0);
}

export function isLoopbackPortFree(port: number): Promise<boolean> {
  return listenBriefly(port).then(
    () => true,
    () => false,
  );
}

function listenBriefly(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('a TCP server without a port'));
      });
    });
  });
}
