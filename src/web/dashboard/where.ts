import type { Where } from '../../client/index.ts';
import { chosenOf, listed } from './facets.ts';

/** Filters as a link says them: `status:available,busy;seats:4`; undefined where there are none. */
export function formatWhere(where: Where): string | undefined {
  const parts = Object.entries(where).map(
    ([name, allowed]) => `${encodeURIComponent(name)}:${listed(allowed).map(encodeURIComponent).join(',')}`,
  );
  return parts.length === 0 ? undefined : parts.join(';');
}

/** The filters that a link says; what it says badly is left out. */
export function parseWhere(text: string | undefined): Where {
  const parts = (text ?? '').split(';').filter((part) => part.includes(':'));
  return Object.fromEntries(
    parts.map((part) => {
      const [name, values] = part.split(':', 2);
      return [decoded(name), values.split(',').map(decoded)];
    }),
  );
}

/** With one value more, or less, of an attribute. */
export function toggled(where: Where, name: string, value: string): Where {
  const { [name]: _allowed, ...others } = where;
  const values = chosenOf(where, name);
  const next = values.includes(value) ? values.filter((other) => other !== value) : [...values, value];
  return next.length === 0 ? others : { ...others, [name]: next };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
