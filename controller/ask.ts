import {
  assertNever,
  type Canary,
  fieldsOf,
  isKnative,
  itemsOf,
  keyOf,
  knativeServiceResource,
  type MetricTemplate,
  messageOf,
  newestRevision,
  type Resource,
} from "../api/index.ts";
import { type MeasureDeps, measure } from "./analysis/measure.ts";
import { providersOnline } from "./analysis/providersOnline.ts";
import type { Answer } from "./decide/types.ts";
import { callHook } from "./hooks/callHook.ts";
import type { Outside } from "./hooks/exchange.ts";
import { hookPayload } from "./hooks/payload.ts";
import type { Api } from "./kube/api.ts";
import type { Asker } from "./loop.ts";
import type { Caches } from "./observe/caches.ts";
import { readSecret } from "./secrets.ts";
import type { Settings } from "./settings.ts";

const endpointSlices: Resource = {
  group: "discovery.k8s.io",
  version: "v1",
  plural: "endpointslices",
  kind: "EndpointSlice",
};

export interface AskerOptions extends Outside {
  readonly api: Api;
  readonly caches: Pick<Caches, "templates" | "get">;
  readonly settings: Settings;
}

/** Puts questions to hooks, metrics systems and the API server. */
export function createAsker(options: AskerOptions): Asker {
  const deps: MeasureDeps = {
    dispatchers: options.dispatchers,
    clock: options.clock,
    metricsServer: options.settings.metricsServer,
    meshProvider: options.settings.meshProvider,
    template: (namespace, name) =>
      options.caches.templates.get(keyOf({ namespace, name })) as MetricTemplate | undefined,
    newestRevision: ({ metadata, spec: { targetRef } }) =>
      isKnative(targetRef)
        ? newestRevision(
            options.caches.get({
              resource: knativeServiceResource,
              namespace: metadata.namespace ?? "",
              name: targetRef.name,
            }),
          )
        : undefined,
    secret: (namespace, name, signal) => readSecret(options.api, namespace, name, signal),
  };
  const call: Asker["call"] = (canary, hook, phase, signal, release) =>
    callHook(hook, hookPayload(canary, phase, hook.metadata, release), options, signal);
  return {
    call,
    async ask(canary, question, signal): Promise<Answer> {
      switch (question.kind) {
        case "hook":
          return { kind: "hook", ...(await call(canary, question.hook, question.phase, signal, question.release)) };
        case "metric":
          return { kind: "metric", readings: await measure(canary, question.metric, deps, signal) };
        case "providers":
          return { kind: "providers", error: await providersOnline(canary, deps, signal).catch(messageOf) };
        case "endpoints":
          return { kind: "endpoints", ready: await readyEndpoints(options.api, canary, question.service, signal) };
        default:
          return assertNever(question);
      }
    },
  };
}

/** Ready endpoints behind a Service, read live: it is asked for before traffic turns, when a cache must not be trusted. */
async function readyEndpoints(api: Api, canary: Canary, service: string, signal: AbortSignal): Promise<number> {
  const slices = await api.list(endpointSlices, {
    namespace: canary.metadata.namespace ?? "",
    labelSelector: `kubernetes.io/service-name=${service}`,
    signal,
  });
  // An endpoint without the condition counts as ready, as the API defines it.
  const endpoints = slices.flatMap((slice) => itemsOf(slice["endpoints"]));
  return endpoints.filter((endpoint) => fieldsOf(endpoint["conditions"])["ready"] !== false).length;
}
