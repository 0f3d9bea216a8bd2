import type { Config } from './config.ts';
import { DataDirInUse } from './store/data-dir-lock.ts';
import { EmbeddedFailed } from './store/embedded.ts';
import { DatabaseUnsuitable } from './store/migrate.ts';
import { StoreUnavailable } from './store/store.ts';

/** What an operator can mend is told in a line, not as a stack; undefined for all else. */
export function explain(error: unknown, { host, port, databaseUrl }: Config): string | undefined {
  if (error instanceof StoreUnavailable) {
    const which = databaseUrl === undefined ? 'The embedded database' : 'The database of DATABASE_URL';
    return `${which} cannot be used: ${error.message}`;
  }
  if (error instanceof DataDirInUse || error instanceof DatabaseUnsuitable || error instanceof EmbeddedFailed) {
    return error.message;
  }
  const { code, syscall, path, message } = error as NodeJS.ErrnoException;
  // The one thing beside the embedded database that is written: the development secret.
  if (path !== undefined) return `DATA_DIR cannot be written to: ${message}. Set it to a directory that can be.`;
  switch (syscall === 'listen' || syscall === 'getaddrinfo' ? code : undefined) {
    case 'EADDRINUSE':
      return `Cannot listen on ${host}:${port} (EADDRINUSE): it is in use. Set PORT to another port; 0 is any free one.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `Cannot listen on ${host}: it is no address of this machine. Set HOST to one; 0.0.0.0 is all.`;
    case 'EACCES':
      return `Cannot listen on port ${port}: this user may not. Set PORT to one above 1023.`;
    default:
      return undefined;
  }
}
