import { spawn } from 'node:child_process';

const COMMANDS: Partial<Record<NodeJS.Platform, string>> = { darwin: 'open', linux: 'xdg-open', freebsd: 'xdg-open' };

/** Opens a link in a browser, where this machine has a way to; where not, nothing happens. */
export function openLink(url: string): void {
  const command = COMMANDS[process.platform];
  if (command === undefined) return;
  const child = spawn(command, [url], { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}
