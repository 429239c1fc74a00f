import type { Canary, RawObject, Readiness, Resource } from "../../api/index.ts";
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

/** One kind of target. Pure, made from raw JSON: fields we do not know survive the copy. */
export interface WorkloadKind {
  readonly resource: Resource;
  /** What keeps this target from being looked after, as a known event text. */
  obstacle(target: RawObject): string | undefined;
  /** The label to select by, or why there is none, as a known event text. */
  selectorLabel(target: RawObject, selectorLabels: readonly string[]): SelectorLabel | { readonly obstacle: string };
  /** The whole primary as the target wants it now, for server-side apply. Call only for a target without an obstacle. */
  primary(canary: Canary, target: RawObject, options: PrimaryOptions): RawObject;
  /** The revision of the target's template. */
  revisionOfTarget(target: RawObject): string;
  /** `spec.replicas`, absent counts as 1; of kinds without replicas 1 when it may have pods, else 0. */
  replicas(workload: RawObject): number;
  /** How it gets that many replicas. */
  scaled(replicas: number): Scaling;
  /** Pods that can serve right now, from the status. */
  available(workload: RawObject): number;
  readiness(workload: RawObject, options: ReadinessOptions): Readiness;
}
