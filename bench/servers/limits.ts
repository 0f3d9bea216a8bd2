/** Settings for benches: all their clients come from one address, and some send as much as many would. Counted they are all the same. */
export const LIMITS = {
  MAX_HANDSHAKES_PER_MINUTE: '0',
  MAX_MESSAGES_PER_SECOND: '1000000',
  MAX_BYTES_PER_SECOND: '1000000000',
};
