/** Into so many slots a Redis Cluster parts what it has; each is one master's. */
export const SLOTS = 16_384;

/** CRC16 (XMODEM) of each byte. */
const CRC = new Uint16Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  CRC[byte] = crc;
}

/** The slot of a channel: of what stands in its first braces, if there is something, as Redis has it. */
export function slotOf(channel: string): number {
  const open = channel.indexOf('{');
  const close = open === -1 ? -1 : channel.indexOf('}', open + 1);
  const hashed = close > open + 1 ? channel.slice(open + 1, close) : channel;
  let crc = 0;
  for (let i = 0; i < hashed.length; i++) {
    const code = hashed.charCodeAt(i);
    if (code > 127) return crcOf(Buffer.from(hashed)) % SLOTS;
    crc = ((crc << 8) & 0xffff) ^ CRC[(crc >> 8) ^ code];
  }
  return crc % SLOTS;
}

function crcOf(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ CRC[(crc >> 8) ^ byte];
  return crc;
}
