import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own, so small that it can be filled. */
export class SmallDisk {
  readonly dir: string;

  /** One in memory; nothing where this user may not mount. */
  static mount(megabytes: number): SmallDisk | undefined {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
    const dir = mkdtempSync(join(tmpdir(), 'nearcast-disk-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', dir], { stdio: 'ignore' });
    } catch {
      rmdirSync(dir);
      return undefined;
    }
    return new SmallDisk(dir);
  }

  private constructor(dir: string) {
    this.dir = dir;
  }

  /** Bytes. */
  get free(): number {
    const { bavail, bsize } = statfsSync(this.dir);
    return bavail * bsize;
  }

  /** Has something else take all but so many bytes. */
  fill(left = 0): void {
    const file = openSync(join(this.dir, 'ballast'), 'a');
    try {
      for (let bytes = this.free - left; bytes > 0; bytes = this.free - left) {
        writeSync(file, Buffer.alloc(Math.min(bytes, 4 << 20)));
      }
    } catch (error) {
      // Full is full, whatever it said was free.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(file);
    }
  }

  /** Takes it away again. */
  empty(): void {
    rmSync(join(this.dir, 'ballast'));
  }

  unmount(): void {
    execFileSync('umount', ['--lazy', this.dir]);
    rmdirSync(this.dir);
  }
}
