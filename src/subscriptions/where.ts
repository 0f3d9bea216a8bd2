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
  const conditions = Object.entries(where).map(([key, allowed]) => compileCondition(key, allowed));
  if (conditions.length === 0) return undefined;
  if (conditions.length === 1) return conditions[0];
  return (attributes) => {
    for (const condition of conditions) if (!condition(attributes)) return false;
    return true;
  };
}

function compileCondition(key: string, allowed: AttributeValue | readonly AttributeValue[]): Test {
  const texts = new Set((Array.isArray(allowed) ? allowed : [allowed]).map(String));
  const [first] = texts;
  const isAllowed = texts.size === 1 ? (text: string) => text === first : (text: string) => texts.has(text);
  return (attributes) => {
    const value = attributes?.[key];
    // What an object has beside its own keys, such as `constructor`, is never of these types.
    if (typeof value === 'string') return isAllowed(value);
    return (typeof value === 'number' || typeof value === 'boolean') && isAllowed(String(value));
  };
}
