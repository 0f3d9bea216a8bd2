import { createCipheriv, createDecipheriv, randomBytes, randomFillSync } from 'node:crypto';
import type { Seal } from './subscriptions/cursor.ts';

/** Without a mode, since all is in one block; with it a cipher would have to be made for each, which takes ten times as long. */
const METHOD = 'aes-256-ecb';
/** Bytes of a block: by chance, then the number of the fleet, then the revision. */
const BLOCK = 16;
const CHANCE = 6;
const FLEET = 4;
const REVISION = 6;
const CHANCES = 512 * CHANCE;

/**
 * Seals moments with a key of this process, as long as which alone they are good. Nobody else can read one, or make one; not
 * even that two are the same can be told, as there is chance in each. To change a bit changes all that a block says, and one
 * that is made up is of no fleet that there is, but for one in 2³². Two microseconds each.
 *
 * @param instance what the process's epochs begin with; a dash and a number follow
 */
export function cursorSeal(instance: string, key: Buffer = randomBytes(32)): Seal {
  const cipher = createCipheriv(METHOD, key, null).setAutoPadding(false);
  const decipher = createDecipheriv(METHOD, key, null).setAutoPadding(false);
  const block = Buffer.alloc(BLOCK);
  const chances = Buffer.alloc(CHANCES);
  let spent = CHANCES;
  return {
    seal({ epoch, revision }) {
      if (spent === CHANCES) {
        randomFillSync(chances);
        spent = 0;
      }
      chances.copy(block, 0, spent, spent + CHANCE);
      spent += CHANCE;
      block.writeUIntBE(Number(epoch.slice(instance.length + 1)), CHANCE, FLEET);
      block.writeUIntBE(revision, CHANCE + FLEET, REVISION);
      return cipher.update(block).toString('base64url');
    },
    open(sealed) {
      const bytes = Buffer.from(sealed, 'base64url');
      if (bytes.length !== BLOCK) return undefined;
      const opened = decipher.update(bytes);
      const epoch = `${instance}-${opened.readUIntBE(CHANCE, FLEET)}`;
      return { epoch, revision: opened.readUIntBE(CHANCE + FLEET, REVISION) };
    },
  };
}
