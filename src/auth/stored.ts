import { DomainError } from '../errors.ts';
import { StoreUnavailable } from '../store/store.ts';

/** Waits until something is stored. @throws {DomainError} `unavailable`: it is not known whether it is */
export async function stored<T>(write: Promise<T>, otherwise = 'It could not be stored; try again later.'): Promise<T> {
  try {
    return await write;
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    throw new DomainError('unavailable', otherwise);
  }
}
