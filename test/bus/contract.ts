import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Bus, BusAway } from '../../src/bus/bus.ts';
import { seeded } from '../support/random.ts';
import { Ear } from './listening.ts';

/** What all buses under test are connected to. */
export interface BusSubject {
  /** The bus of another process, not listened to yet. */
  open(): Bus;
  /** How many have a channel open, by way of anything but a bus. */
  subscribersOf(channel: string): Promise<number>;
  /** Cuts all buses off. */
  takeAway(): Promise<void>;
  bringBack(): Promise<void>;
  close(): Promise<void>;
}

/** What every bus has to keep. @param awayTest where it takes long to be away: a test that is run by those who have time */
export function busContract(name: string, start: () => Promise<BusSubject>, awayTest: typeof it = it): void {
  describe(`the ${name} bus`, () => {
    let subject: BusSubject;
    const ears: Ear[] = [];
    let names = 0;

    beforeAll(async () => {
      subject = await start();
    });
    afterEach(async () => {
      const all = ears.splice(0);
      await Promise.all(all.map((ear) => ear.bus.close()));
      expect(all.flatMap((ear) => ear.contradictions)).toEqual([]);
    });
    afterAll(() => subject?.close());

    const open = async (count: number) => {
      const opened = Array.from({ length: count }, () => new Ear(subject.open()));
      ears.push(...opened);
      await Promise.all(opened.map((ear) => ear.up()));
      return opened;
    };
    /** A channel that no other test uses. */
    const fresh = () => `nearcast/fleet-${names++}/1a2b3c`;

    it('lets all who subscribed hear what is published, the publisher too, and nobody else', async () => {
      const [a, b, c] = await open(3);
      const channel = fresh();
      const other = fresh();
      await Promise.all([a.bus.subscribe([channel, other]), b.bus.subscribe([channel]), c.bus.subscribe([other])]);
      for (let i = 0; i < 100; i++) a.bus.publish(channel, Buffer.from(`${i}`));
      a.bus.publish(channel, Buffer.from('end'));
      a.bus.publish(other, Buffer.from('end'));
      await Promise.all([a.hears(channel, 'end'), b.hears(channel, 'end'), c.hears(other, 'end')]);
      const all = [...Array.from({ length: 100 }, (_, i) => `${i}`), 'end'];
      // Each once.
      expect(a.texts(channel).sort()).toEqual([...all].sort());
      expect(b.texts(channel).sort()).toEqual([...all].sort());
      expect(c.texts(channel)).toEqual([]);
      for (const ear of [a, b, c]) expect([...ear.told('lost'), ...ear.told('unsent')]).toEqual([]);
    });

    it('hears all that is published once it is subscribed, however soon', async () => {
      const [a, b] = await open(2);
      for (let i = 0; i < 50; i++) {
        const channel = fresh();
        await b.bus.subscribe([channel]);
        a.bus.publish(channel, Buffer.from('now'));
        await b.hears(channel, 'now');
      }
    });

    it('delivers any bytes on any channel', async () => {
      const [ear] = await open(1);
      const channels = ['é/ü %2F 🚕', 'a b\r\nc', '{tag}/x', '{}/x', '}{', `${'x'.repeat(300)}`].map(
        (each) => fresh() + each,
      );
      const contents = [
        Buffer.alloc(0),
        Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
        Buffer.from('\r\n$-1\r\n>3\r\n'),
        Buffer.alloc(1_000_000, 'äöü'),
      ];
      await ear.bus.subscribe(channels);
      for (const channel of channels) for (const data of contents) ear.bus.publish(channel, data);
      await ear.until(() => ear.heard.length === channels.length * contents.length, 'all is heard');
      for (const channel of channels) {
        const got = ear.heard.filter((message) => message.channel === channel).map(({ data }) => data);
        expect(got.map((data) => data.length).sort()).toEqual(contents.map((data) => data.length).sort());
        for (const data of contents) expect(got.some((other) => other.equals(data))).toBe(true);
      }
    });

    it('carries thousands of channels', async () => {
      const [a, b] = await open(2);
      const prefix = fresh();
      const channels = Array.from({ length: 2_000 }, (_, i) => `${prefix}/${i}`);
      await b.bus.subscribe(channels);
      for (const channel of channels) a.bus.publish(channel, Buffer.from(channel));
      await b.until(() => b.heard.length >= channels.length, 'all is heard');
      expect(new Set(b.heard.map(({ channel }) => channel)).size).toBe(channels.length);
      expect(b.heard.every(({ channel, data }) => data.toString() === channel)).toBe(true);
      b.bus.unsubscribe(channels);
      await until(async () => (await subject.subscribersOf(channels[1_999])) === 0);
      expect(await subject.subscribersOf(channels[0])).toBe(0);
    });

    it('hears no more of what is unsubscribed', async () => {
      const [a, b] = await open(2);
      const [gone, kept] = [fresh(), fresh()];
      await b.bus.subscribe([gone, kept]);
      b.bus.unsubscribe([gone]);
      await until(async () => (await subject.subscribersOf(gone)) === 0);
      a.bus.publish(gone, Buffer.from('to nobody'));
      a.bus.publish(kept, Buffer.from('to b'));
      await b.hears(kept, 'to b');
      expect(b.texts(gone)).toEqual([]);
    });

    it('does what was asked for last, however fast it changes', async () => {
      const random = seeded(`the ${name} bus`);
      const [a, b] = await open(2);
      const channels = Array.from({ length: 20 }, fresh);
      for (let i = 0; i < 300; i++) {
        const some = channels.filter(() => random.next() < 0.3);
        if (random.next() < 0.5) void b.bus.subscribe(some);
        else b.bus.unsubscribe(some);
        // Sometimes within a turn, sometimes while the server is being asked.
        const turns = random.below(4);
        for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
      }
      const [gone, kept] = [channels.slice(0, 5), channels.slice(5)];
      b.bus.unsubscribe(gone);
      await b.bus.subscribe([...kept, ...kept]);
      for (const channel of kept) a.bus.publish(channel, Buffer.from(channel));
      for (const channel of kept) await b.hears(channel, channel);
      expect(b.heard).toHaveLength(kept.length);
      for (const channel of gone) await until(async () => (await subject.subscribersOf(channel)) === 0);
      for (const channel of kept) expect(await subject.subscribersOf(channel)).toBe(1);
    });

    it('is heard as soon as one who waits has subscribed, though another has before', async () => {
      const [ear] = await open(1);
      const channel = fresh();
      await Promise.all([ear.bus.subscribe([channel]), ear.bus.subscribe([channel]), ear.bus.subscribe([])]);
      await ear.bus.subscribe([channel]);
      ear.bus.publish(channel, Buffer.from('once'));
      ear.bus.publish(channel, Buffer.from('end'));
      await ear.hears(channel, 'end');
      expect(ear.texts(channel)).toEqual(['once', 'end']);
    });

    awayTest('says when it is away, what may have been missed, and what was not sent', async () => {
      const [a, b] = await open(2);
      const channels = Array.from({ length: 700 }, fresh);
      const [late, dropped] = [fresh(), fresh()];
      await b.bus.subscribe([...channels, dropped]);
      const since = b.events.length;
      await subject.takeAway();
      await Promise.all([a.down(), b.down()]);
      a.bus.publish(channels[0], Buffer.from('lost'));
      await a.until(() => a.told('unsent').has(channels[0]), 'it is told as not sent');
      await expect(b.bus.subscribe([late])).rejects.toThrow(BusAway);
      await expect(b.bus.subscribe([channels[1]])).rejects.toThrow(BusAway);
      b.bus.unsubscribe([dropped]);
      await subject.bringBack();
      await Promise.all([a.up(), b.up()]);

      // All that is subscribed, and nothing else, before it is said to be up.
      const untilUp = b.events.slice(
        since,
        b.events.findLastIndex(([what]) => what === 'up'),
      );
      const lost = new Set(untilUp.flatMap((event) => (event[0] === 'lost' ? event[1] : [])));
      expect([...lost].sort()).toEqual([...channels, late].sort());
      expect(b.told('lost', since)).toEqual(lost);

      const again = [...channels, late];
      for (const channel of again) a.bus.publish(channel, Buffer.from('again'));
      for (const channel of again) await b.hears(channel, 'again');
      expect(await subject.subscribersOf(dropped)).toBe(0);
      expect(b.heard).toHaveLength(again.length);
    });

    it('says nothing more once it is closed', async () => {
      const [a, b] = await open(2);
      const channel = fresh();
      await Promise.all([a.bus.subscribe([channel]), b.bus.subscribe([channel])]);
      a.bus.publish(channel, Buffer.from('before'));
      await a.hears(channel, 'before');
      const waiting = a.bus.subscribe([fresh()]).catch((error) => error);
      await a.bus.close();
      const closed = a.events.length;
      expect(a.bus.isUp).toBe(false);
      expect((await waiting) === undefined || (await waiting) instanceof BusAway).toBe(true);
      await expect(a.bus.subscribe([channel])).rejects.toThrow(BusAway);
      a.bus.unsubscribe([channel]);
      a.bus.publish(channel, Buffer.from('from beyond'));
      b.bus.publish(channel, Buffer.from('after'));
      await b.hears(channel, 'after');
      await a.bus.close();
      expect(a.events).toHaveLength(closed);
      expect(b.texts(channel)).toEqual(['before', 'after']);
    });

    it('sends what was published just before it is closed', async () => {
      const [a, b] = await open(2);
      const channel = fresh();
      await b.bus.subscribe([channel]);
      a.bus.publish(channel, Buffer.from('last words'));
      await a.bus.close();
      await b.hears(channel, 'last words');
    });
  });
}

/** Asks until it is so. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error('It did not become so');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
