import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Seal } from './subscriptions/cursor.ts';

const CIPHER = 'aes-256-gcm';
/** Bytes: what NIST SP 800-38D, 8.2, takes for a nonce, and enough of a tag for what is only ever a hint. */
const NONCE = 12;
const TAG = 16;
/** Characters, more than any cursor has: at half of it the length of one told that a number in it had got another digit. */
const BLOCK = 128;

/** Seals cursors with a key of this process, as long as which alone they are good. Some microseconds each. */
export function cursorSeal(key: Buffer = randomBytes(32)): Seal {
  return {
    seal(cursor) {
      const nonce = randomBytes(NONCE);
      const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG });
      const padded = cursor.padEnd(BLOCK * Math.ceil(cursor.length / BLOCK));
      const sealed = cipher.update(padded, 'utf8');
      return Buffer.concat([nonce, sealed, cipher.final(), cipher.getAuthTag()]).toString('base64url');
    },
    open(sealed) {
      const bytes = Buffer.from(sealed, 'base64url');
      if (bytes.length <= NONCE + TAG) return undefined;
      const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE), { authTagLength: TAG });
      decipher.setAuthTag(bytes.subarray(-TAG));
      try {
        return decipher.update(bytes.subarray(NONCE, -TAG), undefined, 'utf8').concat(decipher.final('utf8')).trimEnd();
      } catch {
        // Somebody else's, or made up.
        return undefined;
      }
    },
  };
}
