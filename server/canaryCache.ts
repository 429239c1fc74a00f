import {
  alertProviderResource,
  assertNever,
  type Canary,
  canaryResource,
  keyOf,
  metricTemplateResource,
  type Resource,
} from "../api/index.ts";
import type { Incident, ListWatchOptions } from "../controller/kube/listWatch.ts";
import { startListWatch } from "../controller/kube/listWatch.ts";
import type { Logger } from "../controller/kube/log.ts";
import type { Store } from "../controller/kube/store.ts";
import type { Index } from "../mutators/types.ts";

export interface CacheOptions extends Pick<ListWatchOptions, "transport"> {
  readonly provider: string;
  readonly controllerUsers: readonly string[];
  /** Whether Canaries may refer to objects of other namespaces (default true). */
  readonly crossNamespaceRefs?: boolean;
  readonly log: Logger;
}

/** What admission knows of the cluster, kept by watching our three kinds. */
export interface CanaryCache {
  /** Undefined until every kind was listed once. */
  index(): Index | undefined;
  readonly stores: readonly Store[];
  /** Resolves when every kind was listed once. */
  readonly synced: Promise<unknown>;
  stop(): Promise<void>;
}

export function startCanaryCache(options: CacheOptions): CanaryCache {
  const watch = (resource: Resource, indexes: NonNullable<ListWatchOptions["indexes"]> = {}) =>
    startListWatch({
      transport: options.transport,
      resource,
      indexes,
      notServedRetryMs: 5_000,
      onIncident: (incident) => logIncident(options.log, resource, incident),
    });
  const canaries = watch(canaryResource, {
    target: (object) => [targetKey(object as Canary)],
    namespace: (object) => [object.metadata.namespace ?? ""],
  });
  const templates = watch(metricTemplateResource);
  const providers = watch(alertProviderResource);
  const watches = [canaries, templates, providers];
  const index = indexOver(canaries.store, templates.store, providers.store, options);
  return {
    stores: watches.map(({ store }) => store),
    synced: Promise.all(watches.map(({ store }) => store.synced)),
    index: () => (watches.every(({ store }) => store.hasSynced) ? index : undefined),
    async stop() {
      await Promise.all(watches.map((each) => each.stop()));
    },
  };
}

function logIncident(log: Logger, { plural }: Resource, incident: Incident): void {
  switch (incident.kind) {
    case "failed":
      log.warn("watch failed", {
        resource: plural,
        code: incident.error.code,
        error: incident.error.message,
        waitMs: incident.waitMs,
      });
      break;
    case "notServed":
      log.warn("kind not installed", { resource: plural, advice: "apply manifests/crds" });
      break;
    case "listenerFailed":
      log.error("cache listener failed", { resource: plural, error: incident.message });
      break;
    case "relisted":
      log.debug("listed again", { resource: plural, missed: incident.missed, total: incident.total });
      break;
    default:
      assertNever(incident);
  }
}

function indexOver(canaries: Store, templates: Store, providers: Store, options: CacheOptions): Index {
  const from = (store: Store) => (namespace: string, name: string) => store.get(keyOf({ namespace, name }));
  return {
    canariesFor: (namespace, kind, name) => canaries.byIndex("target", `${namespace}/${kind}/${name}`) as Canary[],
    canariesIn: (namespace) => canaries.byIndex("namespace", namespace) as Canary[],
    canaries: () => canaries.list() as Canary[],
    metricTemplate: from(templates),
    alertProvider: from(providers),
    provider: options.provider,
    crossNamespaceRefs: options.crossNamespaceRefs ?? true,
    controllerUsers: new Set(options.controllerUsers),
  };
}

/** Objects from before a rule may lack anything. */
function targetKey({ metadata, spec }: Canary): string {
  const target = (spec as Partial<Canary["spec"]> | undefined)?.targetRef;
  return `${metadata.namespace ?? ""}/${target?.kind ?? ""}/${target?.name ?? ""}`;
}
