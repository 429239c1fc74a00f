/** Any Kubernetes object as JSON. Unknown fields survive everything we do: copies are made from this shape, never from typed models. */
export interface RawObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: RawMeta;
  readonly [field: string]: unknown;
}

/** `metadata`, with the fields we read. */
export interface RawMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly [field: string]: unknown;
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** A kind of object and where the API serves it. */
export interface Resource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  /** Its objects live in no namespace. */
  readonly clusterScoped?: true;
}

/** Names one object. `namespace` is empty for objects that live in none. */
export interface ObjectRef {
  readonly resource: Resource;
  readonly namespace: string;
  readonly name: string;
}

/** `apps/v1`, or `v1` in the core group. */
export function apiVersionOf(resource: Resource): string {
  return resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
}

/** `namespace/name`: how objects of one kind are keyed everywhere. */
export function keyOf(object: { readonly namespace?: string; readonly name: string }): string {
  return `${object.namespace ?? ""}/${object.name}`;
}
