import { attributesOf, redecode, type Written, warnOf } from "./attributes.ts";
import {
  type Call,
  type Cluster,
  convertAhead,
  inVersion,
  keyOfResource,
  ruleVersion,
  storageForm,
} from "./cluster.ts";
import { keepSystemFields, metadataUpdateErrors } from "./metadata.ts";
import type { WriteChoices } from "./options.ts";
import { conflict, internal, invalid, modifiedMeanwhile, notFound } from "./status.ts";
import { ApiError, isEqualJson, type KubeObject, type Resource } from "./types.ts";

/** How the next state follows from the stored one; called again when somebody else was faster. */
export type Change = (live: KubeObject) => KubeObject;

const attempts = 100;

/**
 * The common end of PUT and PATCH: computes the next state from the live one and takes it through admission and
 * validation into the store. When the writer named no resourceVersion, a lost race is run again.
 */
export async function updateObject(
  cluster: Cluster,
  call: Call,
  choices: WriteChoices,
  change: Change,
): Promise<Written> {
  const { resource, namespace, name, version } = call.request;
  const key = keyOfResource(resource);
  for (let attempt = 1; ; attempt += 1) {
    const stored = cluster.store.get(key, namespace, name);
    if (stored === undefined) throw notFound(resource, name);
    await convertAhead(resource, [stored], version);
    const live = inVersion(resource, stored, version);
    const next = change(live);
    try {
      const object = await admitUpdate(cluster, call, choices, live, next);
      return { object, created: false };
    } catch (error) {
      const raced = error instanceof LostRace;
      if (!raced) throw error;
      // A write that named the version it read meets the conflict in its next attempt, after the webhooks.
      if (attempt >= attempts) throw conflict(resource, name, modifiedMeanwhile);
    }
  }
}

/** Somebody wrote between our read and our write. */
class LostRace extends Error {}

async function admitUpdate(
  cluster: Cluster,
  call: Call,
  choices: WriteChoices,
  live: KubeObject,
  next: KubeObject,
): Promise<KubeObject> {
  const { resource, version, name } = call.request;
  const stated = next.metadata.resourceVersion ?? "";
  keepSystemFields(next, live);
  const attributes = attributesOf(call, choices, "UPDATE", next, live);
  const mutated = await cluster.admission.mutate(attributes, (each) => redecode(resource, version, each), call.warn);
  const admitted = mutated ?? next;
  checkVersion(call, live, stated, admitted);
  const next2 = prepared(call, live, admitted);
  if (next2.metadata.uid !== live.metadata.uid && call.request.verb === "update") throw uidConflict(call, live, next2);
  const errors = validationErrors(call, live, next2);
  if (errors.length > 0) throw invalid(resource.group, resource.kind, name, errors);
  await cluster.admission.validate(attributesOf(call, choices, "UPDATE", next2, live), call.warn);
  return await storeChanged(cluster, call, choices, live, next2);
}

/** Lets the strategy keep what this (sub)resource may not change, and raise the generation. */
function prepared(call: Call, live: KubeObject, next: KubeObject): KubeObject {
  const { resource, version, subresource } = call.request;
  keepSystemFields(next, live);
  const rules = ruleVersion(resource, version);
  const object = inVersion(resource, next, rules);
  // Bindings and evictions are written as they are: neither generation nor status take part in it as they do in other writes.
  if (subresource !== "binding" && subresource !== "eviction") {
    resource.strategy.prepareForUpdate(object, inVersion(resource, live, rules), subresource);
  }
  return inVersion(resource, object, version);
}

function validationErrors(call: Call, live: KubeObject, next: KubeObject) {
  const { resource, version, subresource } = call.request;
  const rules = ruleVersion(resource, version);
  const [object, old] = [inVersion(resource, next, rules), inVersion(resource, live, rules)];
  warnOf(call, object, old);
  const errors = metadataUpdateErrors(object, old);
  // Registries of built-in kinds check metadata twice, which shows in the causes.
  const twice = resource.custom ? errors : [...errors, ...errors];
  return [...twice, ...resource.strategy.validate(object, old, subresource)];
}

function checkVersion(call: Call, live: KubeObject, stated: string, admitted: KubeObject): void {
  const { resource, name } = call.request;
  const given = admitted.metadata.resourceVersion ?? stated;
  if (given === "") {
    if (resource.custom && call.request.verb === "update") {
      const message = "Invalid value: 0: must be specified for an update";
      const error = { reason: "FieldValueInvalid", field: "metadata.resourceVersion", message };
      throw new ApiErrorOfResource(resource, name, error);
    }
    return;
  }
  if (!/^\d+$/.test(given)) throw internal(`strconv.ParseUint: parsing ${JSON.stringify(given)}: invalid syntax`);
  if (given !== live.metadata.resourceVersion) throw conflict(resource, name, modifiedMeanwhile);
}

/** 422 that names the resource instead of the kind, as the registry of custom resources does. */
class ApiErrorOfResource extends ApiError {
  constructor(resource: Resource, name: string, error: { reason: string; field: string; message: string }) {
    const { message, details } = invalid(resource.group, resource.plural, name, [error]);
    super(422, "Invalid", message, details);
  }
}

function uidConflict(call: Call, live: KubeObject, next: KubeObject): ApiError {
  const { resource, namespace, name } = call.request;
  const path = ["/registry", resource.plural, namespace, name].filter((part) => part !== "").join("/");
  const why = `StorageError: invalid object, Code: 4, Key: ${path}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${next.metadata.uid}, UID in object meta: ${live.metadata.uid}`;
  return conflict(resource, name, why);
}

async function storeChanged(
  cluster: Cluster,
  call: Call,
  choices: WriteChoices,
  live: KubeObject,
  next: KubeObject,
): Promise<KubeObject> {
  const { resource, namespace, name, version } = call.request;
  const key = keyOfResource(resource);
  const expected = live.metadata.resourceVersion ?? "";
  next.metadata.resourceVersion = expected;
  keepOwnershipTimes(next, live);
  if (choices.dryRun) return next;
  try {
    if (isFinished(next)) {
      cluster.store.delete(key, namespace, name, expected);
      return next;
    }
    const form = await storageForm(resource, next);
    return inVersion(resource, cluster.store.update(key, form, expected), version);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code === 409) throw new LostRace();
    if (error.code === 404) throw notFound(resource, name);
    throw error;
  }
}

/** A write that changes nothing but the time of ownership changes nothing. */
function keepOwnershipTimes(next: KubeObject, live: KubeObject): void {
  const owners = live.metadata.managedFields;
  if (owners === undefined || !isEqualJson(timeless(next), timeless(live))) return;
  const same = { ...next, metadata: { ...next.metadata, managedFields: owners } };
  if (isEqualJson(same, live)) next.metadata.managedFields = owners;
}

function timeless(object: KubeObject): unknown[] {
  return (object.metadata.managedFields ?? []).map(({ time: _, ...entry }) => entry);
}

/** True when the last finalizer of an object under deletion is gone. */
export function isFinished(object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata;
  if (deletionTimestamp === undefined || finalizers.length > 0) return false;
  if (object.kind === "Namespace" && object.apiVersion === "v1") {
    return (object["spec"]?.finalizers ?? []).length === 0;
  }
  return deletionGracePeriodSeconds === 0;
}
