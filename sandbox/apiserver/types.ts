/**
 * The shapes that the rooms of the sandbox share. Everything here is data or a narrow interface; nothing does I/O.
 */

import type { Control, Interference, WatchStream } from "./interference.ts";

/** `metadata` of an object. Fields that are not named here survive untouched. */
export interface ObjectMeta {
  name?: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: ManagedFieldsEntry[];
  [field: string]: unknown;
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ManagedFieldsEntry {
  manager: string;
  operation: "Apply" | "Update";
  apiVersion: string;
  time?: string;
  fieldsType: "FieldsV1";
  fieldsV1: Record<string, unknown>;
  subresource?: string;
}

/** Any Kubernetes object as JSON. Objects in the store are never mutated: copy before changing. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  // biome-ignore lint/suspicious/noExplicitAny: objects are JSON whose shape the kind decides
  [field: string]: any;
}

/** Who asks. Same shape as `userInfo` of an AdmissionReview. */
export interface UserInfo {
  username: string;
  uid?: string;
  groups: string[];
  extra?: Record<string, string[]>;
}

export interface StatusCause {
  reason?: string;
  message?: string;
  field?: string;
}

/** The `Status` body of a failed request. */
export interface Status {
  kind: "Status";
  apiVersion: "v1";
  metadata: Record<string, unknown>;
  status: "Failure" | "Success";
  message?: string;
  reason?: string;
  details?: {
    name?: string;
    group?: string;
    kind?: string;
    uid?: string;
    causes?: StatusCause[];
    retryAfterSeconds?: number;
  };
  code?: number;
}

/** Thrown anywhere in the API server's pipeline; `http.ts` turns it into the answer. `code` is the HTTP status. */
export class ApiError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: Status["details"];
  constructor(code: number, reason: string, message: string, details?: Status["details"]) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }
}

/** One rule that an object breaks, as the API server words it: `spec.replicas: Invalid value: -1: must be …`. */
export interface FieldError {
  /** `FieldValueInvalid`, `FieldValueRequired`, `FieldValueForbidden`, `FieldValueTypeInvalid`, `FieldValueNotSupported`, … */
  readonly reason: string;
  /** Path such as `spec.containers[0].name`. */
  readonly field: string;
  /** Without the path: `Invalid value: -1: must be greater than or equal to 0`. */
  readonly message: string;
}

/**
 * How a field's list or map merges, for strategic merge patch, server-side apply and pruning. A tree that mirrors the type.
 * Absent `fields` and `items` mean an opaque value.
 */
export interface TypeSchema {
  readonly type: "object" | "array" | "string" | "integer" | "number" | "boolean" | "any";
  /** Named fields of an object. */
  readonly fields?: Readonly<Record<string, TypeSchema>>;
  /** Value type of a free-form map (labels, data, …). */
  readonly values?: TypeSchema;
  readonly items?: TypeSchema;
  /** List kinds of server-side apply. Default for arrays: atomic. */
  readonly list?: "atomic" | "set" | "map";
  readonly listMapKeys?: readonly string[];
  /** Defaults of list map keys, e.g. `{ protocol: "TCP" }` of Service ports. */
  readonly keyDefaults?: Readonly<Record<string, unknown>>;
  /** Objects that are owned as one (selectors, resource quantities …). */
  readonly atomic?: boolean;
  /** Strategic merge patch: key and strategy where they differ from server-side apply's. */
  readonly patchMergeKey?: string;
  readonly patchStrategy?: readonly ("merge" | "replace" | "retainKeys")[];
  /** True: unknown fields are kept (`x-kubernetes-preserve-unknown-fields`). */
  readonly preserveUnknown?: boolean;
  readonly nullable?: boolean;
  /** Name of the Go type (`DeploymentSpec`, `int32`), as decoding errors quote it. */
  readonly goType?: string;
  /** The zero value (`""`, 0, false, `[]`, `{}`) is the same as absent: what Go's `omitempty` does to plain fields. */
  readonly omitZero?: boolean;
  /** The field is there even when nobody set it (`spec`, a pod template's `metadata`): its presence has no owner. */
  readonly embedded?: boolean;
}

/** What a resource does to an object on its way in. Implementations are pure. */
export interface Strategy {
  /** Schema per version, for apply, strategic merge and decoding. `undefined`: everything is opaque. */
  schema(version: string): TypeSchema | undefined;
  /** Drops unknown fields; their paths are returned for `fieldValidation` Strict and Warn. Changes `object` in place. */
  prune(object: KubeObject, version: string): string[];
  /**
   * Why the object cannot be decoded into its type (`json: cannot unmarshal string into Go struct field …`), if so.
   * The caller words the answer around it, which differs between POST, PUT and the patches.
   */
  decodeProblem?(object: unknown, version: string): string | undefined;
  /** Fills defaults, in place. Called after decoding and again after every mutating webhook. `old` is undefined on create. */
  setDefaults(object: KubeObject, version: string, old?: KubeObject): void;
  /** Everything wrong with the object; on update `old` is the stored one (ratcheting, immutable fields). */
  validate(object: KubeObject, old: KubeObject | undefined, subresource: string | undefined): FieldError[];
  /** Before create: strips status, sets generation 1 where the kind has one, allocates (cluster IPs …). In place. */
  prepareForCreate(object: KubeObject): void;
  /** Before update: keeps what the caller may not change through this (sub)resource, raises generation. In place. */
  prepareForUpdate(object: KubeObject, old: KubeObject, subresource: string | undefined): void;
  /** Instead of plain removal: the object as the DELETE leaves it, with finalizers and a mark; undefined when it may go. */
  prepareForDelete?(object: KubeObject, now: Date): KubeObject | undefined;
  /** Takes note of an object that was stored by an earlier process: what it was given is not handed out again. */
  remember?(object: KubeObject): void;
  /** A stored object as its kind sees it now: a custom resource may have a newer schema than when it was written. */
  settle?(object: KubeObject): KubeObject;
  /** Between two served versions; identity (but for apiVersion) when absent. */
  convert?(object: KubeObject, toVersion: string): KubeObject;
  /** Asks whoever converts objects of this kind, so that `convert` knows the answer; `afresh`: even if it knows one already. */
  convertAhead?(objects: readonly KubeObject[], toVersion: string, afresh: boolean): Promise<void>;
  /** Warnings for the writer (deprecated versions, …). */
  warnings?(object: KubeObject, old: KubeObject | undefined): string[];
}

export interface ScalePaths {
  readonly specReplicas: string;
  readonly statusReplicas: string;
  readonly labelSelector?: string;
}

/** A column of `kubectl get`. */
export interface Column {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  readonly description?: string;
  readonly priority: number;
  /** The cell of one object. */
  readonly cell: (object: KubeObject, now: Date) => unknown;
}

/** A served resource: one storage, one or more versions. Built-in kinds and CRDs look the same to the handlers. */
export interface Resource {
  readonly group: string;
  readonly kind: string;
  readonly listKind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Served versions, preferred first. */
  readonly versions: readonly string[];
  readonly storageVersion: string;
  readonly verbs: readonly string[];
  readonly subresources: { readonly status?: boolean; readonly scale?: ScalePaths };
  readonly strategy: Strategy;
  readonly columns: (version: string) => readonly Column[];
  /** OpenAPI (v3 schema object) per version, for /openapi; absent for kinds without one. */
  readonly openapi?: (version: string) => Record<string, unknown> | undefined;
  /** Fields that a field selector may name besides name and namespace (`spec.color`). */
  readonly selectableFields?: readonly string[];
  /** Warning for every request to a deprecated version. */
  readonly deprecation?: (version: string) => string | undefined;
  /** True for kinds defined by a CustomResourceDefinition. */
  readonly custom: boolean;
}

/** `plural.group`, or `plural` in the core group: the key of a resource everywhere in the sandbox. */
export type ResourceKey = string;

export type WatchType = "ADDED" | "MODIFIED" | "DELETED";

/** What a watcher of the store gets. `old` is the object before a MODIFIED or DELETED (selector transitions need it). */
export interface StoreEvent {
  readonly type: WatchType;
  readonly object: KubeObject;
  readonly old?: KubeObject;
  readonly revision: number;
}

/** Versioned storage of one cluster: every write gets the next revision of one counter. Holds the storage version only. */
export interface Store {
  /** The newest revision. */
  readonly revision: number;
  get(resource: ResourceKey, namespace: string, name: string): KubeObject | undefined;
  /** In order of namespace/name. Empty namespace: all. */
  list(resource: ResourceKey, namespace: string): KubeObject[];
  /** Throws ApiError 409 AlreadyExists. Sets resourceVersion and returns the stored object. */
  create(resource: ResourceKey, object: KubeObject): KubeObject;
  /** Compare-and-swap on the revision read before; throws ApiError 409 Conflict. A write that changes nothing keeps the revision. */
  update(resource: ResourceKey, object: KubeObject, expectedVersion: string): KubeObject;
  /** Removes and returns the last state (with the revision of the deletion). */
  delete(resource: ResourceKey, namespace: string, name: string, expectedVersion?: string): KubeObject;
  /** Events after `revision`, then live ones, synchronously in order. Throws ApiError 410 Expired when history is gone. */
  watch(resource: ResourceKey, namespace: string, revision: number, listener: (event: StoreEvent) => void): () => void;
}

/** One attempt to write, as admission sees it. */
export interface AdmissionAttributes {
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  readonly resource: Resource;
  /** The version of the request. */
  readonly version: string;
  readonly subresource: string | undefined;
  readonly namespace: string;
  readonly name: string;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  /** `CreateOptions`, `UpdateOptions`, `DeleteOptions` as JSON. */
  readonly options: Record<string, unknown>;
  /** Undefined on DELETE. In the version of the request; for subresource `scale` an autoscaling/v1 Scale. */
  readonly object: KubeObject | undefined;
  readonly oldObject: KubeObject | undefined;
  /** Takes what webhooks say for the audit log. */
  readonly annotate?: (key: string, value: string) => void;
}

/** Webhooks (and what else stands between a request and the store). */
export interface Admission {
  /**
   * Calls the mutating webhooks that match, in order. `reset` decodes, prunes and defaults after each patch.
   * Returns the object to store; throws ApiError on a denial or a failed call under failurePolicy Fail.
   */
  mutate(
    attributes: AdmissionAttributes,
    reset: (object: KubeObject) => KubeObject,
    warn: (text: string) => void,
  ): Promise<KubeObject | undefined>;
  /** Calls the validating webhooks that match, all at once. */
  validate(attributes: AdmissionAttributes, warn: (text: string) => void): Promise<void>;
}

export type PatchType = "json" | "merge" | "strategic" | "apply";

export interface WriteOptions {
  readonly dryRun?: boolean;
  readonly fieldManager?: string;
  readonly fieldValidation?: "Ignore" | "Warn" | "Strict";
  readonly force?: boolean;
  readonly warn?: (text: string) => void;
}

export interface ListOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/**
 * The API as one user sees it, without HTTP: the same handlers, admission, validation and counting as a request over the wire.
 * Objects are in the version named by `at` (default: the preferred one). What the sandbox's own controllers use.
 * `key` is `deployments.apps`, `pods`, `httproutes.gateway.networking.k8s.io`, …; it throws ApiError 404 when not served.
 */
export interface Client {
  get(key: ResourceKey, namespace: string, name: string): KubeObject | undefined;
  list(key: ResourceKey, namespace?: string, options?: ListOptions): KubeObject[];
  create(key: ResourceKey, object: KubeObject, options?: WriteOptions): Promise<KubeObject>;
  update(key: ResourceKey, object: KubeObject, subresource?: string, options?: WriteOptions): Promise<KubeObject>;
  patch(
    key: ResourceKey,
    namespace: string,
    name: string,
    type: PatchType,
    body: unknown,
    subresource?: string,
    options?: WriteOptions,
  ): Promise<KubeObject>;
  /** Absent objects are no error. */
  delete(
    key: ResourceKey,
    namespace: string,
    name: string,
    options?: { propagationPolicy?: "Orphan" | "Background" | "Foreground"; gracePeriodSeconds?: number; uid?: string },
  ): Promise<void>;
  /** All existing objects as ADDED, then changes; works for resources that are served only later (CRDs). Returns the way to stop. */
  watch(key: ResourceKey, listener: (event: { type: WatchType; object: KubeObject }) => void): () => void;
}

/** One line of the log: a constant message, everything that varies as values. */
export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly [field: string]: unknown;
}

/** A running API server. */
export interface ApiServer {
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  /** PEM of the CA that signed the serving certificate. */
  readonly ca: string;
  /** A kubeconfig (YAML) for a user; `admin` is a member of system:masters. Makes the token on first use. */
  kubeconfig(user: string, groups?: readonly string[]): string;
  as(user: UserInfo): Client;
  /** Requests answered so far, by user and then by `verb resource` (`get deployments`, `watch widgets`, `patch deployments/scale`). */
  requests(): Record<string, Record<string, number>>;
  /** Resolves a Service for webhook calls: `namespace/name:port` to a loopback address. Set by the network room. */
  resolveService: (namespace: string, name: string, port: number) => { host: string; port: number } | undefined;
  /** Text of a container's log for `pods/log`; undefined when there is none. Set by the node. */
  podLog: (pod: KubeObject, container: string | undefined, query: URLSearchParams) => string | undefined;
  /** A client certificate for a user, signed by the CA. */
  clientCertificate(user: string, groups?: readonly string[]): { readonly certificate: string; readonly key: string };
  /** What stands between this server and its clients; set by faults. */
  readonly interference: Interference;
  /** Answers paths below `/sandbox/`, for members of system:masters. */
  control: Control;
  /** The watches that are open over HTTP. */
  watches(): Iterable<WatchStream>;
  /** Forgets what happened so far: watches and lists of older versions get 410, as after a compaction of etcd. */
  expireHistory(): void;
  stop(): Promise<void>;
}

/** Copies JSON. Texts are shared, which `structuredClone` does not do: versions of one object differ little. */
export function clone<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  // biome-ignore lint/suspicious/noExplicitAny: the copy has the type of the original
  if (Array.isArray(value)) return value.map(clone) as any;
  const copy: Record<string, unknown> = {};
  for (const [key, child] of Object.entries(value)) {
    // Assigned, this one would become the copy's prototype.
    if (key === "__proto__") Object.defineProperty(copy, key, { value: clone(child), ...plainField });
    else copy[key] = clone(child);
  }
  return copy as T;
}

/** Whether two values are the same JSON, whatever the order of fields. */
export function isEqualJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  for (const key of keys) if (!Object.hasOwn(right, key) || !isEqualJson(left[key], right[key])) return false;
  return true;
}

const plainField = { writable: true, enumerable: true, configurable: true };

/** `apps/v1`, or `v1` in the core group. */
export function apiVersionOf(group: string, version: string): string {
  return group === "" ? version : `${group}/${version}`;
}

/** `deployments.apps`, or `pods` in the core group. */
export function keyOf(group: string, plural: string): ResourceKey {
  return group === "" ? plural : `${plural}.${group}`;
}
