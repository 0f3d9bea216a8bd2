import { describe, expect, it } from 'vitest';
import { faultOfRedisUrl, nameOf, parseRedisUrl } from '../../src/bus/redis-url.ts';

describe('a REDIS_URL', () => {
  it('names a server, by its defaults or in full', () => {
    expect(parseRedisUrl('redis://cache')).toEqual({ seeds: [{ host: 'cache', port: 6379 }], isTls: false });
    expect(parseRedisUrl('rediss://bus:p%40ss%2Cword@cache.example:7000/0')).toEqual({
      seeds: [{ host: 'cache.example', port: 7000 }],
      isTls: true,
      username: 'bus',
      password: 'p@ss,word',
    });
    expect(parseRedisUrl('redis://:secret@[::1]:7000/')).toEqual({
      seeds: [{ host: '::1', port: 7000 }],
      isTls: false,
      password: 'secret',
    });
    expect(nameOf({ host: '::1', port: 7000 })).toBe('[::1]:7000');
  });

  it('names several nodes of a cluster, in either way', () => {
    const seeds = [
      { host: 'a', port: 1 },
      { host: 'b', port: 6379 },
      { host: 'c', port: 3 },
    ];
    const target = { seeds, isTls: true, username: 'u', password: 'p' };
    expect(parseRedisUrl('rediss://u:p@a:1,b, c:3')).toEqual(target);
    expect(parseRedisUrl('rediss://u:p@a:1,rediss://u:p@b,rediss://c:3')).toEqual(target);
  });

  it.each([
    ['', /^must be a URL such as/],
    ['cache:6379', /^must be a URL such as/],
    ['http://cache', /^must be a URL such as/],
    ['redis://', /^must be a URL such as/],
    ['redis://cache:99999', /^must be a URL such as/],
    ['redis://cache/1', /^must name no database but 0/],
    ['redis://cache/x', /^must name no database but 0/],
    ['redis://cache?x=1', /^must have nothing after/],
    ['redis://cache#x', /^must have nothing after/],
    ['redis://user@cache', /^must have a password for its user/],
    ['redis://:%E0%A4@cache', /percent-encoded/],
    ['redis://cache%zz', /^must be a URL such as/],
    ['redis://cache%20x', /^must be a URL such as/],
    ['redis://cache:0', /^must be a URL such as/],
    ['redis://a,rediss://b', /^must have redis:\/\/ or rediss:\/\/ for all/],
    ['redis://:x@a,redis://:y@b', /^must have the same user and password/],
    ['redis://a,', /^must be a URL such as/],
    ['redis://:hush,hush@a', /%2C/],
    [`redis://a${',b'.repeat(100)}`, /^must name at most 100 nodes/],
  ])('is refused as %s, with the rule', (text, rule) => {
    expect(faultOfRedisUrl(text)).toMatch(rule);
    expect(() => parseRedisUrl(text)).toThrow(/^REDIS_URL must/);
  });

  it('is never quoted by its faults: it may hold a password', () => {
    for (const text of [
      'redis://:geheim@cache/7',
      'redis://u:geheim@',
      'geheim',
      'redis://:geheim,geheim@cache',
      'redis://geheim@a',
    ]) {
      expect(faultOfRedisUrl(text)).not.toContain('geheim');
    }
  });
});
