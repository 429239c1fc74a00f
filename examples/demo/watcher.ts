import type { Canary, RawObject, Resource } from "../../api/index.ts";
import { fieldsOf, itemsOf, numberOf } from "../../api/index.ts";
import { type ListWatch, startListWatch } from "../../controller/kube/listWatch.ts";
import { type AdminCluster, resources } from "./cluster.ts";

/** What a user would follow with `kubectl get -w`: the canary, its Deployments, its route and its events. */
export interface Watcher {
  readonly state: WatchedState;
  /** Resolves with the time (ms since the epoch) at which `condition` was first seen to hold; rejects after the deadline. */
  until(what: string, condition: (state: WatchedState) => boolean, timeoutMs: number): Promise<number>;
  onEvent(listener: (event: { type: string; message: string }) => void): void;
  onChange(listener: (state: WatchedState) => void): void;
  stop(): Promise<void>;
}

export interface WatchedState {
  readonly phase: string;
  readonly weight: number;
  readonly failedChecks: number;
  /** Share of the canary in the route, as the gateway sees it; undefined while there is no route. */
  readonly routed: number | undefined;
  readonly targetReplicas: number;
  readonly targetAvailable: number;
  readonly primaryAvailable: number;
}

export function startWatcher(cluster: AdminCluster, namespace: string, name: string): Watcher {
  let state: WatchedState = {
    phase: "",
    weight: 0,
    failedChecks: 0,
    routed: undefined,
    targetReplicas: 0,
    targetAvailable: 0,
    primaryAvailable: 0,
  };
  const checks = new Set<() => void>();
  const eventListeners: ((event: { type: string; message: string }) => void)[] = [];
  const changeListeners: ((state: WatchedState) => void)[] = [];
  const update = (change: Partial<WatchedState>): void => {
    const next = { ...state, ...change };
    if (JSON.stringify(next) === JSON.stringify(state)) return;
    state = next;
    for (const check of [...checks]) check();
    for (const listener of changeListeners) listener(state);
  };
  const watches: ListWatch[] = [];
  const follow = (resource: Resource, listener: (object: RawObject) => void): void => {
    const watch = startListWatch({ transport: cluster.transport, resource, namespace, notServedRetryMs: 200 });
    watch.store.onChange((change) => listener(change.object));
    watches.push(watch);
  };

  follow(resources.canaries, (object) => {
    const status = (object as Canary).status;
    if (object.metadata.name === name)
      update({
        phase: status?.phase ?? "",
        weight: status?.canaryWeight ?? 0,
        failedChecks: status?.failedChecks ?? 0,
      });
  });
  follow(resources.deployments, (object) => {
    const available = numberOf(fieldsOf(object["status"])["availableReplicas"]) ?? 0;
    if (object.metadata.name === name)
      update({ targetReplicas: numberOf(fieldsOf(object["spec"])["replicas"]) ?? 1, targetAvailable: available });
    if (object.metadata.name === `${name}-primary`) update({ primaryAvailable: available });
  });
  follow(resources.routes, (object) => {
    if (object.metadata.name === name) update({ routed: routedShare(object, `${name}-canary`) });
  });
  follow(resources.events, (object) => {
    if (fieldsOf(object["involvedObject"])["kind"] !== "Canary") return;
    for (const listener of eventListeners)
      listener({ type: String(object["type"]), message: String(object["message"]) });
  });

  return {
    get state() {
      return state;
    },
    onEvent: (listener) => void eventListeners.push(listener),
    onChange: (listener) => void changeListeners.push(listener),
    until: (what, condition, timeoutMs) =>
      new Promise((resolve, reject) => {
        const end = (settle: () => void): void => {
          clearTimeout(timer);
          checks.delete(check);
          settle();
        };
        const check = (): void => {
          if (condition(state)) end(() => resolve(Date.now()));
        };
        const timer = setTimeout(
          () => end(() => reject(new Error(`${what}: not within ${timeoutMs / 1000} s (${JSON.stringify(state)})`))),
          timeoutMs,
        );
        checks.add(check);
        check();
      }),
    stop: async () => {
      await Promise.all(watches.map((watch) => watch.stop()));
    },
  };
}

/** The canary's share in the last rule that names it. */
function routedShare(route: RawObject, service: string): number | undefined {
  const backends = itemsOf(fieldsOf(route["spec"])["rules"]).flatMap((rule) => itemsOf(rule["backendRefs"]));
  return numberOf(backends.find((backend) => backend["name"] === service)?.["weight"]);
}
