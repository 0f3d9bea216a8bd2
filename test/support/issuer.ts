import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { signedByKey } from './sign.ts';

/** A key of an issuer, and what it publishes of it. */
export interface IssuerKey {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly jwk: Readonly<Record<string, unknown>>;
}

/** A new key. RSA takes a while to make. */
export function makeKey(alg: 'RS256' | 'ES256' | 'EdDSA', kid: string): IssuerKey {
  const { publicKey, privateKey } =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : alg === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('ed25519');
  return { alg, kid, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), alg, kid, use: 'sig' } };
}

/** Serves key sets, as an issuer of tokens does, or whatever a test has it answer. */
export class Issuer {
  readonly url: string;
  /** Requests until now. */
  asked = 0;
  #answer: RequestListener;

  /** One that publishes these keys; ended when the test is. */
  static async start(...keys: IssuerKey[]): Promise<Issuer> {
    const server = createServer((request, response) => {
      issuer.asked++;
      issuer.#answer(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    const issuer = new Issuer(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`);
    issuer.publish(...keys);
    return issuer;
  }

  private constructor(url: string) {
    this.url = url;
    this.#answer = () => {};
  }

  publish(...keys: { readonly jwk: unknown }[]): void {
    this.answer(JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }));
  }

  answer(body: string, status = 200, headers: Record<string, string> = {}): void {
    this.#answer = (_request, response) => void response.writeHead(status, headers).end(body);
  }

  /** Answers from now on only when told to; what came before is answered as it would have been. */
  hold(): () => void {
    const answer = this.#answer;
    const waiting: Parameters<RequestListener>[] = [];
    this.#answer = (...exchange) => void waiting.push(exchange);
    return () => {
      this.#answer = answer;
      for (const exchange of waiting) answer(...exchange);
    };
  }

  /** Takes connections, and answers no request. */
  hang(): void {
    this.#answer = () => {};
  }
}

/** A token of an issuer's key, with what a token must have. */
export function issued({ alg, kid, privateKey }: IssuerKey, claims: object = {}, header: object = {}): string {
  const all = { sub: 'x', exp: 4102444800, scope: 'positions:read positions:write:any', ...claims };
  const named = { alg, kid, ...header };
  return signedByKey(privateKey, all, named);
}
