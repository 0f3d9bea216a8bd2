import { OPEN_FREE_MAP } from '../map-style.ts';

/** Milliseconds. */
const PATIENCE = 2_000;

/** Whether the base map that pages show by default can be reached from here, asked once. @param url of its style */
export async function isMapReachable(url = OPEN_FREE_MAP.light): Promise<boolean> {
  try {
    const { ok } = await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(PATIENCE) });
    return ok;
  } catch {
    return false;
  }
}
