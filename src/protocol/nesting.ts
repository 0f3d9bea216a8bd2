/** How deep the objects and lists of a JSON text may lie in each other. A GeoJSON area takes seven. */
export const MAX_DEPTH = 32;

/** What is said of a text that goes deeper. */
export const TOO_DEEP = `The JSON is nested more than ${MAX_DEPTH} deep`;

/**
 * Whether objects and lists lie too deep in each other. To be asked before the text is parsed: a mebibyte of brackets takes
 * 130 ms, and whoever walks what comes of it recurses as deep.
 *
 * What is not JSON may be called anything: up to its first fault it is read here as a parser would.
 */
export function isTooDeep(text: string): boolean {
  return hasManyOpen(text) && depthExceeds(text);
}

/** Most messages have a few brackets alone, and those are found quicker than what is between them is read. */
function hasManyOpen(text: string): boolean {
  if (text.length <= MAX_DEPTH) return false;
  let left = MAX_DEPTH;
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

/** Where the string ends that begins at an index; the end of the text if it does not. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end === -1 ? text.length : end;
}

/** Whether an odd number of backslashes stands before a character of a string. */
function isEscaped(text: string, at: number): boolean {
  let from = at;
  while (text.charCodeAt(from - 1) === 0x5c) from--;
  return (at - from) % 2 === 1;
}
