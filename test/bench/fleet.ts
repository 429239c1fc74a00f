/** Many canaries, seen by what an administrator sees. */
import type { Canary } from "../../api/index.ts";
import type { KubeObject } from "../../sandbox/apiserver/types.ts";
import { inParallel } from "./apiClient.ts";
import type { PlainCluster } from "./plainCluster.ts";

/** What an administrator sees of one canary, and when (`performance.now`) it was last otherwise. */
export interface Sight {
  phase: string;
  /** The canary's share in the route. */
  routed: number;
  /** Of the target. */
  replicas: number;
  available: number;
}

export interface Fleet {
  /** Makes canaries until there are so many, and waits until all of them are at rest. */
  growTo(count: number): Promise<void>;
  /** Another template for one of them. */
  change(index: number): Promise<void>;
  deployment(index: number): KubeObject;
  /** Resolves with the time at which it was first seen; rejects when it takes too long. */
  until(index: number, what: string, holds: (seen: Sight) => boolean): Promise<number>;
  untilAtRest(index: number): Promise<number>;
  /** Told of every change of what is seen of any of them; answers with the way to stop it. */
  onSight(listener: (index: number, seen: Sight, at: number) => void): () => void;
  stop(): void;
}

type Analysis = NonNullable<Canary["spec"]["analysis"]>;

const perNamespace = 100;
const patienceMs = 60_000;
const port = 9898;

/** `fleet` names the canaries and their namespaces. */
export function startFleet({ look }: PlainCluster, fleet: string, analysis: Analysis): Fleet {
  const names = Array.from({ length: 10_000 }, (_, index) => `${fleet}-${String(index).padStart(4, "0")}`);
  const indexes = new Map(names.map((name, index) => [name, index]));
  const namespaceOf = (index: number): string => `${fleet}-${Math.floor(index / perNamespace)}`;
  const seen = new Map<number, Sight>();
  const listeners = new Set<(index: number, seen: Sight, at: number) => void>();
  let size = 0;
  let turn = 0;

  const note = (object: KubeObject, change: Partial<Sight>): void => {
    const index = indexes.get(object.metadata.name ?? "");
    if (index === undefined) return;
    const before = seen.get(index) ?? { phase: "", routed: 0, replicas: 1, available: 0 };
    seen.set(index, { ...before, ...change });
    for (const listener of listeners) listener(index, seen.get(index) ?? before, performance.now());
  };
  const stops = [
    look.watch("canaries.flagger.app", ({ object }) => note(object, { phase: object["status"]?.phase ?? "" })),
    look.watch("deployments.apps", ({ object }) =>
      note(object, {
        replicas: object["spec"]?.replicas ?? 1,
        available: object["status"]?.availableReplicas ?? 0,
      }),
    ),
    look.watch("httproutes.gateway.networking.k8s.io", ({ object }) => {
      const backends: { name: string; weight: number }[] = object["spec"]?.rules?.[0]?.backendRefs ?? [];
      note(object, { routed: backends.find(({ name }) => name.endsWith("-canary"))?.weight ?? 0 });
    }),
  ];

  const make = async (index: number): Promise<void> => {
    const metadata = { name: names[index] ?? "", namespace: namespaceOf(index) };
    for (const [key, object] of Object.entries(objectsOf(metadata, analysis))) await look.create(key, object);
    // Nothing of this waits for the network: without a break nobody else would be answered meanwhile.
    await new Promise((resolve) => setImmediate(resolve));
  };
  const isAtRest = ({ phase, replicas }: Sight): boolean =>
    replicas === 0 && ["Initialized", "Succeeded", "Failed"].includes(phase);
  const onSight: Fleet["onSight"] = (listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };

  const until: Fleet["until"] = (index, what, holds) =>
    new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        clearTimeout(timer);
        stop();
        settle();
      };
      const stop = onSight((one, sight, at) => {
        if (one === index && holds(sight)) end(() => resolve(at));
      });
      const story = (): string => JSON.stringify(seen.get(index));
      const timer = setTimeout(
        () => end(() => reject(new Error(`${names[index]}: waited in vain for ${what}; it is ${story()}`))),
        patienceMs,
      );
      const sight = seen.get(index);
      if (sight !== undefined && holds(sight)) end(() => resolve(performance.now()));
    });
  const untilAtRest = (index: number): Promise<number> => until(index, "its rest", isAtRest);

  return {
    onSight,
    until,
    untilAtRest,
    async growTo(count) {
      for (let first = Math.ceil(size / perNamespace) * perNamespace; first < count; first += perNamespace)
        await look.create("namespaces", {
          apiVersion: "v1",
          kind: "Namespace",
          metadata: { name: namespaceOf(first) },
        });
      const from = size;
      size = count;
      await inParallel(count - from, (index) => make(from + index));
      for (let index = from; index < count; index += 1) await untilAtRest(index);
    },
    async change(index) {
      turn += 1;
      const containers = [{ name: "app", env: [{ name: "TURN", value: `${turn}` }] }];
      const body = { spec: { template: { spec: { containers } } } };
      await look.patch("deployments.apps", namespaceOf(index), names[index] ?? "", "strategic", body);
    },
    deployment(index) {
      const found = look.get("deployments.apps", namespaceOf(index), names[index] ?? "");
      if (found === undefined) throw new Error(`there is no Deployment ${names[index]}`);
      return found;
    },
    stop() {
      for (const stop of stops) stop();
    },
  };
}

/** By the key of their resource, in the order in which they are made. What the pods refer to is tracked, as it is in earnest. */
function objectsOf(
  metadata: { readonly name: string; readonly namespace: string },
  analysis: Analysis,
): Readonly<Record<string, KubeObject>> {
  const { name, namespace } = metadata;
  const labels = { app: name };
  const container = {
    name: "app",
    image: "example.org/app:1",
    ports: [{ containerPort: port }],
    envFrom: [{ configMapRef: { name } }],
    resources: { requests: { cpu: "100m", memory: "64Mi" }, limits: { memory: "256Mi" } },
  };
  return {
    configmaps: { apiVersion: "v1", kind: "ConfigMap", metadata, data: { LEVEL: "info" } },
    "deployments.apps": {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { ...metadata, labels },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [container] } },
      },
    },
    "canaries.flagger.app": {
      apiVersion: "flagger.app/v1beta1",
      kind: "Canary",
      metadata,
      spec: {
        targetRef: { apiVersion: "apps/v1", kind: "Deployment", name },
        service: {
          port,
          targetPort: port,
          hosts: [`${name}.${namespace}.example.com`],
          gatewayRefs: [{ name: "gateway", namespace: "istio-ingress" }],
        },
        analysis,
      },
    },
  };
}
