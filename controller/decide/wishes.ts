import { type CanaryStatus, eventText } from "../../api/index.ts";
import { namesOf } from "./converge.ts";
import { plannedTraffic } from "./plan.ts";
import { drift, perform, wait } from "./round.ts";
import { conditionMessage, writeStatus } from "./status.ts";
import type { Action, Decision, Observation, Workload } from "./types.ts";

/*
 * A number that somebody writes into the target is meant for the primary, which serves. The webhook keeps it as a wish where it is asked;
 * what came past it (the scale subresource has no annotations, or no server was up) is noted here.
 */

type Replicas = Pick<NonNullable<CanaryStatus["release"]>, "replicas">;

/** What a release gives to its target, for the status: another number is somebody's wish. */
export function givenReplicas(target: Workload, whenEmpty = target.replicas): Replicas {
  const replicas = target.replicas === 0 ? whenEmpty : target.replicas;
  return replicas === undefined ? {} : { replicas };
}

/**
 * `kubectl scale` on a target at rest: the number is noted before the target is emptied again. A number that the last release left
 * behind, or that the primary has anyway, is nobody's wish.
 */
export function scaledAtRest(seen: Observation, target: Workload, primary: Workload): Decision | undefined {
  const { canary, provider } = seen;
  const { replicas } = target;
  const isWish = mayBeWished(seen) && replicas !== undefined && !isKnown(seen, replicas);
  if (!isWish || [primary.replicas, target.wishedReplicas].includes(replicas)) return undefined;
  if (plannedTraffic(canary, provider).canary > 0) return undefined;
  const { target: name, namespace } = namesOf(canary);
  return perform({ kind: "keepWish", replicas }, drift("target", eventText.scaledAtRest(name, namespace, replicas)));
}

/**
 * The same while its release runs: the canary keeps that size, the primary gets it afterwards. An autoscaler that the Canary does not name
 * sizes the canary for its share: as a wish that would be too little for everybody.
 */
export function scaledInRelease(seen: Observation): Decision | undefined {
  const { canary, target } = seen;
  const { release } = canary.status ?? {};
  const { replicas } = target ?? {};
  if (replicas === undefined || release?.replicas === undefined || replicas === target?.autoscaledTo) return undefined;
  if (!mayBeWished(seen) || isKnown(seen, replicas)) return undefined;
  if (replicas !== target?.wishedReplicas) return perform({ kind: "keepWish", replicas, unlessAutoscaled: true });
  const { target: name, namespace } = namesOf(canary);
  const waitingFor = conditionMessage(seen, "Reconciling") ?? "";
  return perform(
    ...writeStatus(seen, { release: { ...release, replicas }, waitingFor }),
    drift("target", eventText.scaledInRelease(name, namespace, replicas)),
  );
}

/** A target that carries traffic at rest or while it is promoted serves: scaled to 0, it is brought back. */
export function broughtBack(seen: Observation): Decision | undefined {
  const { canary, target, provider } = seen;
  if (target?.replicas !== 0 || plannedTraffic(canary, provider).canary === 0) return undefined;
  const replicas = Math.max(1, canary.status?.release?.replicas ?? seen.canaryReplicas);
  const { target: name, namespace } = namesOf(canary);
  return perform({ kind: "scaleTarget", replicas }, drift("target", eventText.scaledAway(name, namespace, replicas)));
}

/** The number of replicas a user wrote into the target, kept by the webhook, goes to the primary: capacity needs no analysis. */
export function moveWish(seen: Observation, target: Workload, primary: Workload): Decision | undefined {
  const wish = target.wishedReplicas;
  if (wish === undefined || wish < 1 || seen.canary.spec.autoscalerRef !== undefined || wish === primary.replicas)
    return undefined;
  return wait(undefined, { kind: "scalePrimary", replicas: wish });
}

/** How much longer than its drain the end of a release may take to be seen, in milliseconds. */
const settlingMs = 3_000;

/**
 * Where an autoscaler decides, a number that somebody writes at rest goes nowhere; that the target is emptied of it is told. Just after a
 * release, and with KEDA, the autoscaler itself may have written it.
 */
export function overruled(seen: Observation): readonly Action[] {
  const { canary, target, primary } = seen;
  const { autoscalerRef, targetRef } = canary.spec;
  const { replicas } = target ?? {};
  const sinceMs = seen.now - Date.parse(canary.status?.lastTransitionTime ?? "");
  if (autoscalerRef === undefined || targetRef.kind !== "Deployment" || seen.sourceScaler === "running") return [];
  if (sinceMs < seen.drainMs + settlingMs) return [];
  if (replicas === undefined || replicas === primary?.replicas || isKnown(seen, replicas)) return [];
  const { target: name, namespace } = namesOf(canary);
  return [drift("target", eventText.scaledDespite(name, namespace, replicas, autoscalerRef.name))];
}

function mayBeWished({ canary: { spec } }: Observation): boolean {
  return spec.autoscalerRef === undefined && spec.targetRef.kind === "Deployment";
}

/** Whether it is what we made it, or what the last release left. */
function isKnown({ canary }: Observation, replicas: number): boolean {
  return replicas === 0 || replicas === canary.status?.release?.replicas;
}
