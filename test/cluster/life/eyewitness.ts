import type { Canary } from "../../../api/index.ts";
import type { Client, KubeObject, ResourceKey } from "../../../sandbox/apiserver/types.ts";

/** Every version of what a release is made of, as a watcher of one namespace sees it. */
export interface Eyewitness {
  /** Selectors of the apex Service that differ from the one before. */
  readonly selectors: readonly string[];
  /** Shares of the canary in the route that differ from the one before. */
  readonly weights: readonly (number | undefined)[];
  /** Replicas of the target that differ from the ones before. */
  readonly replicas: readonly number[];
  /** Revisions of the target that the controller has taken up. */
  readonly revisions: readonly string[];
  /** Names of every ReplicaSet of the target that ever was. */
  readonly replicaSets: ReadonlySet<string>;
  /** When the apex Service, once it led to the primary, led to the target instead: milliseconds since the epoch. */
  readonly resets: readonly Reset[];
  stop(): void;
}

export interface Reset {
  readonly from: number;
  /** Infinity until it is put right. */
  to: number;
}

export function witness(look: Client, namespace: string): Eyewitness {
  const selectors: string[] = [];
  const weights: (number | undefined)[] = [];
  const replicas: number[] = [];
  const revisions: string[] = [];
  const replicaSets = new Set<string>();
  const resets: Reset[] = [];
  const compare = (selector: string): void => {
    const last = resets.at(-1);
    if (selector === "podinfo-primary") {
      if (last?.to === Number.POSITIVE_INFINITY) last.to = Date.now();
    } else if (selectors.includes("podinfo-primary") && last?.to !== Number.POSITIVE_INFINITY) {
      resets.push({ from: Date.now(), to: Number.POSITIVE_INFINITY });
    }
  };
  const follow = (key: ResourceKey, see: (object: KubeObject, name: string) => void): (() => void) =>
    look.watch(key, ({ type, object }) => {
      if (type !== "DELETED" && object.metadata.namespace === namespace) see(object, object.metadata.name ?? "");
    });
  const stops = [
    follow("services", (service, name) => {
      if (name !== "podinfo") return;
      const selector = Object.values(service["spec"].selector ?? {}).join();
      news(selectors, selector);
      compare(selector);
    }),
    follow("httproutes.gateway.networking.k8s.io", (route) => news(weights, shareIn(route))),
    follow("deployments.apps", (deployment, name) => {
      if (name === "podinfo") news(replicas, deployment["spec"].replicas);
    }),
    follow("canaries.flagger.app", (object) => {
      const applied = (object as unknown as Canary).status?.lastAppliedSpec;
      if (applied !== undefined && applied !== "") news(revisions, applied);
    }),
    follow("replicasets.apps", ({ metadata }, name) => {
      if (metadata.ownerReferences?.[0]?.name === "podinfo") replicaSets.add(name);
    }),
  ];
  return {
    selectors,
    weights,
    replicas,
    revisions,
    replicaSets,
    resets,
    stop() {
      for (const stop of stops) stop();
    },
  };
}

function news<T>(seen: T[], now: T): void {
  if (seen.length === 0 || seen.at(-1) !== now) seen.push(now);
}

function shareIn(route: KubeObject): number | undefined {
  const backends = (route["spec"]?.rules ?? []).flatMap((rule: { backendRefs?: object[] }) => rule.backendRefs ?? []);
  return backends.find(({ name }: { name?: string }) => name === "podinfo-canary")?.weight;
}
