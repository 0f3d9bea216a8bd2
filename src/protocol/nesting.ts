/** How deep the objects and lists of a JSON text may lie in each other. A GeoJSON area takes seven. */
export const MAX_DEPTH = 32;

/**
 * With no more objects and lists than this a text is parsed in less than a millisecond however they lie, and it is not looked
 * at: a thousand fixes with attributes have 2,002, and to find out how deep they lie would take as long as half of parsing.
 */
export const MANY = 2_500;

/** What is said of a text that goes deeper. */
export const TOO_DEEP = `The JSON is nested more than ${MAX_DEPTH} deep`;

/**
 * Whether many objects and lists lie too deep in each other. To be asked before the text is parsed: a mebibyte of brackets
 * takes 130 ms, and whoever walks what comes of it recurses as deep.
 *
 * What is not JSON may be called anything: up to its first fault it is read here as a parser would.
 */
export function isTooDeep(text: string): boolean {
  return hasMany(text) && depthExceeds(text);
}

function hasMany(text: string): boolean {
  if (text.length <= MANY) return false;
  let left = MANY;
  for (let at = text.indexOf('{'); at !== -1; at = text.indexOf('{', at + 1)) if (--left < 0) return true;
  for (let at = text.indexOf('['); at !== -1; at = text.indexOf('[', at + 1)) if (--left < 0) return true;
  return false;
}

function depthExceeds(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = endOfString(text, at);
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > MAX_DEPTH) return true;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
    }
  }
  return false;
}

/** Where the string ends that begins at an index; the end of the text if it does not. By steps: most are short names. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return at;
    // What follows a backslash ends nothing.
    if (code === 0x5c) at++;
  }
  return text.length;
}
