/** Says where a server is in words that may be shown and logged: its URL without user, password and parameters. */

/** Host, port and path of a URL, for instance `db.example.com:5432/gateway`. */
export function serverAddress(url: string): string {
  const { host, pathname, searchParams } = new URL(url);
  // libpq's form for a socket's directory: postgresql:///gateway?host=/var/run/postgresql
  const server = host === '' ? (searchParams.get('host') ?? 'this machine') : host;
  return `${server}${pathname}`;
}
