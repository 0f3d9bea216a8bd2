import type { z } from 'zod';

/** An example of a message. */
export interface Example {
  readonly name: string;
  readonly summary?: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** What the contract says of a message beside its schema. */
export interface MessageText {
  readonly title: string;
  readonly summary: string;
  readonly description?: string;
  /** The field by which an answer is told to belong to what it answers. */
  readonly correlation?: 'messageId' | 'subscription';
  readonly examples: readonly Example[];
}

/** A message as the contract tells of it. */
export interface Message extends MessageText {
  readonly schema: z.ZodType;
}
