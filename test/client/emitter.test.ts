import { expect, test, vi } from 'vitest';
import { Emitter } from '../../src/client/emitter.ts';

test('listeners hear in their order, until they listen no more, each as often as it was added', () => {
  const emitter = new Emitter<{ a: number; b: string }>();
  const heard: string[] = [];
  const twice = (n: number) => heard.push(`twice ${n}`);
  const off = emitter.on('a', twice);
  emitter.on('a', twice);
  emitter.on('a', (n) => heard.push(`once ${n}`));
  emitter.emit('a', 1);
  off();
  emitter.emit('a', 2);
  emitter.emit('b', 'nobody');
  expect(heard).toEqual(['twice 1', 'twice 1', 'once 1', 'twice 2', 'once 2']);
});

test('what a listener throws is reported as uncaught, and keeps nothing from the others', () => {
  const uncaught: (() => void)[] = [];
  const spy = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((callback) => void uncaught.push(callback));
  try {
    const emitter = new Emitter<{ a: number }>();
    const heard: number[] = [];
    emitter.on('a', () => {
      throw new Error('of the application');
    });
    emitter.on('a', (n) => heard.push(n));
    emitter.emit('a', 1);
    expect(heard).toEqual([1]);
    expect(uncaught.length).toBe(1);
    expect(uncaught[0]).toThrow('of the application');
  } finally {
    spy.mockRestore();
  }
});

test('whoever starts to listen while an event is told hears the next one; whoever stops hears no more', () => {
  const emitter = new Emitter<{ a: number }>();
  const heard: string[] = [];
  const waitAgain = (): void => {
    const off = emitter.on('a', (n) => {
      off();
      heard.push(`again ${n}`);
      if (heard.length < 10) waitAgain();
    });
  };
  waitAgain();
  emitter.on('a', () => offLast());
  const offLast = emitter.on('a', (n) => heard.push(`last ${n}`));
  emitter.emit('a', 1);
  emitter.emit('a', 2);
  expect(heard).toEqual(['again 1', 'again 2']);
});
