import { expect, test } from 'vitest';
import type { CutOffs } from '../../src/store/cut-offs.ts';

/** What is promised of all. @param make one in which nothing was said */
export function cutOffsContract(make: () => Promise<CutOffs>): void {
  test('what is said of an instance is heard by the others alone, until it is unsaid or is over', async () => {
    const cutOffs = await make();
    expect(await cutOffs.others('a')).toBe(false);
    await cutOffs.say('a', 60_000);
    expect(await cutOffs.others('a')).toBe(false);
    expect(await cutOffs.others('b')).toBe(true);
    await cutOffs.say('b', 60_000);
    expect(await cutOffs.others('a')).toBe(true);
    await cutOffs.unsay('a');
    await cutOffs.unsay('a');
    expect(await cutOffs.others('b')).toBe(false);
    // The last word holds.
    await cutOffs.say('b', -1);
    expect(await cutOffs.others('a')).toBe(false);
    await cutOffs.say('c', 60_000);
    expect(await cutOffs.others('a')).toBe(true);
  });
}
