import type { Attributes } from '../fix.ts';

/** A condition on attributes: each key must have one of the allowed values, compared by their text. */
export type Where = Readonly<Record<string, AttributeValue | readonly AttributeValue[]>>;
type AttributeValue = string | number | boolean;

/** Whether a driver with these attributes meets the condition. */
export type Test = (attributes: Attributes | undefined) => boolean;

/**
 * Compiles a condition. Values are compared as text, so that `seats=4` in a query string and `"seats":4` in a message mean
 * the same; a driver that lacks a key does not meet it. `undefined` when there is no condition.
 */
export function compileWhere(where: Where | undefined): Test | undefined {
  if (where === undefined) return undefined;
  const conditions = Object.entries(where).map(
    ([key, allowed]) => [key, new Set((Array.isArray(allowed) ? allowed : [allowed]).map(String))] as const,
  );
  if (conditions.length === 0) return undefined;
  return (attributes) => {
    if (attributes === undefined) return false;
    for (const [key, allowed] of conditions) {
      if (!Object.hasOwn(attributes, key) || !allowed.has(String(attributes[key]))) return false;
    }
    return true;
  };
}
