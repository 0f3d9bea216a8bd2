/** Where a server that listens at `url` is reached from this machine: every address is no address to connect to. */
export function reachable(url: string): string {
  return url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
}
