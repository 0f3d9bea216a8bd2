import { DomainError } from '../errors.ts';
import { StoreUnavailable } from '../store/store.ts';

/** Waits until something is stored. @throws {DomainError} `unavailable`: it is not known whether it is */
export async function stored(write: Promise<void>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    throw new DomainError('unavailable', 'It could not be stored; try again later.');
  }
}
