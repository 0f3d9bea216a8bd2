import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig } from '../../src/config.ts';
import { scrape } from '../support/metrics.ts';
import { startServer } from '../support/server.ts';
import { faultsOf } from './kubernetes-types.ts';
import { build, type Resource } from './kustomize.ts';

const ROOT = 'deploy/kubernetes';
const read = (path: string) => readFileSync(path, 'utf8');
const secret: Resource = parse(read(`${ROOT}/secret.example.yaml`));
const COMPONENTS = ['../../components/metrics', '../../components/connections'];

const overlays: readonly [name: string, resources: Resource[]][] = [
  ['small', build(`${ROOT}/overlays/small`)],
  ['production', build(`${ROOT}/overlays/production`)],
  ['production with all components', build(`${ROOT}/overlays/production`, COMPONENTS)],
];

function only(resources: readonly Resource[], kind: string): Resource {
  const found = resources.filter((resource) => resource.kind === kind);
  expect([kind, found.length]).toEqual([kind, 1]);
  return found[0];
}

/** Whether something with these labels is selected. */
const selects = (selector: Record<string, string>, labels: Record<string, string>) =>
  Object.keys(selector).length > 0 && Object.entries(selector).every(([name, value]) => labels[name] === value);

test('the judge finds an unknown field, a missing one, and a value of the wrong type', async () => {
  const deployment = only(overlays[1][1], 'Deployment');
  const change = (path: string, value: unknown) => {
    const changed = structuredClone(deployment) as unknown as Record<string, unknown>;
    const fields = path.split('.');
    const last = fields.pop() as string;
    let part = changed;
    for (const field of fields) part = part[field] as Record<string, unknown>;
    if (value === undefined) delete part[last];
    else part[last] = value;
    return changed as unknown as Resource;
  };
  const faults = await faultsOf([
    deployment,
    change('spec.template.spec.containers.0.readinessProb', { httpGet: { port: 1 } }),
    change('spec.template.spec.containers.0.lifecycle.preStop.exec.comand', []),
    change('spec.selector', undefined),
    change('spec.replicas', '3'),
    change('spec.template.spec.containers.0.resources.limits.memory', 4),
  ]);
  expect(faults.map((fault) => Number(/\((\d+),/.exec(fault)?.[1]))).toEqual([2, 3, 4, 5, 6]);
});

test('all that is there is used, and is what the API of Kubernetes takes', async () => {
  const all = overlays.flatMap(([, resources]) => resources);
  expect(await faultsOf([...all, secret])).toEqual([]);
  // Every file is of some resource, or of what makes them.
  const files = readdirSync(ROOT, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.yaml'));
  const named = files
    .filter((path) => path.endsWith('kustomization.yaml'))
    .flatMap((path) => {
      const { resources = [], patches = [] } = parse(read(join(ROOT, path)));
      const paths = [...resources, ...patches.map((patch: { path: string }) => patch.path)];
      return [path, ...paths.map((one) => join(path, '..', one))];
    });
  const examples = ['secret.example.yaml', 'components/connections/adapter-rule.yaml'];
  expect(files.filter((path) => !named.includes(path)).sort()).toEqual(examples.sort());
});

describe.each(overlays)('the overlay %s', (name, resources) => {
  const isCluster = name !== 'small';
  const deployment = only(resources, 'Deployment');
  const pod = deployment.spec.template;
  const [container, ...others] = pod.spec.containers;
  const environment = only(resources, 'ConfigMap').data as Record<string, string>;
  const variable = (of: string) => container.env.find((one: { name: string }) => one.name === of);

  test('names what there is: selectors, ports, accounts, settings, keys of the secret', () => {
    const { labels } = pod.metadata;
    const service = only(resources, 'Service');
    const selectors = [
      deployment.spec.selector.matchLabels,
      service.spec.selector,
      ...resources.filter(({ kind }) => kind === 'PodDisruptionBudget').map(({ spec }) => spec.selector.matchLabels),
      ...resources.filter(({ kind }) => kind === 'NetworkPolicy').map(({ spec }) => spec.podSelector.matchLabels),
      ...(pod.spec.topologySpreadConstraints ?? []).map((constraint: Resource) => constraint.labelSelector.matchLabels),
    ];
    for (const selector of selectors) expect(selects(selector, labels)).toBe(true);
    for (const { metadata } of resources) expect(metadata.namespace).toBe('nearcast');

    expect(others).toEqual([]);
    expect(container.image).toMatch(/^registry\.example\.com\/nearcast:\d+\.\d+\.\d+$/);
    const [port] = container.ports;
    expect(read('Dockerfile')).toContain(`\nEXPOSE ${port.containerPort}\n`);
    expect(service.spec.ports).toMatchObject([{ name: 'http', targetPort: port.name }]);
    const [{ http }] = only(resources, 'Ingress').spec.rules;
    expect(http.paths[0].backend.service).toEqual({ name: service.metadata.name, port: { name: 'http' } });
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
      expect(container[probe].httpGet.port).toBe(port.name);
      expect(read('openapi.yaml')).toContain(`\n  ${container[probe].httpGet.path}:\n`);
    }
    expect(pod.spec.serviceAccountName).toBe(only(resources, 'ServiceAccount').metadata.name);
    for (const { configMapRef } of container.envFrom) expect(configMapRef.name).toBe('nearcast');
    for (const { valueFrom } of container.env) {
      expect(valueFrom.secretKeyRef.name).toBe(secret.metadata.name);
      expect(secret.stringData).toHaveProperty(valueFrom.secretKeyRef.key);
    }
  });

  test('has settings with which a server starts', () => {
    const given = Object.fromEntries(
      container.env.map((one: { name: string }) => [one.name, secret.stringData[one.name]]),
    );
    const { NODE_OPTIONS, ...settings } = environment;
    const config = loadConfig({
      NODE_ENV: 'production',
      ...settings,
      ...given,
      JWT_SECRET: given.JWT_SECRET.padEnd(32, '.'),
    });
    expect(config.trustProxy).toBe(1);
    expect(config.databaseUrl).toBe(secret.stringData.DATABASE_URL);
    // Settings that are misspelt would be passed over in silence.
    const known = read('.env.example');
    for (const name of Object.keys(settings)) expect(known).toMatch(new RegExp(`^#? ?${name}=`, 'm'));
    const heap = Number(/^--max-old-space-size=(\d+)$/.exec(NODE_OPTIONS)?.[1]);
    const limit = Number(/^(\d+)Gi$/.exec(container.resources.limits.memory)?.[1]) * 1024;
    expect(heap).toBeLessThanOrEqual(limit / 2);
  });

  test('runs where only restricted pods may, and knows nothing of the cluster', () => {
    expect(pod.spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    const { runAsUser, runAsGroup } = pod.spec.securityContext;
    expect(read('Dockerfile')).toContain(`\nUSER ${runAsUser}:${runAsGroup}\n`);
    for (const field of ['hostNetwork', 'hostPID', 'hostIPC', 'volumes']) expect(pod.spec).not.toHaveProperty(field);
    expect(pod.spec.automountServiceAccountToken).toBe(false);
    expect(only(resources, 'ServiceAccount').automountServiceAccountToken).toBe(false);
  });

  test('gives it the time to end that it takes, and is patient with what is no death', () => {
    const [, shutdown] = /^const SHUTDOWN_TIME = ([\d_]+);$/m.exec(read('src/main.ts')) as unknown as [string, string];
    const [command, seconds] = container.lifecycle.preStop.exec.command;
    expect(command).toBe('sleep');
    const needed = Number(seconds) + Number(shutdown.replace('_', '')) / 1000;
    expect(pod.spec.terminationGracePeriodSeconds).toBeGreaterThan(needed);
    expect(container.readinessProbe.httpGet.path).toBe('/readyz');
    // A restart mends no database and no overload.
    for (const probe of [container.livenessProbe, container.startupProbe]) expect(probe.httpGet.path).toBe('/livez');
    expect(container.livenessProbe.periodSeconds * container.livenessProbe.failureThreshold).toBeGreaterThanOrEqual(60);
    expect(container.startupProbe.periodSeconds * container.startupProbe.failureThreshold).toBeGreaterThanOrEqual(120);
  });

  test('lets in whom it should through the ingress, as long as they stay, and logs no token', () => {
    const { annotations } = only(resources, 'Ingress').metadata as unknown as { annotations: Record<string, string> };
    const of = (annotation: string) => annotations[`nginx.ingress.kubernetes.io/${annotation}`];
    for (const side of ['read', 'send']) expect(Number(of(`proxy-${side}-timeout`))).toBeGreaterThan(75);
    expect(of('proxy-body-size')).toBe('1m');
    expect(of('proxy-buffering')).toBe('off');
    expect(of('proxy-next-upstream')).not.toContain('non_idempotent');
    expect(of('enable-access-log')).toBe('false');
    const policies = resources.filter(({ kind }) => kind === 'NetworkPolicy');
    const open = policies.flatMap(({ spec }) => spec.egress.flatMap(({ ports }: Resource) => ports));
    const wanted = [53, Number(new URL(secret.stringData.DATABASE_URL).port), 443];
    if (isCluster) wanted.push(Number(new URL(secret.stringData.REDIS_URL).port));
    expect([...new Set(open.map(({ port }) => port))].sort()).toEqual(wanted.sort());
    for (const { spec } of policies) expect(spec.policyTypes).toContain('Egress');
    expect(policies[0].spec.ingress[0].ports).toEqual([{ protocol: 'TCP', port: 'http' }]);
  });

  if (isCluster) {
    test('has several that share a bus, and takes them away one by one', () => {
      expect(variable('REDIS_URL').valueFrom.secretKeyRef.optional).toBeUndefined();
      expect(deployment.spec).not.toHaveProperty('replicas');
      const { scaleTargetRef, minReplicas, maxReplicas, behavior } = only(resources, 'HorizontalPodAutoscaler').spec;
      expect(scaleTargetRef).toEqual({ apiVersion: 'apps/v1', kind: 'Deployment', name: deployment.metadata.name });
      expect(minReplicas).toBeGreaterThanOrEqual(2);
      expect(maxReplicas).toBeGreaterThan(minReplicas);
      expect(behavior.scaleDown.policies).toEqual([{ type: 'Pods', value: 1, periodSeconds: 300 }]);
      expect(deployment.spec.strategy.rollingUpdate).toEqual({ maxUnavailable: 0, maxSurge: 1 });
      expect(only(resources, 'PodDisruptionBudget').spec.maxUnavailable).toBe(1);
    });
  } else {
    test('never has two that do not know of each other', () => {
      expect(deployment.spec.replicas).toBe(1);
      expect(deployment.spec.strategy).toEqual({ type: 'Recreate' });
      expect(variable('REDIS_URL')).toBeUndefined();
      const kinds = resources.map(({ kind }) => kind);
      for (const kind of ['HorizontalPodAutoscaler', 'PodDisruptionBudget']) expect(kinds).not.toContain(kind);
    });
  }
});

test('the components ask for metrics that there are, of the service that there is', async () => {
  const [, resources] = overlays[2];
  const service = only(resources, 'Service');
  const { jobLabel, selector, endpoints } = only(resources, 'ServiceMonitor').spec;
  const labels = (service.metadata as unknown as { labels: Record<string, string> }).labels;
  // The alerts and the dashboard go by the job of this name.
  expect(labels[jobLabel]).toBe('nearcast');
  expect(selects(selector.matchLabels, labels)).toBe(true);
  const [{ port, path, authorization }] = endpoints;
  expect(service.spec.ports.map((one: { name: string }) => one.name)).toContain(port);
  expect(path).toBe('/metrics');
  expect(authorization.credentials.name).toBe(secret.metadata.name);
  expect(secret.stringData).toHaveProperty(authorization.credentials.key);

  const { metrics } = only(resources, 'HorizontalPodAutoscaler').spec;
  expect(metrics.map(({ type }: { type: string }) => type)).toEqual(['Resource', 'Pods']);
  const { name } = metrics[1].pods.metric;
  expect((await scrape(await startServer())).types.get(name)).toBe('gauge');
  const [rule] = parse(read(`${ROOT}/components/connections/adapter-rule.yaml`)).rules.custom;
  expect(rule.seriesQuery).toMatch(new RegExp(`^${name}\\{`));
  expect(rule.name.as).toBe(name);
});

const kubectl = (process.env.PATH ?? '')
  .split(delimiter)
  .map((dir) => join(dir, 'kubectl'))
  .find((path) => existsSync(path));
if (kubectl === undefined)
  console.warn('skipped: what kustomize makes of deploy/kubernetes, as there is no kubectl here');

test.skipIf(kubectl === undefined)('kustomize makes the same of the overlays', () => {
  const byName = ({ kind, metadata }: Resource) => `${kind}/${metadata.name}`;
  const inOrder = (resources: Resource[]) =>
    resources
      .map((resource) => JSON.parse(JSON.stringify(resource).replaceAll(/"nearcast-[a-z0-9]{10}"/g, '"nearcast"')))
      // What has no order has another one there.
      .map((resource) => {
        for (const { env } of resource.spec?.template?.spec?.containers ?? []) env.sort(by('name'));
        return resource;
      })
      .sort((a, b) => (byName(a) < byName(b) ? -1 : 1));
  const by = (field: string) => (a: Record<string, string>, b: Record<string, string>) =>
    a[field] < b[field] ? -1 : 1;
  for (const name of ['small', 'production']) {
    const text = execFileSync(kubectl as string, ['kustomize', `${ROOT}/overlays/${name}`], { encoding: 'utf8' });
    const its = parseAllDocuments(text).map((document) => document.toJS());
    expect(inOrder(build(`${ROOT}/overlays/${name}`))).toEqual(inOrder(its));
  }
});
