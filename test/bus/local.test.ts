import { describe, expect, it } from 'vitest';
import { type LocalBus, LocalHub } from '../../src/bus/local.ts';
import { busContract } from './contract.ts';
import { Ear } from './listening.ts';

busContract('local', async () => {
  const hub = new LocalHub();
  const buses: LocalBus[] = [];
  return {
    open: () => {
      const bus = hub.bus();
      buses.push(bus);
      return bus;
    },
    subscribersOf: async (channel) => buses.filter((bus) => bus.hears(channel)).length,
    takeAway: async () => {
      for (const bus of buses) hub.cut(bus);
    },
    bringBack: async () => {
      for (const bus of buses) hub.heal(bus);
    },
    close: async () => {},
  };
});

describe('the switches of a local hub', () => {
  const open = async () => {
    const hub = new LocalHub();
    const [a, b] = [new Ear(hub.bus()), new Ear(hub.bus())];
    await b.bus.subscribe(['c']);
    return { hub, a, b, say: (text: string) => a.bus.publish('c', Buffer.from(text)) };
  };

  it('drop, double and reorder what they are told to', async () => {
    const { hub, b, say } = await open();
    hub.dropNext(2);
    for (const text of ['1', '2', '3']) say(text);
    await b.hears('c', '3');
    hub.duplicateNext(1);
    for (const text of ['4', '5']) say(text);
    await b.hears('c', '5');
    hub.reorder();
    for (const text of ['6', '7']) say(text);
    await b.hears('c', '6');
    expect(b.texts('c')).toEqual(['3', '4', '4', '5', '7', '6']);
    expect([...b.told('lost')]).toEqual([]);
  });

  it('cut one bus off, which loses what is on its way', async () => {
    const { hub, a, b, say } = await open();
    say('on its way');
    hub.cut(b.bus as LocalBus);
    say('to nobody');
    hub.heal(b.bus as LocalBus);
    say('after');
    await b.hears('c', 'after');
    expect(b.texts('c')).toEqual(['after']);
    expect(b.events.slice(0, -1)).toEqual([['up'], ['down'], ['lost', ['c']], ['up']]);
    expect(a.count('down')).toBe(0);
  });
});
