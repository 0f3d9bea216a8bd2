import { Ajv, type ValidateFunction } from 'ajv';
import { parse } from 'yaml';
import { clientMessages } from '../../src/asyncapi/client-messages.ts';
import { asyncApi } from '../../src/asyncapi/document.ts';
import { serverMessages } from '../../src/asyncapi/server-messages.ts';
import { VERSION } from '../../src/version.ts';

export const MAX_RADIUS = 100_000;

/** What the contract is made from. */
export const described = { ...clientMessages(MAX_RADIUS), ...serverMessages };
export type Name = keyof typeof described;
export const names = Object.keys(described) as Name[];

/** The contract as whoever reads the file has it. */
export const document = parse(asyncApi(VERSION, MAX_RADIUS));

// A keyword that JSON Schema does not know is a mistake.
const ajv = new Ajv({ strictSchema: true, strictTypes: false, strictRequired: false, allErrors: true });
// Its pattern says the same.
ajv.addFormat('date-time', true);
ajv.addKeyword('components');

/** A validator of a schema that may refer to the components. */
export function validator(schema: object): ValidateFunction {
  return ajv.compile({ ...schema, components: document.components });
}

/** Validators of the messages, by name. */
export const valid = Object.fromEntries(
  names.map((name) => [name, validator(document.components.messages[name].payload)]),
) as Record<Name, ValidateFunction>;
