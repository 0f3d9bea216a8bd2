import { isStorable } from '../protocol/fix.ts';
import type { AccessChange } from './access-store.ts';

/**
 * Carries hints to all instances, this one too: that something of access has changed in the store. They are worth nothing but
 * a look there, so that one which is lost, late or made up does no harm.
 */
export interface HintChannel {
  /** Sends one, and forgets it. */
  send(hint: Buffer): void;
  /** To be called once, before anything is sent. */
  listen(listener: HintListener): void;
}

/** Who hears hints. */
export interface HintListener {
  onHint(hint: Buffer): void;
  /** Hints may have got lost, or it has only now begun to hear them. */
  onMissed(): void;
}

/** Bytes of a hint: its fleet has at most 64 characters, and its key 128 of up to 6 bytes as JSON has them. */
const MAX_BYTES = 1024;

/** What names a change, as it is sent. */
export function encodeHint({ kind, fleet, key }: AccessChange): Buffer {
  return Buffer.from(JSON.stringify([kind, fleet, key]));
}

/** What a hint names; undefined when it is none. */
export function decodeHint(hint: Buffer): AccessChange | undefined {
  if (hint.length > MAX_BYTES) return undefined;
  let parts: unknown;
  try {
    parts = JSON.parse(hint.toString());
  } catch {
    return undefined;
  }
  if (!Array.isArray(parts) || !parts.every((part) => typeof part === 'string' && isStorable(part))) return undefined;
  const [kind, fleet, key] = parts as string[];
  return parts.length === 3 && (kind === 'share' || kind === 'token') ? { kind, fleet, key } : undefined;
}
