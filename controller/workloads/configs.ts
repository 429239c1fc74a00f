import { hash } from "node:crypto";
import {
  type Canary,
  canonicalJson,
  type Fields,
  fieldsOf,
  itemsOf,
  knownKeys,
  otherOwners,
  ownerReferenceOf,
  type RawObject,
  type Resource,
  withConfigs,
} from "../../api/index.ts";
import { inherited } from "./template.ts";

/** A ConfigMap or Secret that a pod template refers to. */
export interface ConfigRef {
  readonly kind: "ConfigMap" | "Secret";
  readonly name: string;
  /** Pods start without it: true when every reference says so. */
  readonly optional: boolean;
}

export const configResources: Readonly<Record<ConfigRef["kind"], Resource>> = {
  ConfigMap: { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap" },
  Secret: { group: "", version: "v1", plural: "secrets", kind: "Secret" },
};

/** What matters of one of them; never its content. */
export type Config =
  | { readonly state: "tracked"; readonly checksum: string; readonly binary?: string }
  /** Its owner does not want copies of it, or it is of a type that belongs to somebody else. */
  | { readonly state: "untracked" }
  | { readonly state: "missing" };

/** The tracked ones of a template, as `status.trackedConfigs` has them, and what they add to the revision. */
export interface Tracked {
  readonly checksums: Readonly<Record<string, string>>;
  readonly digest: string | undefined;
}

const secretTypes: ReadonlySet<unknown> = new Set([
  "Opaque",
  "kubernetes.io/basic-auth",
  "kubernetes.io/ssh-auth",
  "kubernetes.io/tls",
]);

/** `configmap/settings`: the known key. */
export function keyOfConfig({ kind, name }: Pick<ConfigRef, "kind" | "name">): string {
  return `${kind.toLowerCase()}/${name}`;
}

/** What a pod template refers to, each once. */
export function configRefs(template: unknown): readonly ConfigRef[] {
  const found = new Map<string, ConfigRef>();
  mapRefs(template, (ref) => {
    const before = found.get(keyOfConfig(ref));
    found.set(keyOfConfig(ref), { ...ref, optional: ref.optional && (before?.optional ?? true) });
    return ref.name;
  });
  return [...found.values()];
}

/** The template with references to tracked configs turned to the primary's copies. */
export function withPrimaryConfigs(template: Fields, tracked: Tracked): Fields {
  return mapRefs(template, (ref) =>
    Object.hasOwn(tracked.checksums, keyOfConfig(ref)) ? primaryConfigName(ref.name) : ref.name,
  );
}

export function primaryConfigName(name: string): string {
  return `${name}-primary`;
}

/** Every place where a pod template names a ConfigMap or Secret that its containers see; `rename` gives the name to put there. */
function mapRefs(template: unknown, rename: (ref: ConfigRef) => string): Fields {
  const at = (fields: Fields, field: string, kind: ConfigRef["kind"], key = "name"): Fields => {
    const ref = fieldsOf(fields[field]);
    const name = ref[key];
    if (typeof name !== "string" || name === "") return fields;
    return { ...fields, [field]: { ...ref, [key]: rename({ kind, name, optional: ref["optional"] === true }) } };
  };
  const both = (fields: Fields, map: string, secret: string): Fields =>
    at(at(fields, map, "ConfigMap"), secret, "Secret");
  const each = (fields: Fields, field: string, change: (item: Fields) => Fields): Fields =>
    Array.isArray(fields[field]) ? { ...fields, [field]: itemsOf(fields[field]).map(change) } : fields;
  const inside = (fields: Fields, field: string, change: (inner: Fields) => Fields): Fields =>
    fields[field] === undefined || fields[field] === null
      ? fields
      : { ...fields, [field]: change(fieldsOf(fields[field])) };
  const volume = (fields: Fields): Fields =>
    inside(at(at(fields, "configMap", "ConfigMap"), "secret", "Secret", "secretName"), "projected", (projected) =>
      each(projected, "sources", (source) => both(source, "configMap", "secret")),
    );
  const container = (fields: Fields): Fields =>
    each(
      each(fields, "env", (entry) =>
        inside(entry, "valueFrom", (from) => both(from, "configMapKeyRef", "secretKeyRef")),
      ),
      "envFrom",
      (source) => both(source, "configMapRef", "secretRef"),
    );
  return inside(fieldsOf(template), "spec", (spec) =>
    each(each(each(spec, "volumes", volume), "containers", container), "initContainers", container),
  );
}

/** Whether its owner opted out. Metadata is enough to tell. */
export function isOptedOut(object: RawObject): boolean {
  return object.metadata.annotations?.[knownKeys.configTracking]?.startsWith("disable") === true;
}

export function configOf(object: RawObject | undefined): Config {
  if (object === undefined) return { state: "missing" };
  if (isOptedOut(object) || (object.kind === "Secret" && !secretTypes.has(object["type"])))
    return { state: "untracked" };
  const binary = fieldsOf(object["binaryData"]);
  return {
    state: "tracked",
    checksum: checksumOf(object["data"]),
    ...(Object.keys(binary).length > 0 ? { binary: short(canonicalJson(binary)) } : {}),
  };
}

/** The known checksum, bit for bit, so that those which stand in a status stay valid: of `data` as Go writes JSON. */
export function checksumOf(data: unknown): string {
  const fields = fieldsOf(data);
  const text = Object.keys(fields).length === 0 ? "null" : canonicalJson(fields);
  return short(
    text.replaceAll(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`),
  );
}

function short(text: string): string {
  return hash("sha256", text).slice(0, 16);
}

/** What is tracked of these references, or the known text that one is missing which pods cannot start without. */
export function trackedOf(
  refs: readonly ConfigRef[],
  find: (ref: ConfigRef) => Config,
  namespace: string,
): Tracked | { readonly obstacle: string } {
  const seen = refs.map((ref) => ({ ref, config: find(ref) }));
  const missing = seen.find(({ ref, config }) => config.state === "missing" && !ref.optional)?.ref;
  if (missing !== undefined) {
    const kind = missing.kind.toLowerCase();
    return { obstacle: `${kind} ${missing.name}.${namespace} get query error: ${kind}s "${missing.name}" not found` };
  }
  const tracked = seen.flatMap(({ ref, config }) =>
    config.state === "tracked" ? [{ key: keyOfConfig(ref), config }] : [],
  );
  const all = tracked.map(({ key, config }) => [key, config.checksum, config.binary ?? ""].join(" ")).sort();
  return {
    checksums: Object.fromEntries(tracked.map(({ key, config }) => [key, config.checksum])),
    digest: all.length === 0 ? undefined : short(all.join("\n")),
  };
}

/** The primary's copy, whole. Several canaries may share it: this one controls it, the others still own it. */
export function primaryConfig(
  canary: Canary,
  source: RawObject,
  live: RawObject | undefined,
  includeLabelPrefix: readonly string[],
): RawObject {
  const { data, binaryData, type, kind } = source;
  const labels = inherited(source.metadata.labels, includeLabelPrefix);
  const version = live?.metadata.resourceVersion;
  return {
    apiVersion: "v1",
    kind,
    metadata: {
      name: primaryConfigName(source.metadata.name),
      namespace: canary.metadata.namespace ?? "",
      ...(version === undefined ? {} : { resourceVersion: version }),
      ...(Object.keys(labels).length > 0 ? { labels } : {}),
      ownerReferences: [
        ownerReferenceOf(canary),
        ...otherOwners(live, canary).map((owner) => ({ ...owner, controller: false })),
      ],
    },
    ...(data === undefined ? {} : { data }),
    ...(binaryData === undefined ? {} : { binaryData }),
    ...(type === undefined ? {} : { type }),
  };
}

/**
 * The revision of a target as its status counts. A release that began before configs were tracked ends as it began: noticing them in
 * the middle must not begin it again.
 */
export function countedRevision(canary: Canary, template: string, tracked: Tracked | undefined): string {
  const { phase = "", trackedConfigs, lastAppliedSpec } = canary.status ?? {};
  const resting = phase === "Initialized" || phase === "Succeeded" || phase === "Failed";
  const begunWithout = trackedConfigs === undefined && lastAppliedSpec === template && !resting;
  return tracked === undefined || begunWithout ? template : withConfigs(template, tracked.digest);
}
