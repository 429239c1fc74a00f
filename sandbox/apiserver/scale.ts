import { recordUpdate } from "./apply/managedFields.ts";
import { parentManagedFields, scaleManagedFields } from "./apply/scale.ts";
import { serverSideApply } from "./apply/serverSideApply.ts";
import { managerOf } from "./attributes.ts";
import { objectMeta } from "./builtin/schemas/meta.ts";
import { type Call, type Cluster, inVersion, ruleVersion } from "./cluster.ts";
import { isRecord } from "./decode.ts";
import { timestamp } from "./metadata.ts";
import type { WriteChoices } from "./options.ts";
import { applyJsonPatch } from "./patch/json.ts";
import { applyMergePatch } from "./patch/merge.ts";
import { quotedDocument } from "./patch/quote.ts";
import { findObject } from "./read.ts";
import { badRequest, invalid, notFound } from "./status.ts";
import {
  ApiError,
  apiVersionOf,
  clone,
  type KubeObject,
  type ManagedFieldsEntry,
  type PatchType,
  type Resource,
  type ScalePaths,
  type TypeSchema,
} from "./types.ts";
import { updateObject } from "./update.ts";

/** GET of `/scale`. */
export function readScale(cluster: Cluster, call: Call): KubeObject {
  const object = findObject(cluster, call);
  return scaleOf(call.request.resource, object, pathsOf(call));
}

function pathsOf(call: Call): ScalePaths {
  const { resource, name } = call.request;
  const paths = resource.subresources.scale;
  if (paths === undefined) throw notFound(resource, name);
  return paths;
}

/** The autoscaling/v1 Scale of an object. Zero is left out of its spec, as Go leaves it out. */
export function scaleOf(resource: Resource, object: KubeObject, paths: ScalePaths, lenient = false): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = valueAt(object, paths.specReplicas);
  if (replicas === undefined && resource.custom && !lenient) {
    const message = `the spec replicas field ${JSON.stringify(paths.specReplicas)} does not exist`;
    throw new ApiError(500, "InternalError", `Internal error occurred: ${message}`, { causes: [{ message }] });
  }
  const selector = selectorOf(resource, object, paths);
  const metadata = { name, namespace, uid, resourceVersion, creationTimestamp };
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: JSON.parse(JSON.stringify(metadata)),
    spec: typeof replicas === "number" && replicas !== 0 ? { replicas } : {},
    status: {
      replicas: Number(valueAt(object, paths.statusReplicas) ?? 0),
      ...(selector === "" ? {} : { selector }),
    },
  };
}

function selectorOf(resource: Resource, object: KubeObject, paths: ScalePaths): string {
  if (resource.custom) {
    return paths.labelSelector === undefined ? "" : String(valueAt(object, paths.labelSelector) ?? "");
  }
  const selector = object["spec"]?.selector as LabelSelector | undefined;
  return selector === undefined ? "" : selectorText(selector);
}

interface LabelSelector {
  readonly matchLabels?: Record<string, string>;
  readonly matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

function selectorText(selector: LabelSelector): string {
  const terms = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({ key, text: `${key}=${value}` }));
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const list = `(${[...values].sort().join(",")})`;
    if (operator === "In") terms.push({ key, text: `${key} in ${list}` });
    if (operator === "NotIn") terms.push({ key, text: `${key} notin ${list}` });
    if (operator === "Exists") terms.push({ key, text: key });
    if (operator === "DoesNotExist") terms.push({ key, text: `!${key}` });
  }
  terms.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return terms.map((term) => term.text).join(",");
}

/** PUT or PATCH of `/scale`: changes the replicas of the object and nothing else. */
export async function writeScale(
  cluster: Cluster,
  call: Call,
  choices: WriteChoices,
  input: ScaleInput,
): Promise<KubeObject> {
  const paths = pathsOf(call);
  const { resource } = call.request;
  if (input.type === undefined) checkScaleBody(call, input.body);
  const scaleCluster: Cluster = { ...cluster, admission: admissionOfScale(cluster, call, paths) };
  const { object } = await updateObject(scaleCluster, call, choices, (live) => {
    const current = scaleOf(resource, live, paths, true);
    current.metadata.managedFields = scaleManagedFields(live.metadata.managedFields, paths.specReplicas);
    const wanted = wantedScale(cluster, call, choices, input, current);
    return withReplicas(call, live, wanted, paths);
  });
  return scaleOf(resource, object, paths);
}

interface ScaleInput {
  /** Undefined: the body is a whole Scale. */
  readonly type: PatchType | undefined;
  readonly body: unknown;
}

const integer: TypeSchema = { type: "integer" };
const scaleSchema: TypeSchema = {
  type: "object",
  fields: {
    spec: { type: "object", fields: { replicas: integer } },
    status: { type: "object", fields: { replicas: integer, selector: { type: "string" } } },
  },
};

const quotedSchema: TypeSchema = { ...scaleSchema, fields: { metadata: objectMeta, ...scaleSchema.fields } };

/** The Scale to store, with who owns its replicas then. */
function wantedScale(
  cluster: Cluster,
  call: Call,
  choices: WriteChoices,
  input: ScaleInput,
  current: KubeObject,
): KubeObject {
  const common = {
    live: current,
    manager: managerOf(call, choices),
    schema: scaleSchema,
    now: cluster.now(),
    subresource: "scale",
    apiVersion: "autoscaling/v1",
    reset: [["status"]],
  };
  if (input.type === "apply") {
    const applied = clone(input.body) as KubeObject;
    const next = serverSideApply({ ...common, applied, force: choices.force });
    checkScale(call, next, input);
    return next;
  }
  const next = statedScale(input, current);
  checkScale(call, next, input);
  // Go leaves a zero out, so nobody can own it.
  if (next["spec"]?.replicas === 0) next["spec"] = {};
  return recordUpdate({ ...common, next });
}

function statedScale(input: ScaleInput, current: KubeObject) {
  if (input.type === "json") return applyJsonPatch(clone(current), input.body);
  if (input.type !== undefined) return applyMergePatch(clone(current), input.body);
  const stated = clone(input.body) as KubeObject;
  const { managedFields = [] } = current.metadata;
  return { ...stated, metadata: { ...stated.metadata, managedFields } };
}

function checkScaleBody(call: Call, body: unknown): void {
  if (!isRecord(body)) throw badRequest("the object provided is unrecognized (must be of type Scale)");
  const { kind = "Scale", apiVersion = "autoscaling/v1" } = body as { kind?: string; apiVersion?: string };
  if (kind !== "Scale") {
    const version = apiVersion.slice(apiVersion.indexOf("/") + 1);
    const why = `converting (${version}.${kind}) to (autoscaling.Scale): unknown conversion`;
    throw badRequest(`${kind} in version "${version}" cannot be handled as a Scale: ${why}`);
  }
  const metadata = isRecord(body["metadata"]) ? body["metadata"] : {};
  const { name } = call.request;
  if (metadata["name"] !== undefined && metadata["name"] !== name) {
    throw badRequest(`the name of the object (${metadata["name"]}) does not match the name on the URL (${name})`);
  }
}

function checkScale(call: Call, scale: KubeObject, { type, body }: ScaleInput): void {
  const replicas = scale["spec"]?.replicas ?? 0;
  if (!Number.isInteger(replicas)) {
    const why = `json: cannot unmarshal ${typeof replicas} into Go struct field ScaleSpec.spec.replicas of type int32`;
    const message = `Invalid value: ${JSON.stringify(quotedDocument(scale, quotedSchema, type, body))}: ${why}`;
    throw invalid("", "", "", [{ reason: "FieldValueInvalid", field: "patch", message }]);
  }
  if (replicas >= 0 || call.request.resource.custom) return;
  const message = `Invalid value: ${replicas}: must be greater than or equal to 0`;
  throw invalid("autoscaling", "Scale", call.request.name, [
    { reason: "FieldValueInvalid", field: "spec.replicas", message },
  ]);
}

function withReplicas(call: Call, live: KubeObject, scale: KubeObject, paths: ScalePaths): KubeObject {
  const { resource, version } = call.request;
  const next = clone(live);
  setAt(next, paths.specReplicas, scale["spec"]?.replicas ?? 0);
  const { resourceVersion, uid, managedFields } = scale.metadata ?? {};
  if (resourceVersion === undefined || resourceVersion === "") delete next.metadata.resourceVersion;
  else next.metadata.resourceVersion = resourceVersion;
  if (uid !== undefined && uid !== "") next.metadata.uid = uid;
  next.metadata.managedFields = parentManagedFields(
    live.metadata.managedFields,
    managedFields,
    apiVersionOf(resource.group, version),
    paths.specReplicas,
  );
  return next;
}

/** Webhooks see and change the Scale, not the object behind it. */
function admissionOfScale(cluster: Cluster, call: Call, paths: ScalePaths): Cluster["admission"] {
  const { resource, version } = call.request;
  const seen = (object: KubeObject | undefined) => {
    if (object === undefined) return undefined;
    const scale = scaleOf(resource, inVersion(resource, object, ruleVersion(resource, version)), paths, true);
    const managedFields = scaleManagedFields(object.metadata.managedFields, paths.specReplicas);
    return managedFields.length === 0 ? scale : { ...scale, metadata: { ...scale.metadata, managedFields } };
  };
  return {
    async mutate(attributes, _reset, warn) {
      const { object } = attributes;
      if (object === undefined) return undefined;
      const scale = seen(object);
      const before = seen(attributes.oldObject);
      const time = timestamp(cluster.now());
      if (scale?.metadata.managedFields !== undefined) scale.metadata.managedFields = timed(scale, before, time);
      const scaleAttributes = { ...attributes, object: scale, oldObject: before };
      const mutated = await cluster.admission.mutate(scaleAttributes, (each) => each, warn);
      const replicas = mutated?.["spec"]?.replicas ?? 0;
      if (!Number.isInteger(replicas)) throw new ApiError(500, "InternalError", "Internal error occurred: bad Scale");
      if (replicas === (valueAt(object, paths.specReplicas) ?? 0)) return object;
      const next = clone(object);
      setAt(next, paths.specReplicas, replicas);
      return next;
    },
    async validate(attributes, warn) {
      const scaleAttributes = {
        ...attributes,
        object: seen(attributes.object),
        oldObject: seen(attributes.oldObject),
      };
      await cluster.admission.validate(scaleAttributes, warn);
    },
  };
}

/** Owners of a Scale that this write made: webhooks see when, though it is not kept. */
function timed(scale: KubeObject, before: KubeObject | undefined, time: string): ManagedFieldsEntry[] {
  const known = new Set(
    (before?.metadata.managedFields ?? []).map(({ manager, subresource }) => `${manager}/${subresource}`),
  );
  return (scale.metadata.managedFields ?? []).map((entry) =>
    entry.time !== undefined || known.has(`${entry.manager}/${entry.subresource}`) ? entry : { ...entry, time },
  );
}

function partsOf(path: string): string[] {
  return path.split(".").filter((part) => part !== "");
}

function valueAt(object: KubeObject, path: string): unknown {
  let value: unknown = object;
  for (const part of partsOf(path)) value = isRecord(value) ? value[part] : undefined;
  return value;
}

function setAt(object: KubeObject, path: string, value: unknown): void {
  const parts = partsOf(path);
  const last = parts.pop() ?? "";
  let parent: Record<string, unknown> = object;
  for (const part of parts) {
    const child = parent[part];
    const next = isRecord(child) ? child : {};
    parent[part] = next;
    parent = next;
  }
  parent[last] = value;
}
