import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { asyncApi } from '../../src/asyncapi/document.ts';
import { loadConfig } from '../../src/config.ts';
import { AREA_FIELDS } from '../../src/protocol/area.ts';
import { subscribeMessageSchema, subscribeQuerySchema } from '../../src/protocol/client-messages.ts';
import { CLOSE, CLOSE_CODES } from '../../src/protocol/close-codes.ts';
import { VERSION } from '../../src/version.ts';
import { startServer } from '../support/server.ts';
import { described, document, MAX_RADIUS, names, valid, validator } from './contract.ts';

const { messages } = document.components;

test('asyncapi.yaml is what the schemas say; if not, npm run contracts writes it anew', () => {
  expect(asyncApi(VERSION, loadConfig({}).maxRadiusMeters)).toBe(readFileSync('asyncapi.yaml', 'utf8'));
});

test('the schema of AsyncAPI 3.0 itself has no objection to it', () => {
  const specification = JSON.parse(readFileSync('node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json', 'utf8'));
  // Its formats (uri, email) are not what it is asked about.
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  const isValid = ajv.compile(specification);
  isValid(document);
  expect(isValid.errors).toBe(null);
  expect(isValid({ ...document, chanels: {} })).toBe(false);
  expect(isValid({ ...document, operations: { send: { action: 'shout' } } })).toBe(false);
});

test('it is served without a token, with the limits of this server', async () => {
  const server = await startServer({ env: { MAX_RADIUS_METERS: '1234' } });
  const served = await server.get('/asyncapi.yaml', {});
  expect(served.headers.get('content-type')).toMatch('application/yaml');
  const text = await served.text();
  expect(text).toBe(asyncApi(VERSION, 1234));
  expect(parse(text).components.messages.subscribe.payload.properties.radius.maximum).toBe(1234);
});

test('every reference resolves, and every component is referred to', () => {
  const text = JSON.stringify(document);
  const references = new Set([...text.matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path));
  for (const path of references) {
    let part: unknown = document;
    for (const key of path.split('/')) part = (part as Record<string, unknown>)[key];
    expect(part, path).toBeTypeOf('object');
  }
  for (const [kind, components] of Object.entries<object>(document.components))
    for (const name of Object.keys(components)) expect(references).toContain(`components/${kind}/${name}`);
});

test('every message is on the channel and in an operation that sends or receives it', () => {
  expect(Object.keys(document.channels.ws.messages)).toEqual(names);
  // biome-ignore lint/suspicious/noExplicitAny: what was read
  const told = Object.values<any>(document.operations).flatMap(({ messages, reply }) => [
    ...messages,
    ...(reply?.messages ?? []),
  ]);
  expect(new Set(told.map(({ $ref }) => $ref))).toEqual(new Set(names.map((name) => `#/channels/ws/messages/${name}`)));
});

describe.each(names)('the message %s', (name) => {
  const { title, summary, examples, schema } = described[name];

  test('has a name, a title, a summary and examples', () => {
    expect(messages[name]).toMatchObject({ name, title: expect.any(String), summary: expect.any(String) });
    expect(title.length * summary.length).toBeGreaterThan(0);
    expect(new Set(examples.map((example) => example.name)).size).toBe(examples.length);
    expect(examples.length).toBeGreaterThan(0);
  });

  test('has examples that are what its schema says, here and in the server', () => {
    for (const { payload } of examples) {
      expect(valid[name](payload), JSON.stringify(valid[name].errors)).toBe(true);
      schema.parse(payload);
    }
  });

  test('is taken or refused by the contract as by the server, whatever becomes of its fields', () => {
    const others = [undefined, null, true, '', 'x', '\n', -1, 0.5, 1e9, [], {}, [1, 2, 3, 4], 'x'.repeat(65)];
    for (const { payload } of examples) {
      for (const field of Object.keys(messages[name].payload.properties ?? payload)) {
        for (const other of others) {
          const message = JSON.parse(JSON.stringify({ ...payload, [field]: other }));
          const verdict = `${JSON.stringify(message)} ${schema.safeParse(message).success}`;
          expect(`${JSON.stringify(message)} ${valid[name](message)}`).toBe(verdict);
        }
      }
    }
  });
});

test('areas are of one kind and whole, or none, as the server has it', () => {
  const values = {
    latitude: [40, '40'],
    longitude: [-74, '-74'],
    radius: [100, '100'],
    bbox: [[-75, 39, -73, 41], '-75,39,-73,41'],
    polygon: [
      messages.subscribe.examples[2].payload.polygon,
      JSON.stringify(messages.subscribe.examples[2].payload.polygon),
    ],
    around: ['a', 'a'],
  } as const;
  const inMessage = subscribeMessageSchema(MAX_RADIUS);
  const inQuery = subscribeQuerySchema(MAX_RADIUS);
  const validQuery = validator(document.channels.ws.bindings.ws.query);
  let taken = 0;
  for (let subset = 0; subset < 2 ** AREA_FIELDS.length; subset++) {
    const fields = AREA_FIELDS.filter((_, i) => subset & (1 << i));
    const message = {
      type: 'subscribe',
      subscription: 's',
      ...Object.fromEntries(fields.map((field) => [field, values[field][0]])),
    };
    const query = Object.fromEntries(fields.map((field) => [field, values[field][1]]));
    // Numbers in a URL are text; a schema tells what they are read as.
    const read = Object.fromEntries(
      fields.map((field) => [field, typeof values[field][0] === 'number' ? values[field][0] : values[field][1]]),
    );
    const isTaken = inMessage.safeParse(message).success;
    expect(valid.subscribe(message), fields.join()).toBe(isTaken);
    expect(inQuery.safeParse(query).success).toBe(isTaken);
    expect(validQuery(read), fields.join()).toBe(isTaken);
    if (isTaken) taken++;
  }
  expect(taken).toBe(5);
});

test('every close code of the server is described, here and in docs/protocol.md', () => {
  const protocol = readFileSync('docs/protocol.md', 'utf8');
  expect(document.channels.ws['x-close-codes']).toEqual(CLOSE_CODES);
  for (const code of Object.values(CLOSE)) expect(CLOSE_CODES.map((told) => told.code)).toContain(code);
  for (const { code, why } of CLOSE_CODES) {
    expect(document.channels.ws.description).toContain(`| ${code} | ${why} |`);
    expect(protocol).toMatch(new RegExp(`^\\|.*\\b${code}\\b`, 'm'));
  }
});
