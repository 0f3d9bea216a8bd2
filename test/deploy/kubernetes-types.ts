import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Resource } from './kustomize.ts';

/** Kinds of an operator, of which Kubernetes itself knows nothing. */
const FOREIGN = ['monitoring.coreos.com/v1'];

/**
 * What is wrong with resources by the types of Kubernetes' own API: unknown fields, missing ones, values of the wrong type.
 * The compiler judges, which refuses unknown fields of what is written down on the spot.
 */
export async function faultsOf(resources: readonly Resource[]): Promise<string[]> {
  const dir = mkdtempSync(join(tmpdir(), 'nearcast-kubernetes-'));
  const lines = resources
    .filter(({ apiVersion }) => !FOREIGN.includes(apiVersion))
    .map((resource, i) => {
      const module = modulesOf(resource.apiVersion);
      // One line each, so that the number of a line in a complaint says which resource it is of.
      return `export const r${i}: import('${module}').${resource.kind} = ${JSON.stringify(resource)};`;
    });
  writeFileSync(join(dir, 'resources.ts'), lines.join('\n'));
  const compilerOptions = {
    strict: true,
    noEmit: true,
    module: 'esnext',
    moduleResolution: 'bundler',
    skipLibCheck: true,
    types: [],
    paths: { 'kubernetes-types/*': [`${resolve('node_modules/kubernetes-types')}/*`] },
  };
  writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['resources.ts'] }));
  try {
    return await new Promise((done, fail) => {
      execFile('node_modules/.bin/tsc', ['-p', dir, '--pretty', 'false'], (error, stdout) => {
        if (error === null) done([]);
        else if (stdout.includes('error TS')) done(stdout.split('\n').filter((line) => line.includes('error TS')));
        else fail(error);
      });
    });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** `v1` is of the group that has no name. */
function modulesOf(apiVersion: string): string {
  const [version, group = 'core'] = apiVersion.split('/').reverse();
  return `kubernetes-types/${group.split('.', 1)[0]}/${version}`;
}
