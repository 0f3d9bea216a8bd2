import { randomUUID } from 'node:crypto';
import { mintToken } from './auth/tokens.ts';

/** How long the printed token lasts. */
const TTL_SECONDS = 24 * 3600;

/**
 * What a development server prints at its start, as Jupyter does: links and commands that work when pasted.
 *
 * @param url where the server is reached from this machine, such as `http://127.0.0.1:8080`
 * @param served DASHBOARD and DOCS
 */
export function welcome(
  url: string,
  secret: string,
  { dashboard, docs }: { readonly dashboard: boolean; readonly docs: boolean },
): string {
  const token = mintToken(secret, {
    sub: 'developer',
    scope: 'positions:read positions:write:any metrics:read access:manage',
    jti: randomUUID(),
    ttlSeconds: TTL_SECONDS,
  });
  const where = 'latitude=40.7580&longitude=-73.9855';
  return `No JWT_SECRET is set, so this is a development server with a secret of its own.
What follows works as it is for 24 hours.
${dashboard ? pages(url, token) : ''}
First, in the terminal you paste into:

  export TOKEN=${token}

Send a position:

  curl ${url}/v1/positions -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"driverId":"driver-1","latitude":40.7581,"longitude":-73.9850}'

Who is near?

  curl '${url}/v1/drivers/nearby?${where}&radius=2000' -H "Authorization: Bearer $TOKEN"

Watch that circle (then send again), as an event stream or over a WebSocket:

  curl -N '${url}/v1/stream?${where}&radius=2000' -H "Authorization: Bearer $TOKEN"
  npx -y wscat -H "Authorization: Bearer $TOKEN" -c '${url.replace('http', 'ws')}/ws?${where}&radius=2000'

The same in a browser:  ${url}/v1/drivers/nearby?${where}&radius=2000&access_token=${token}
${docs ? `The API reference:      ${url}/docs\n` : ''}Metrics, as text:       curl ${url}/metrics -H "Authorization: Bearer $TOKEN"
`;
}

/** A browser sends what is behind `#` to nobody; the page takes it out of its address bar. */
function pages(url: string, token: string): string {
  return `
The dashboard:          ${url}/#token=${token}
The page of a driver:   ${url}/driver#token=${token}
The page of a rider:    ${url}/rider#token=${token}
`;
}
