import type { JWK } from 'jose';

/** The whole answer must be there by then, milliseconds. */
const TIMEOUT = 5_000;
/** Bytes; a larger answer is no list of keys. */
const MAX_BYTES = 256 * 1024;
/** Characters of a modulus of 2048 bits, the least that RS256 may have (RFC 7518, 3.3). */
const MIN_MODULUS = 342;

/**
 * The keys of an issuer that tokens may be held against: public ones for RS256, ES256 and EdDSA; what else a key set holds
 * is left out. In particular it may not hold secrets: a key that anybody can fetch proves nothing of who signed with it.
 *
 * @param signal gives up
 * @throws {Error} saying what is wrong with the answer, in words for a log
 */
export async function fetchKeys(url: string, signal?: AbortSignal): Promise<JWK[]> {
  const inTime = AbortSignal.timeout(TIMEOUT);
  try {
    const response = await fetch(url, {
      // The address of the keys is what is trusted, so nobody else may say it.
      redirect: 'error',
      headers: { accept: 'application/jwk-set+json, application/json' },
      signal: signal === undefined ? inTime : AbortSignal.any([signal, inTime]),
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`the answer is ${response.status}`);
    }
    return usableKeys(await bodyOf(response));
  } catch (error) {
    if (inTime.aborted) throw new Error(`there was no answer within ${TIMEOUT / 1000} s`);
    // What fetch itself says is only that it failed.
    const { cause } = error as { cause?: { code?: string; message?: string } };
    throw cause === undefined ? error : new Error(cause.code ?? cause.message);
  }
}

async function bodyOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new Error(`the answer has more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function usableKeys(text: string): JWK[] {
  let set: unknown;
  try {
    set = JSON.parse(text);
  } catch {
    throw new Error('the answer is not JSON');
  }
  const keys = (set as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) throw new Error('the answer is no JWK set (RFC 7517, 5)');
  return keys.filter(isUsable);
}

function isUsable(key: unknown): key is JWK {
  if (typeof key !== 'object' || key === null) return false;
  const { kty, crv, n, d } = key as Record<string, unknown>;
  // A private key that is published is anybody's.
  if (d !== undefined) return false;
  if (kty === 'RSA') return typeof n === 'string' && n.length >= MIN_MODULUS;
  return (kty === 'EC' && crv === 'P-256') || (kty === 'OKP' && crv === 'Ed25519');
}
