import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

/** A resource of Kubernetes, of which nothing is known but what names it. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  // biome-ignore lint/suspicious/noExplicitAny: what is in it is for the test to look at.
  readonly [field: string]: any;
}

interface Kustomization {
  readonly apiVersion: string;
  readonly kind: 'Kustomization' | 'Component';
  readonly namespace?: string;
  readonly resources?: readonly string[];
  readonly components?: readonly string[];
  readonly images?: readonly { readonly name: string; readonly newName: string; readonly newTag: string }[];
  readonly configMapGenerator?: readonly {
    readonly name: string;
    readonly behavior?: 'merge';
    readonly envs: readonly string[];
  }[];
  readonly patches?: readonly { readonly path: string; readonly target?: Record<string, string> }[];
}

const KNOWN = 'apiVersion kind namespace resources components images configMapGenerator patches'.split(' ');

/**
 * The resources that a directory of `deploy/kubernetes` means. It knows no more of kustomize than is used there, gives
 * generated names no hash, and throws at anything else.
 *
 * @param more components besides those that it names
 */
export function build(dir: string, more: readonly string[] = []): Resource[] {
  return [...applied(dir, [], more).values()];
}

type Resources = Map<string, Resource>;

const keyOf = (kind: string, name: string) => `${kind}/${name}`;

function applied(dir: string, below: Iterable<[string, Resource]>, more: readonly string[] = []): Resources {
  const made: Kustomization = parse(readFileSync(join(dir, 'kustomization.yaml'), 'utf8'));
  for (const field of Object.keys(made)) if (!KNOWN.includes(field)) throw new Error(`${dir}: ${field} is not known`);
  let all: Resources = new Map(below);
  const add = (resource: Resource) => {
    const key = keyOf(resource.kind, resource.metadata.name);
    if (all.has(key)) throw new Error(`${dir}: ${key} is there twice`);
    all.set(key, resource);
  };
  for (const path of made.resources ?? []) {
    const from = join(dir, path);
    if (statSync(from).isDirectory()) for (const resource of applied(from, []).values()) add(resource);
    else for (const document of parseAllDocuments(readFileSync(from, 'utf8'))) add(document.toJS());
  }
  for (const { name, behavior, envs } of made.configMapGenerator ?? []) {
    const key = keyOf('ConfigMap', name);
    const data = Object.assign({}, ...envs.map((path) => readEnv(join(dir, path))));
    const before = all.get(key);
    if ((behavior === 'merge') !== (before !== undefined)) throw new Error(`${dir}: ${key} is there, or is not`);
    all.set(key, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { ...before?.data, ...data } });
  }
  for (const path of [...(made.components ?? []), ...more]) all = applied(join(dir, path), all);
  for (const { path, target } of made.patches ?? []) {
    const patch = parse(readFileSync(join(dir, path), 'utf8'));
    const key = keyOf(target?.kind ?? patch.kind, target?.name ?? patch.metadata.name);
    const patched = all.get(key);
    if (patched === undefined) throw new Error(`${dir}: ${path} is for ${key}, which there is not`);
    all.set(key, Array.isArray(patch) ? appended(patched, patch) : (merged(patched, patch) as Resource));
  }
  for (const [key, resource] of all) all.set(key, renamed(resource, made));
  return all;
}

function readEnv(path: string): Record<string, string> {
  const lines = readFileSync(path, 'utf8').split('\n');
  const set = lines.filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(set.map((line) => line.split(/=(.*)/s, 2) as [string, string]));
}

/** A strategic merge: objects by their fields, lists of what has a name by it, all other lists as a whole. */
function merged(base: unknown, patch: unknown): unknown {
  if (Array.isArray(base) && Array.isArray(patch)) {
    const isNamed = patch.every((item) => typeof item?.name === 'string');
    if (!isNamed) return patch;
    const names = new Set(patch.map(({ name }) => name));
    const kept = base.map((item) => merged(item, patch.find(({ name }) => name === item.name) ?? {}));
    const known = new Set(base.map(({ name }) => name));
    return [...kept, ...patch.filter(({ name }) => names.has(name) && !known.has(name))];
  }
  if (!isObject(base) || !isObject(patch)) return patch;
  const result: Record<string, unknown> = { ...base };
  for (const [field, value] of Object.entries(patch)) {
    if (field.startsWith('$') || value === null) throw new Error(`${field} of a patch is not known`);
    result[field] = field in base ? merged(base[field], value) : value;
  }
  return result;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A JSON patch (RFC 6902) that appends to lists which are there. */
function appended(base: Resource, patch: readonly { op: string; path: string; value: unknown }[]): Resource {
  const result = structuredClone(base);
  for (const { op, path, value } of patch) {
    const fields = path.split('/').slice(1);
    if (op !== 'add' || fields.pop() !== '-') throw new Error(`${op} ${path} of a patch is not known`);
    let list: unknown = result;
    for (const field of fields) list = (list as Record<string, unknown>)[field];
    if (!Array.isArray(list)) throw new Error(`${path} of a patch is no list`);
    list.push(value);
  }
  return result;
}

/** What a kustomization says of all: their namespace, and where images are. */
function renamed(resource: Resource, { namespace, images = [] }: Kustomization): Resource {
  const result = structuredClone(resource);
  if (namespace !== undefined) (result.metadata as { namespace?: string }).namespace = namespace;
  for (const container of result.spec?.template?.spec?.containers ?? []) {
    const found = images.find(({ name }) => name === container.image);
    if (found !== undefined) container.image = `${found.newName}:${found.newTag}`;
  }
  return result;
}
