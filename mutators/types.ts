import type { AdmissionReason, Canary, FieldIssue, RawObject } from "../api/index.ts";
import type { Surroundings } from "./surroundings.ts";

/** `request` of an AdmissionReview, with the fields we read. Objects are unknown JSON: whoever calls may send anything. */
export interface AdmissionRequest {
  readonly uid: string;
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly subResource?: string;
  /** Absent on create with generateName, and in each review of a collection's deletion. */
  readonly name?: string;
  readonly namespace?: string;
  readonly operation: string;
  readonly userInfo: {
    readonly username?: string;
    readonly groups?: readonly string[];
    readonly uid?: string;
    readonly extra?: Readonly<Record<string, unknown>>;
  };
  /** What the client calls itself, if it does (`options.fieldManager`). */
  readonly fieldManager?: string;
  readonly object: unknown;
  readonly oldObject: unknown;
  readonly dryRun: boolean;
}

/** What admission knows of the cluster: a cached list of Canaries, and settings. Answers from it may be a little old. */
export interface Index {
  /** Canaries that release this workload. */
  canariesFor(namespace: string, kind: string, name: string): readonly Canary[];
  canariesIn(namespace: string): readonly Canary[];
  /** Every Canary there is. For rare questions: it walks them all. */
  canaries(): readonly Canary[];
  metricTemplate(namespace: string, name: string): RawObject | undefined;
  alertProvider(namespace: string, name: string): RawObject | undefined;
  /** What the object in this request refers to; absent when nobody looked. */
  readonly around?: Surroundings;
  /** Whether Canaries may refer to objects of other namespaces. */
  readonly crossNamespaceRefs: boolean;
  /** What routes traffic for a Canary that names no provider; empty when unknown. */
  readonly provider: string;
  /** Users whose writes pass untouched: our own controller. */
  readonly controllerUsers: ReadonlySet<string>;
}

/** The operations of JSON Patch that we send. */
export type PatchOp =
  | { readonly op: "add" | "replace"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };

/** What an outcome leaves in the API server's audit log, beside its reason. The keys are constant, so that logs can be searched by them. */
export type Audit = Readonly<Partial<Record<"canary" | "fields", string>>>;

/** The Canary whose protection a refusal stands for: whoever has the verb `bypass` on it may write all the same. */
export interface Bypass {
  readonly namespace: string;
  readonly canary: string;
}

/** What admission does about a request: total, never throws, the same for a dry run, whose warnings may tell more. */
export type Outcome =
  | {
      readonly kind: "untouched";
      readonly why: AdmissionReason;
      readonly warnings: readonly string[];
      readonly audit?: Audit;
    }
  | {
      readonly kind: "patched";
      readonly why: AdmissionReason;
      readonly warnings: readonly string[];
      readonly patch: readonly PatchOp[];
      readonly audit?: Audit;
    }
  | {
      readonly kind: "refused";
      readonly why: AdmissionReason;
      readonly issues: readonly FieldIssue[];
      /** Absent: nobody gets past this refusal. */
      readonly bypass?: Bypass;
      readonly audit?: Audit;
    };

export type Mutator = (request: AdmissionRequest, index: Index) => Outcome;

export function untouched(why: AdmissionReason, warnings: readonly string[] = []): Outcome {
  return { kind: "untouched", why, warnings };
}
