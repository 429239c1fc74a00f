import { recordUpdate } from "./apply/managedFields.ts";
import { serverSideApply } from "./apply/serverSideApply.ts";
import { managerOf, resetFieldsFor, type Written } from "./attributes.ts";
import { type Call, type Cluster, inVersion, keyOfResource, ruleVersion } from "./cluster.ts";
import { admitCreate, createObject } from "./create.ts";
import { checkIdentity, decodeObject, isRecord } from "./decode.ts";
import { duplicatesOf, noteDuplicates } from "./duplicates.ts";
import { keepSystemFields } from "./metadata.ts";
import type { WriteChoices } from "./options.ts";
import { applyJsonPatch } from "./patch/json.ts";
import { applyMergePatch } from "./patch/merge.ts";
import { quotedDocument } from "./patch/quote.ts";
import { applyStrategicPatch, go, spentPatch } from "./patch/strategic.ts";
import { badRequest, invalid, notFound } from "./status.ts";
import {
  ApiError,
  apiVersionOf,
  clone,
  type KubeObject,
  type PatchType,
  type Resource,
  type TypeSchema,
} from "./types.ts";
import { updateObject } from "./update.ts";

/** Kinds that a PUT creates when they are not there (leader election and event recorders rely on it). */
const createdByUpdate = new Set(["leases.coordination.k8s.io", "events", "events.events.k8s.io"]);

/** PUT of an object or of its `/status`. */
export async function replaceObject(
  cluster: Cluster,
  call: Call,
  choices: WriteChoices,
  body: unknown,
): Promise<Written> {
  const { resource, namespace, name, version } = call.request;
  if (name === "") throw badRequest("name must be provided");
  const key = keyOfResource(resource);
  const absent = cluster.store.get(key, namespace, name) === undefined;
  if (absent && createdByUpdate.has(key)) return await createObject(cluster, call, choices, withoutVersion(body));
  decodeCheck(call, choices, body);
  return await updateObject(cluster, call, choices, (live) => {
    const next = decodeObject({ ...call, warn: () => undefined }, clone(body), "Ignore", live);
    checkIdentity(call, next, false);
    return owned(cluster, call, choices, live, next, version);
  });
}

/** Decoding problems come before 404, and warnings only once however often the write is repeated. */
function decodeCheck(call: Call, choices: WriteChoices, body: unknown): void {
  const copy = noteDuplicates(clone(body), duplicatesOf(body));
  checkIdentity(call, decodeObject(call, copy, choices.fieldValidation), false);
}

function withoutVersion(body: unknown): unknown {
  if (!isRecord(body) || !isRecord(body["metadata"])) return body;
  const { resourceVersion: _, ...metadata } = body["metadata"];
  return { ...body, metadata };
}

/** Notes in managedFields what the writer changed, leaving out what this (sub)resource will not let it change. */
function owned(
  cluster: Cluster,
  call: Call,
  choices: WriteChoices,
  live: KubeObject,
  next: KubeObject,
  version: string,
): KubeObject {
  const { resource, subresource } = call.request;
  keepSystemFields(next, live);
  const rules = ruleVersion(resource, version);
  const draft = inVersion(resource, next, rules);
  resource.strategy.prepareForUpdate(draft, inVersion(resource, live, rules), subresource);
  const settled = inVersion(resource, draft, version);
  if (live.metadata.generation === undefined) delete settled.metadata.generation;
  else settled.metadata.generation = live.metadata.generation;
  return recordUpdate({
    live,
    next: settled,
    manager: managerOf(call, choices),
    schema: resource.strategy.schema(version),
    now: cluster.now(),
    apiVersion: apiVersionOf(resource.group, version),
    reset: resetFieldsFor(resource, subresource),
    ...(subresource === undefined ? {} : { subresource }),
  });
}

/** PATCH of an object or of its `/status`. Server-side apply creates what is not there. */
export async function patchObject(
  cluster: Cluster,
  call: Call,
  choices: WriteChoices,
  type: PatchType,
  patch: unknown,
): Promise<Written> {
  if (type === "apply") return await applyObject(cluster, call, choices, patch);
  const { resource, version } = call.request;
  const warned = new Set<string>();
  const once: Call = {
    ...call,
    warn: (text) => {
      if (!warned.has(text)) call.warn(text);
      warned.add(text);
    },
  };
  return await updateObject(cluster, once, choices, (live) => {
    const next = decodePatched(once, choices, live, type, patch);
    checkIdentity(once, next, false);
    const settled = owned(cluster, once, choices, live, next, version);
    if (resource.custom && call.request.subresource === "status") delete settled.metadata.resourceVersion;
    return settled;
  });
}

function decodePatched(
  call: Call,
  choices: WriteChoices,
  live: KubeObject,
  type: Exclude<PatchType, "apply">,
  patch: unknown,
): KubeObject {
  const patched = patchedCopy(call, live, type, patch);
  try {
    return decodeObject(call, patched, choices.fieldValidation, live);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 400) throw error;
    const told = error.message.replace(/^.*cannot be handled as an? \S+: /, "");
    // A strategic patch is decoded field by field, by a decoder that knows less about where it is.
    const why = type === "strategic" ? told.replace(/^json: cannot .* of type (\S+)$/, "unrecognized type: $1") : told;
    const shown =
      type === "strategic" ? go(spentPatch(live, patch, strategicSchema(call))) : quoted(call, live, type, patch);
    const message = `Invalid value: ${JSON.stringify(shown)}: ${why}`;
    throw invalid("", "", "", [{ reason: "FieldValueInvalid", field: "patch", message }]);
  }
}

/** Made when it is told: decoding has changed the first copy by then, and most patches can be decoded. */
function quoted(call: Call, live: KubeObject, type: "json" | "merge", patch: unknown): string {
  const { resource, version } = call.request;
  return quotedDocument(patchedCopy(call, live, type, patch), resource.strategy.schema(version), type, patch);
}

function patchedCopy(call: Call, live: KubeObject, type: Exclude<PatchType, "apply">, patch: unknown): KubeObject {
  switch (type) {
    case "json":
      return applyJsonPatch(clone(live), patch);
    case "merge":
      return clone(applyMergePatch(live, patch));
    case "strategic":
      return clone(applyStrategicPatch(clone(live), patch, strategicSchema(call)));
  }
}

function strategicSchema({ request: { resource, version } }: Call): TypeSchema {
  return resource.strategy.schema(version) ?? { type: "object", preserveUnknown: true };
}

function checkApplied(call: Call, patch: unknown): asserts patch is Record<string, unknown> {
  if (!isRecord(patch)) throw badRequest("error decoding YAML: expected an object");
  const { resource, version } = call.request;
  const { apiVersion = "", kind = "" } = patch as { apiVersion?: string; kind?: string };
  if (apiVersion === apiVersionOf(resource.group, version) && kind === resource.kind) return;
  throw badRequest(`invalid object type: ${apiVersion === "" ? "/" : apiVersion}, Kind=${kind}`);
}

async function applyObject(cluster: Cluster, call: Call, choices: WriteChoices, patch: unknown): Promise<Written> {
  checkApplied(call, patch);
  const { resource, namespace, name, version, subresource } = call.request;
  checkAppliedType(resource, version, patch);
  const key = keyOfResource(resource);
  const applied = (live: KubeObject | undefined): KubeObject => {
    const next = clone(
      serverSideApply({
        live,
        applied: clone(patch) as unknown as KubeObject,
        manager: managerOf(call, choices),
        force: choices.force,
        schema: resource.strategy.schema(version),
        now: cluster.now(),
        apiVersion: apiVersionOf(resource.group, version),
        reset: resetFieldsFor(resource, subresource),
        ...(subresource === undefined ? {} : { subresource }),
      }),
    );
    const { uid } = (patch as unknown as KubeObject).metadata ?? {};
    if (uid !== undefined) next.metadata.uid = uid;
    resource.strategy.setDefaults(next, version, live);
    return next;
  };
  if (cluster.store.get(key, namespace, name) === undefined) {
    if (subresource !== undefined) throw notFound(resource, name);
    const next = applied(undefined);
    next.metadata.name ??= name;
    delete next.metadata.resourceVersion;
    // An apply that creates may carry the version it once read; it means nothing any more.
    delete next.metadata.resourceVersion;
    checkIdentity(call, next, true);
    if (resource.subresources.status === true) delete next["status"];
    resource.strategy.setDefaults(next, version);
    return await admitCreate(cluster, call, choices, next);
  }
  return await updateObject(cluster, call, choices, (live) => {
    const next = applied(live);
    next.metadata.name ??= name;
    checkIdentity(call, next, false);
    return next;
  });
}

function checkAppliedType(resource: Resource, version: string, patch: Record<string, unknown>): void {
  const { apiVersion = "", kind = "" } = patch;
  if (apiVersion === apiVersionOf(resource.group, version) && kind === resource.kind) return;
  const type = String(apiVersion).includes("/") ? apiVersion : `/${apiVersion}`;
  throw badRequest(`invalid object type: ${type}, Kind=${kind}`);
}
