/** A copy of a typed array with another length; what it gained is 0. */
export function resized<T extends Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array>(
  array: T,
  length: number,
): T {
  const copy = new (array.constructor as new (length: number) => T)(length);
  copy.set((length < array.length ? array.subarray(0, length) : array) as never);
  return copy;
}
