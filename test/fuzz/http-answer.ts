/** What came of an answer. */
export interface Answer {
  readonly status: number;
  /** Names in small letters; of several with one name the last. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  /** There is no more of it to come. */
  readonly complete: boolean;
  /** Bytes that it takes, as far as it came. */
  readonly length: number;
}

/** The bytes are not what HTTP/1.1 has for an answer. */
export class NoAnswer extends Error {
  override name = 'NoAnswer';
}

const STATUS_LINE = /^HTTP\/1\.1 (\d{3}) [\x20-\x7e]*$/;
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e\x80-\xff]*)$/;

/**
 * Reads the answer with which bytes begin (RFC 9112), as far as it came; undefined while its head is not complete. Says 100
 * and its like are passed over.
 *
 * @param isHead it answers HEAD
 * @param ended nothing more comes
 * @throws {NoAnswer}
 */
export function readAnswer(bytes: Buffer, isHead: boolean, ended: boolean): Answer | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) {
    if (bytes.length > 0 && !'HTTP/1.1 '.startsWith(bytes.toString('latin1', 0, 9)))
      throw new NoAnswer('no status line');
    return undefined;
  }
  const [first, ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n');
  const status = Number(STATUS_LINE.exec(first)?.[1] ?? Number.NaN);
  if (Number.isNaN(status)) throw new NoAnswer(`no status line: ${first.slice(0, 100)}`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = HEADER.exec(line) ?? [];
    if (name === undefined) throw new NoAnswer(`no header: ${line.slice(0, 100)}`);
    headers.set(name.toLowerCase(), value);
  }
  const start = headEnd + 4;
  if (status >= 100 && status < 200 && status !== 101) {
    const next = readAnswer(bytes.subarray(start), isHead, ended);
    return next && { ...next, length: next.length + start };
  }
  const none = isHead || status === 204 || status === 304 || status === 101;
  if (none) return { status, headers, body: Buffer.alloc(0), complete: true, length: start };
  if (headers.get('transfer-encoding') === 'chunked') {
    const { body, complete, end } = readChunks(bytes, start);
    return { status, headers, body, complete, length: end };
  }
  const stated = headers.get('content-length');
  if (stated === undefined) {
    const body = bytes.subarray(start);
    return { status, headers, body, complete: ended, length: bytes.length };
  }
  if (!/^\d+$/.test(stated)) throw new NoAnswer(`content-length: ${stated}`);
  const end = start + Number(stated);
  return { status, headers, body: bytes.subarray(start, end), complete: bytes.length >= end, length: end };
}

function readChunks(bytes: Buffer, start: number): { body: Buffer; complete: boolean; end: number } {
  const parts: Buffer[] = [];
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return { body: Buffer.concat(parts), complete: false, end: bytes.length };
    const line = bytes.toString('latin1', at, lineEnd);
    if (!/^[0-9a-f]+$/i.test(line)) throw new NoAnswer(`no chunk: ${line.slice(0, 100)}`);
    const size = Number.parseInt(line, 16);
    const end = lineEnd + 2 + size;
    parts.push(bytes.subarray(lineEnd + 2, end));
    if (bytes.length < end + 2) return { body: Buffer.concat(parts), complete: false, end: bytes.length };
    if (bytes.toString('latin1', end, end + 2) !== '\r\n') throw new NoAnswer('a chunk longer than it says');
    if (size === 0) return { body: Buffer.concat(parts), complete: true, end: end + 2 };
    at = end + 2;
  }
}
