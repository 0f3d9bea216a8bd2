/**
 * The sum of a metric over its series, in Prometheus's text format; undefined when it is not there.
 *
 * @param label as it is written there, such as `direction="out"`: only of series that have it
 */
export function total(text: string, name: string, label = ''): number | undefined {
  let sum: number | undefined;
  for (const line of text.split('\n')) {
    if (!line.startsWith(name)) continue;
    const [, labels, value] = /^(\{.*\})? (\S+)$/.exec(line.slice(name.length)) ?? [];
    if (value !== undefined && (labels ?? '').includes(label)) sum = (sum ?? 0) + Number(value);
  }
  return sum;
}
