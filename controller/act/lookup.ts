import { type Canary, type ObjectRef, type RawObject, WeirError } from "../../api/index.ts";
import type { Api } from "../kube/api.ts";
import type { Caches } from "../observe/caches.ts";
import type { Refs } from "../observe/refs.ts";
import { workloadKindOf } from "../workloads/registry.ts";
import type { WorkloadKind } from "../workloads/workload.ts";

export interface ActOptions {
  readonly api: Api;
  readonly caches: Pick<Caches, "get" | "expect" | "controlledBy">;
  readonly meshProvider: string;
  readonly selectorLabels: readonly string[];
  readonly includeLabelPrefix: readonly string[];
  /** Primaries get copies of the ConfigMaps and Secrets that their targets refer to. */
  readonly configTracking: boolean;
  readonly signal: AbortSignal;
}

interface Found {
  readonly kind: WorkloadKind;
  readonly target: RawObject;
}

/** The target, of which something is made. Throws a conflict where the world has moved on since the decision. */
export function usable(canary: Canary, refs: Refs, options: ActOptions): Found {
  const { kind, target } = found(canary, refs, options);
  const obstacle = kind.obstacle(target, options);
  if (obstacle !== undefined) throw conflict(obstacle);
  return { kind, target };
}

/** The same, for a target that may be one of which nothing can be made. */
export function found(canary: Canary, refs: Refs, options: ActOptions): Found {
  const kind = workloadKindOf(canary.spec.targetRef);
  const target = refs.target === undefined ? undefined : options.caches.get(refs.target);
  if (kind === undefined || target === undefined) throw conflict("the target went away");
  return { kind, target };
}

/** Which of the watched objects a router's body is. */
export function refOf(body: RawObject, known: readonly ObjectRef[]): ObjectRef {
  const found = known.find((ref) => ref.resource.kind === body.kind && ref.name === body.metadata.name);
  if (found === undefined)
    throw new WeirError(
      "api.invalid",
      "terminal",
      `the router made ${body.kind} ${body.metadata.name}, which it does not watch`,
    );
  return found;
}

export function needed(ref: ObjectRef | undefined): ObjectRef {
  if (ref === undefined) throw conflict("the canary's kinds changed meanwhile");
  return ref;
}

export function conflict(message: string): WeirError {
  return new WeirError("api.conflict", "conflict", message);
}

export async function applyNoted(
  ref: ObjectRef,
  body: RawObject,
  fieldManager: string,
  options: ActOptions,
): Promise<void> {
  options.caches.expect(ref, await apply(ref, body, fieldManager, options));
}

export function apply(ref: ObjectRef, body: RawObject, fieldManager: string, options: ActOptions): Promise<RawObject> {
  return options.api.apply(ref.resource, body, { fieldManager, force: true, signal: options.signal });
}
