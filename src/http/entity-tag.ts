import { createHash } from 'node:crypto';

/** A tag of what is sent (RFC 9110, 8.8.3): it is another one for anything else. */
export function tagOf(content: string | Buffer): string {
  return `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
}

/** Whether a browser has it already (RFC 9110, 13.1.2). A proxy that compresses makes a weak tag of it. */
export function isKnown(tags: string | undefined, tag: string): boolean {
  return tags?.split(',').some((known) => ['*', tag].includes(known.trim().replace(/^W\//, ''))) === true;
}
