import { ask } from './ask.ts';

/** A share as it is told to whoever made it. */
export interface MadeShare {
  readonly id: string;
  readonly token: string;
}

/** Makes a share. @throws when it is not made */
export async function makeShare(server: { readonly port: number }, token: string, wish: object): Promise<MadeShare> {
  const { status, text } = await ask(server, 'POST', '/v1/shares', token, wish);
  if (status !== 201) throw new Error(`no share was made: ${text}`);
  return JSON.parse(text);
}

/** Revokes the tokens of a `jti`. @throws when it is not done */
export async function revoke(server: { readonly port: number }, token: string, jti: string): Promise<void> {
  const { status, text } = await ask(server, 'POST', '/v1/revocations', token, {
    jti,
    expiresAt: Date.now() + 86_400_000,
  });
  if (status !== 204) throw new Error(`nothing was revoked: ${text}`);
}
