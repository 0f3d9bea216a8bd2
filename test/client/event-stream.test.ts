import { expect, test } from 'vitest';
import { EventStreamParser, type StreamEvent } from '../../src/client/event-stream.ts';
import { type Random, seeded } from '../support/random.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** What a parser makes of a text that comes in pieces of so many bytes. */
function read(text: string, sizes: () => number = () => text.length * 4 + 1) {
  const parser = new EventStreamParser();
  const bytes = bytesOf(text);
  const events: StreamEvent[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + sizes();
    events.push(...parser.read(bytes.subarray(at, end)));
    at = end;
  }
  return { events, parser };
}

const told = (text: string) => read(text).events.map(({ type, data }) => [type, data]);

// HTML Standard, 9.2.6 and its beginning.
test.each([
  [
    'three messages',
    'data: This is the first message.\n\ndata: This is the second message, it\ndata: has two lines.\n\ndata: This is the third message.\n\n',
    [
      ['message', 'This is the first message.'],
      ['message', 'This is the second message, it\nhas two lines.'],
      ['message', 'This is the third message.'],
    ],
  ],
  [
    'events with names',
    'event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n',
    [
      ['add', '73857293'],
      ['remove', '2153'],
      ['add', '113411'],
    ],
  ],
  ['the stock', 'data: YHOO\ndata: +2\ndata: 10\n\n', [['message', 'YHOO\n+2\n10']]],
  [
    'a comment, ids, and an end that is none',
    ': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event',
    [
      ['message', 'first event'],
      ['message', 'second event'],
    ],
  ],
  [
    'events of nothing and of a line end',
    'data\n\ndata\ndata\n\ndata:',
    [
      ['message', ''],
      ['message', '\n'],
    ],
  ],
  [
    'one space that is left out',
    'data:test\n\ndata: test\n\ndata:  test\n\n',
    [
      ['message', 'test'],
      ['message', 'test'],
      ['message', ' test'],
    ],
  ],
  ['a byte order mark, at the beginning alone', '\uFEFFdata: a\n\n\uFEFFdata: b\n\n', [['message', 'a']]],
  ['an event without data, whose name is forgotten', 'event: a\n\ndata: b\n\n', [['message', 'b']]],
  ['fields that nobody knows', 'Data: a\nda ta: b\ndata : c\nx\n:data: d\ndata: e\n\n', [['message', 'e']]],
  ['a name that comes twice', 'event: a\nevent: b\ndata: c:d\n\n', [['b', 'c:d']]],
])('[14.1] the standard’s examples: %s', (_, text, expected) => {
  expect(told(text)).toEqual(expected);
  expect(told(text.replaceAll('\n', '\r\n'))).toEqual(expected);
  expect(told(text.replaceAll('\n', '\r'))).toEqual(expected);
});

test('an id is of its event and of those after it, also one without data; an empty one takes it back', () => {
  const { events, parser } = read(
    'data: a\n\nid: 1\ndata: b\n\ndata: c\n\nid: x\0y\ndata: d\n\nid\ndata: e\n\n:\nid: 7\n\n',
  );
  expect(events.map(({ lastEventId }) => lastEventId)).toEqual(['', '1', '1', '1', '']);
  expect(parser.lastEventId).toBe('7');
  expect(read('id: 1\n\nid: 2\n').parser.lastEventId).toBe('1');
});

test('retry is a number of digits alone', () => {
  const retryOf = (value: string) => read(`retry: 5\nretry:${value}\n\n`).parser.retry;
  expect(['10', ' 10', '010', '-1', '1e3', '1.5', '', ' ', '  10', '１'].map(retryOf)).toEqual([
    10, 10, 10, 5, 5, 5, 5, 5, 5, 5,
  ]);
  expect(read('data: a\n\n').parser.retry).toBeUndefined();
});

/** A stream of events, and what they are; all kinds of line ends, of characters, and of what says nothing. */
function madeUp(random: Random) {
  let text = random.pick(['', '\uFEFF']);
  const events: StreamEvent[] = [];
  let lastEventId = '';
  const end = () => random.pick(['\n', '\r', '\r\n']);
  const words = () =>
    Array.from({ length: random.below(5) }, () => random.pick(['a', ':', ' ', 'é', '漢', '🚕', '\uFEFF', '{"x":1}']));
  for (let n = random.below(20); n > 0; n--) {
    let type = 'message';
    const data: string[] = [];
    for (let lines = random.below(6); lines > 0; lines--) {
      const value = words().join('');
      const kind = random.pick(['data', 'data', 'event', 'id', 'comment', 'other']);
      const said = `${random.pick([':', ': '])}${value}`;
      const read = said.startsWith(': ') ? said.slice(2) : said.slice(1);
      text += `${kind === 'comment' ? '' : kind}${said}`;
      // A line feed after it would be of the same line end.
      text += end();
      if (kind === 'data') data.push(read);
      else if (kind === 'event') type = read || 'message';
      else if (kind === 'id') lastEventId = read;
    }
    text += text.endsWith('\r') ? random.pick(['\r', '\r\n']) : end();
    if (data.length > 0) events.push({ type, data: data.join('\n'), lastEventId });
  }
  return { text, events };
}

test('wherever it is cut, in the middle of a character or of a line end, the events are the same', () => {
  const random = seeded('cuts of an event stream');
  for (let round = 0; round < 300; round++) {
    const { text, events } = madeUp(random);
    const most = random.pick([1, 2, 3, 10, 100]);
    expect(read(text).events, JSON.stringify(text)).toEqual(events);
    expect(read(text, () => random.below(most) + 1).events, JSON.stringify(text)).toEqual(events);
  }
});

test('pieces of nothing change nothing', () => {
  const parser = new EventStreamParser();
  const pieces = ['data: a\r', '', '\n', '', '\r', '', '\ndata: b\n', '\n'];
  const events = pieces.flatMap((piece) => parser.read(bytesOf(piece)));
  expect(events.map(({ data }) => data)).toEqual(['a', 'b']);
});

test.each([
  ['a line without end', 'data: ', 'x'.repeat(7)],
  ['a comment without end', ': ', 'x'.repeat(7)],
  ['lines without end', '', `data: ${'x'.repeat(7)}\n`],
  ['empty lines of data without end', '', 'data\n'],
])('%s is given up at the limit, and not before', (_, first, more) => {
  const parser = new EventStreamParser(1_000);
  parser.read(bytesOf(first));
  let sent = 0;
  const sendOn = () => {
    while (sent < 10_000) {
      parser.read(bytesOf(more));
      sent += more.replace('data: ', '').length;
    }
  };
  expect(sendOn).toThrow(RangeError);
  expect(sent).toBeGreaterThan(900);
  expect(sent).toBeLessThan(6_000);
  const patient = new EventStreamParser(1_000);
  for (let n = 0; n < 100; n++) expect(patient.read(bytesOf(`data: ${'x'.repeat(990)}\n\n`)).length).toBe(1);
});
