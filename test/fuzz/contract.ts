import { readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';

/** A JSON Schema, as far as values are made from it. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema | boolean;
  readonly prefixItems?: readonly Schema[];
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly format?: string;
  readonly example?: unknown;
  readonly examples?: readonly unknown[];
}

/** A call of the REST contract. */
export interface Operation {
  readonly id: string;
  readonly method: string;
  /** With its parameters in braces. */
  readonly path: string;
  readonly query: Schema;
  readonly pathParameters: Schema;
  readonly headers: Schema;
  /** Of its body, by content type. */
  readonly bodies: readonly { readonly type: string; readonly schema: Schema }[];
  /** Judges of what it may answer: by status, then by content type. A status without any has no body. */
  readonly answers: ReadonlyMap<number, ReadonlyMap<string, (body: unknown) => string | undefined>>;
}

/** Says what is wrong with a value, or nothing. */
export type Judge = (value: unknown) => string | undefined;

interface OpenApiOperation {
  readonly operationId: string;
  readonly parameters?: readonly { name: string; in: string; required?: boolean; schema: Schema }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: Schema }> };
  readonly responses: Record<string, { readonly content?: Record<string, { readonly schema: Schema }> }>;
}

const read = (name: string) => parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'));
const openApi = read('openapi.yaml');
const asyncApi = read('asyncapi.yaml');

// Whoever reads the contract has the file alone; so does the fuzz.
const rest = new Ajv2020({ strict: false });
const webSocket = new Ajv({ strict: false });
for (const ajv of [rest, webSocket]) ajv.addFormat('date-time', true);

function judge(ajv: Ajv | Ajv2020, schema: object, components: unknown): Judge {
  let validate: ValidateFunction | undefined;
  return (value) => {
    validate ??= ajv.compile({ ...schema, components });
    return validate(value) ? undefined : ajv.errorsText(validate.errors, { dataVar: '' }).slice(0, 300);
  };
}

/** Every call of the REST contract. */
export const operations: readonly Operation[] = Object.entries(
  openApi.paths as Record<string, Record<string, OpenApiOperation>>,
).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    id: operation.operationId,
    method: method.toUpperCase(),
    path,
    query: parameters(operation, 'query'),
    pathParameters: parameters(operation, 'path'),
    headers: parameters(operation, 'header'),
    bodies: Object.entries(operation.requestBody?.content ?? {}).map(([type, { schema }]) => ({ type, schema })),
    answers: new Map(
      Object.entries(operation.responses).map(([status, { content = {} }]) => [
        Number(status),
        new Map(
          Object.entries(content).map(([type, { schema }]) => [type, judge(rest, schema, openApi.components)] as const),
        ),
      ]),
    ),
  })),
);

function parameters({ parameters = [] }: OpenApiOperation, place: string): Schema {
  const own = parameters.filter((parameter) => parameter.in === place);
  return {
    type: 'object',
    properties: Object.fromEntries(own.map(({ name, schema }) => [name, schema])),
    required: own.filter(({ required }) => required).map(({ name }) => name),
  };
}

const patterns = operations
  .map((operation) => ({ operation, pattern: new RegExp(`^${operation.path.replace(/\{\w+\}/g, '[^/]+')}$`) }))
  // A path without parameters goes before one in which it would be a parameter.
  .sort((a, b) => Number(a.operation.path.includes('{')) - Number(b.operation.path.includes('{')));

/** The operation that a request is of; HEAD is of none. */
export function operationOf(method: string, target: string): Operation | undefined {
  const path = target.split(/[?#]/, 1)[0];
  // Whatever the method of a path without parameters, its name is no driver's.
  const own = patterns.filter(({ pattern }) => pattern.test(path));
  const exact = own.filter(({ operation }) => operation.path === path);
  return (exact.length > 0 ? exact : own).find(({ operation }) => operation.method === method)?.operation;
}

/** Judges a problem, whatever it answers. */
export const judgeProblem = judge(rest, { $ref: '#/components/schemas/Problem' }, openApi.components);

const inChannel = (action: string): string[] => {
  const names = new Set<string>();
  for (const { action: own, messages, reply } of Object.values<{
    action: string;
    messages: { $ref: string }[];
    reply?: { messages: { $ref: string }[] };
  }>(asyncApi.operations)) {
    // What is sent is also what a client's messages are answered by.
    for (const { $ref } of own === action ? messages : []) names.add($ref.split('/').at(-1) as string);
    for (const { $ref } of action === 'send' ? (reply?.messages ?? []) : [])
      names.add($ref.split('/').at(-1) as string);
  }
  return [...names];
};

/** A message that a client may send. */
export interface ClientMessage {
  readonly name: string;
  readonly schema: Schema;
}

/** The messages of a client on the WebSocket. */
export const clientMessages: readonly ClientMessage[] = inChannel('receive').map((name) => ({
  name,
  schema: asyncApi.components.messages[name].payload,
}));

/** The query string of the WebSocket's URL. */
export const handshakeQuery: Schema = asyncApi.channels.ws.bindings.ws.query;

const serverMessages = inChannel('send').map((name) => {
  const { payload } = asyncApi.components.messages[name];
  return { type: typeOf(payload), judge: judge(webSocket, payload, asyncApi.components) };
});

function typeOf(schema: Schema): unknown {
  return resolve(schema).properties?.type?.const;
}

/** Judges a message of the server: what is wrong with it, or nothing. */
export const judgeMessage: Judge = (message) => {
  const type = (message as { type?: unknown } | null)?.type;
  const candidates = serverMessages.filter((one) => one.type === type);
  if (candidates.length === 0) return `there is no message of type ${JSON.stringify(type)}`;
  let wrong: string | undefined;
  for (const { judge } of candidates) {
    wrong = judge(message);
    if (wrong === undefined) return undefined;
  }
  return `${type}${wrong}`;
};

/** The codes by which the server closes a WebSocket. */
export const closeCodes: ReadonlySet<number> = new Set(
  (asyncApi.channels.ws['x-close-codes'] as { code: number }[]).map(({ code }) => code),
);

/** The schema that a reference means, in either contract. */
export function resolve(schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const name = schema.$ref.split('/').at(-1) as string;
  return resolve(asyncApi.components.schemas[name] ?? openApi.components.schemas[name]);
}
