import { StoreRejected } from './store.ts';

/**
 * Hands entries to the store. Of those that it rejects together finds, by halves, the ones that are at fault, so that they
 * cost the others no more than some smaller statements.
 *
 * @param settle called for each entry once it is stored, or with why it never will be
 * @throws whatever else `action` throws; what is not settled by then may have been stored or not
 */
export async function byHalves<T>(
  entries: readonly T[],
  action: (entries: readonly T[]) => Promise<void>,
  settle: (entry: T, error?: StoreRejected) => void,
): Promise<void> {
  if (entries.length === 0) return;
  try {
    await action(entries);
  } catch (error) {
    if (!(error instanceof StoreRejected)) throw error;
    if (entries.length === 1) {
      settle(entries[0], error);
      return;
    }
    const middle = entries.length >> 1;
    await byHalves(entries.slice(0, middle), action, settle);
    await byHalves(entries.slice(middle), action, settle);
    return;
  }
  for (const entry of entries) settle(entry);
}
