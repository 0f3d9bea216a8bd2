/** The limits that somebody can meet and go on, by what is limited. */
export const LIMITS = ['connections', 'subscriptions', 'handshakes', 'requests', 'messages', 'bytes'] as const;

/** How often each limit was met, since the start. */
export type Limited = Record<(typeof LIMITS)[number], number>;

/** None was met yet. */
export function notLimited(): Limited {
  return { connections: 0, subscriptions: 0, handshakes: 0, requests: 0, messages: 0, bytes: 0 };
}
