import { type Canary, keyOf, type RawObject, type Resource } from "../../api/index.ts";
import type { Clock } from "../kube/clock.ts";
import { type Incident, type ListWatch, startListWatch } from "../kube/listWatch.ts";
import type { Transport } from "../kube/transport.ts";
import { podSelector, podTrouble } from "../workloads/podTrouble.ts";
import type { Side } from "../workloads/workload.ts";

const podResource: Resource = { group: "", version: "v1", plural: "pods", kind: "Pod" };

/** Pods of workloads that cannot serve, watched for as long as they cannot: pods that are well cost nothing. */
export interface Pods {
  /** What keeps the pods of a side from serving; undefined while nothing is known. The canary is woken when they change. */
  troubleOf(canary: Canary, side: Side, workload: RawObject): string | undefined;
  /** That side can serve. */
  leave(canary: Canary, side: Side): void;
  /** The Canary `namespace/name` is gone. */
  forget(canary: string): void;
  stop(): Promise<void>;
}

export interface PodsOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly onChange: (canary: string) => void;
  readonly onIncident: (resource: Resource, incident: Incident) => void;
}

export function createPods(options: PodsOptions): Pods {
  const watches = new Map<string, { readonly selector: string; readonly watch: ListWatch }>();
  const ending = new Set<Promise<void>>();

  const end = (id: string): void => {
    const ended = watches.get(id)?.watch.stop();
    if (ended === undefined) return;
    watches.delete(id);
    ending.add(ended);
    void ended.finally(() => ending.delete(ended));
  };

  const begin = (namespace: string, canary: string, selector: string): ListWatch => {
    const watch = startListWatch({
      transport: options.transport,
      resource: podResource,
      namespace,
      labelSelector: selector,
      clock: options.clock,
      onIncident: (incident) => options.onIncident(podResource, incident),
    });
    watch.store.onChange(() => options.onChange(canary));
    return watch;
  };

  return {
    troubleOf(canary, side, workload) {
      const selector = podSelector(workload);
      const key = keyOf(canary.metadata);
      const id = `${key}/${side}`;
      const known = watches.get(id);
      if (selector !== undefined && known?.selector === selector) return podTrouble(known.watch.store.list());
      end(id);
      if (selector !== undefined)
        watches.set(id, { selector, watch: begin(canary.metadata.namespace ?? "", key, selector) });
      return undefined;
    },
    leave: (canary, side) => end(`${keyOf(canary.metadata)}/${side}`),
    forget(canary) {
      for (const side of ["target", "primary"]) end(`${canary}/${side}`);
    },
    async stop() {
      for (const id of [...watches.keys()]) end(id);
      await Promise.all(ending);
    },
  };
}
