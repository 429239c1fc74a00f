import type { Client, ResourceKey } from "../../../sandbox/apiserver/types.ts";

/** What was told about canaries. */
export interface Told {
  /** Messages about the canaries of a namespace, in order; an event that was counted up appears again. */
  of(namespace: string): readonly string[];
  stop(): void;
}

export function followEvents(api: Client): Told {
  const messages = new Map<string, string[]>();
  const stop = api.watch("events", ({ type, object }) => {
    const about = object["involvedObject"] as { kind?: string; namespace?: string } | undefined;
    if (type === "DELETED" || about?.kind !== "Canary") return;
    const namespace = about.namespace ?? "";
    messages.set(namespace, [...(messages.get(namespace) ?? []), String(object["message"])]);
  });
  return { of: (namespace) => messages.get(namespace) ?? [], stop };
}

const watched: readonly ResourceKey[] = [
  "canaries.flagger.app",
  "deployments.apps",
  "daemonsets.apps",
  "pods",
  "services",
  "endpointslices.discovery.k8s.io",
  "horizontalpodautoscalers.autoscaling",
  "httproutes.gateway.networking.k8s.io",
  "traefikservices.traefik.io",
  "services.serving.knative.dev",
  "events",
];

/** Resolves with what `find` finds, as soon as it finds something; looks again after every change of what releases touch. */
export function untilFound<T>(
  api: Client,
  what: string,
  find: () => T | undefined | false,
  deadlineMs: number,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let planned: NodeJS.Immediate | undefined;
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      clearImmediate(planned);
      for (const stop of stops) stop();
      settle();
    };
    const look = (): void => {
      planned = undefined;
      try {
        const found = find();
        if (found !== undefined && found !== false) end(() => resolve(found));
      } catch (error) {
        end(() => reject(error));
      }
    };
    const stops = watched.map((key) =>
      api.watch(key, () => {
        planned ??= setImmediate(look);
      }),
    );
    const fail = (): void => reject(new Error(`waited ${deadlineMs / 1000} s in vain for ${what}`));
    const timer = setTimeout(() => end(fail), deadlineMs);
    planned ??= setImmediate(look);
  });
}
