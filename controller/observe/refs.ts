import {
  type Canary,
  canaryResource,
  type ObjectRef,
  providerOf,
  type Resource,
  serviceResource,
} from "../../api/index.ts";
import { routerFor } from "../routers/registry.ts";
import { scalerKindOf } from "../scalers/registry.ts";
import { primaryScalerName } from "../scalers/scaler.ts";
import { workloadKindOf } from "../workloads/registry.ts";
import { serviceName } from "../workloads/services.ts";
import type { ServiceRole } from "../workloads/workload.ts";

/** The objects of one canary, by their part in it. What is undefined does not exist for this kind of canary. */
export interface Refs {
  readonly target: ObjectRef | undefined;
  readonly primary: ObjectRef | undefined;
  readonly apexService: ObjectRef | undefined;
  readonly primaryService: ObjectRef | undefined;
  readonly canaryService: ObjectRef | undefined;
  readonly scaler: ObjectRef | undefined;
  readonly primaryScaler: ObjectRef | undefined;
  readonly routes: readonly ObjectRef[];
  /** What the routes are made from; not ours to write. */
  readonly routeSources: readonly ObjectRef[];
}

/** The Canary itself. */
export function canaryRef(canary: Canary): ObjectRef {
  return { resource: canaryResource, namespace: canary.metadata.namespace ?? "", name: canary.metadata.name };
}

export function refsOf(canary: Canary, meshProvider: string): Refs {
  const namespace = canary.metadata.namespace ?? "";
  const kind = workloadKindOf(canary.spec.targetRef);
  const scaler = scalerKindOf(canary.spec.autoscalerRef);
  const router = routerFor(providerOf(canary, meshProvider));
  const at = (resource: Resource, name: string): ObjectRef => ({ resource, namespace, name });
  const serviceOf = (role: ServiceRole): ObjectRef | undefined =>
    kind?.services?.roles.includes(role) ? at(serviceResource, serviceName(canary, role)) : undefined;
  return {
    target: kind === undefined ? undefined : at(kind.resource, canary.spec.targetRef.name),
    primary: kind === undefined ? undefined : at(kind.resource, kind.primaryName(canary)),
    apexService: serviceOf("apex"),
    primaryService: serviceOf("primary"),
    canaryService: serviceOf("canary"),
    scaler: scaler === undefined ? undefined : at(scaler.resource, canary.spec.autoscalerRef?.name ?? ""),
    primaryScaler: scaler === undefined ? undefined : at(scaler.resource, primaryScalerName(canary)),
    routes: router?.watches(canary) ?? [],
    routeSources: router?.sources?.(canary) ?? [],
  };
}

export function allRefs(refs: Refs): readonly ObjectRef[] {
  const { routes, routeSources, ...single } = refs;
  return [...Object.values(single).filter((ref) => ref !== undefined), ...routes, ...routeSources];
}
