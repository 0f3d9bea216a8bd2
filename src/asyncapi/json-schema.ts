import { z } from 'zod';

/** A JSON Schema of draft 7, the dialect of AsyncAPI. */
export type JsonSchema = z.core.JSONSchema.BaseSchema;

/** Whether a schema is of what is taken (`input`) or of what is given (`output`). */
export type Side = 'input' | 'output';

/** Turns zod schemas into JSON Schemas. Those with an id are kept in `components`, where the others refer to them. */
export class JsonSchemas {
  readonly components: Record<string, JsonSchema> = {};

  of(schema: z.ZodType, side: Side): JsonSchema {
    const { $schema, definitions, ...json } = z.toJSONSchema(schema, {
      target: 'draft-07',
      io: side,
      // What is checked by hand says its shape by its metadata.
      unrepresentable: 'any',
      override: ({ jsonSchema }) => tidy(jsonSchema),
    });
    for (const [name, definition] of Object.entries(definitions ?? {})) {
      const component = referringToComponents(definition as JsonSchema);
      const known = this.components[name];
      if (known !== undefined && JSON.stringify(known) !== JSON.stringify(component)) {
        throw new Error(`Two schemas have the id ${name}`);
      }
      this.components[name] = component;
    }
    return referringToComponents(json);
  }
}

function tidy(json: JsonSchema): void {
  // The id is the component's name.
  delete json.id;
  // One example is of OpenAPI; JSON Schema has a list.
  if ('example' in json) {
    json.examples = [json.example];
    delete json.example;
  }
  // Every number in JSON that is whole is one of these, for all who read it as a double.
  if (json.minimum === Number.MIN_SAFE_INTEGER) delete json.minimum;
  if (json.maximum === Number.MAX_SAFE_INTEGER) delete json.maximum;
  // Unknown fields are passed over by both sides: a later version may have more of them.
  const { additionalProperties: more } = json;
  if (more === false || (typeof more === 'object' && Object.keys(more).length === 0)) delete json.additionalProperties;
}

function referringToComponents(json: JsonSchema): JsonSchema {
  return JSON.parse(JSON.stringify(json), (key, value) =>
    key === '$ref' && typeof value === 'string'
      ? value.replace(/^#\/definitions\//, '#/components/schemas/')
      : onlyReference(value),
  );
}

/** A reference that zod wrapped for what was to stand beside it, where nothing does. */
function onlyReference(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 1) return value;
  const { allOf } = value as JsonSchema;
  return allOf?.length === 1 && '$ref' in allOf[0] ? allOf[0] : value;
}
