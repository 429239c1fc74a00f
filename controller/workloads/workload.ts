import type { Canary, Fields, ObjectRef, RawObject, Readiness, Resource } from "../../api/index.ts";
import type { Tracked } from "./configs.ts";

/** The one label by which target and primary are told apart: `value` selects the target's pods, `{value}-primary` the primary's. */
export interface SelectorLabel {
  readonly key: string;
  readonly value: string;
}

export interface PrimaryOptions {
  /** Labels a target's selector may use, the first that is found wins. */
  readonly selectorLabels: readonly string[];
  /** Prefixes of labels and annotations that are copied from the target to the primary's metadata; `*` copies all. */
  readonly includeLabelPrefix: readonly string[];
  /**
   * States `spec.replicas`. Absent: the field is not in the body. Under server-side apply a field that one manager once stated and then
   * leaves out goes back to the default of 1, so either always state it by the same manager or never.
   */
  readonly replicas?: number;
  /** What the primary gets copies of; absent: it uses the target's own. */
  readonly tracked?: Tracked;
}

export interface ReadinessOptions {
  /** As the text names it. */
  readonly name: string;
  readonly thresholdPercent: number;
  readonly deadlineSeconds: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** It must be able to serve: at zero replicas it is not ready. */
  readonly mustServe: boolean;
  /** When the release last made progress, in milliseconds since the epoch: for kinds that do not note it themselves. */
  readonly progressAt: number | undefined;
}

/** A merge patch that sizes a workload. */
export interface Scaling {
  readonly patch: object;
  readonly subresource?: "scale";
}

/** How many replicas a workload has, and how it gets others. */
export interface Sizing {
  /** `spec.replicas`, absent counts as 1; of kinds without replicas 1 when it may have pods, else 0. */
  replicas(workload: RawObject): number;
  scaled(replicas: number): Scaling;
}

/** The three Services of a Canary. */
export type ServiceRole = "apex" | "primary" | "canary";

/** The Services that are made for a target. Routes and callers lead to them. */
export interface Services {
  readonly roles: readonly ServiceRole[];
  /** A Service as it should be. Call only for a target without an obstacle. */
  service(
    canary: Canary,
    role: ServiceRole,
    target: RawObject,
    live: RawObject | undefined,
    options: Labels,
  ): RawObject;
  /** What the apex Service shall be when the Canary goes, as a merge patch; undefined when it never was turned to the primary. */
  released(canary: Canary, target: RawObject, live: RawObject, options: Labels): RawObject | undefined;
  /** By name, the Services whose endpoints tell that the two can be reached. */
  reached(canary: Canary, target: RawObject): Reached;
}

/** Absent: no Service tells. */
export interface Reached {
  readonly canary?: string;
  readonly primary?: string;
}

export type Labels = Pick<PrimaryOptions, "selectorLabels">;

/** The two that a release is about. */
export type Side = "target" | "primary";

/** One kind of target. Pure, made from raw JSON: fields we do not know survive the copy. */
export interface WorkloadKind {
  readonly resource: Resource;
  /** What keeps this target from being looked after, as a known event text. */
  obstacle(target: RawObject, options: Labels): string | undefined;
  /** Where the primary is: an object of the same resource, or the target itself, which then is both. */
  primaryName(canary: Canary): string;
  /** The primary as the target wants it now, for server-side apply: all that is ours of it. Call only for a target without an obstacle. */
  primary(canary: Canary, target: RawObject, options: PrimaryOptions): RawObject;
  /** What others added to a primary that was just applied and that would run with it: a merge patch that takes it away. */
  withoutOthers?(wanted: RawObject, written: RawObject): object | undefined;
  /** The revision that the target holds. */
  revisionOfTarget(target: RawObject): string;
  /** The revision that a primary was made from; undefined while the object at its place holds none. */
  revisionOfPrimary(primary: RawObject): string | undefined;
  /** What admission stamps on a target that is written, where that is not `revisionOfTarget`. */
  stamp?(target: RawObject): string;
  /** The pod template whose ConfigMaps and Secrets are tracked; absent for kinds whose pods are not theirs to change. */
  template?(workload: RawObject): Fields;
  /** Absent: routes lead to it without Services. */
  readonly services?: Services;
  /** Absent: it scales itself, or has nothing to scale. */
  readonly sizing?: Sizing;
  /** The object that tells how a side is, where that is not the workload itself. */
  teller?(workload: RawObject, side: Side): ObjectRef | undefined;
  /** Pods that can serve right now, from the status; where no status counts them, 1 when somebody should. */
  available(teller: RawObject): number;
  readiness(teller: RawObject, options: ReadinessOptions): Readiness;
}
