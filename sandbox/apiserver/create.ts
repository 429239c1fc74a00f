import { recordUpdate } from "./apply/managedFields.ts";
import { attributesOf, managerOf, redecode, resetFieldsFor, type Written, warnOf } from "./attributes.ts";
import { type Call, type Cluster, inVersion, keyOfResource, ruleVersion, storageForm } from "./cluster.ts";
import { checkIdentity, decodeObject } from "./decode.ts";
import { isEvents } from "./events.ts";
import { dropDeletion, fillSystemFields } from "./metadata.ts";
import type { WriteChoices } from "./options.ts";
import { withServiceAccount } from "./serviceAccounts.ts";
import { alreadyExists, invalid, notFound } from "./status.ts";
import { ApiError, apiVersionOf, type FieldError, type KubeObject, type Resource } from "./types.ts";

/** POST. `body` may be changed. */
export async function createObject(
  cluster: Cluster,
  call: Call,
  choices: WriteChoices,
  body: unknown,
): Promise<Written> {
  const object = decodeObject(call, body, choices.fieldValidation);
  checkIdentity(call, object, true);
  const { resource } = call.request;
  if (resource.subresources.status === true) delete object["status"];
  resource.strategy.setDefaults(object, call.request.version);
  const owned = recordUpdate({
    live: undefined,
    next: object,
    manager: managerOf(call, choices),
    schema: resource.strategy.schema(call.request.version),
    now: cluster.now(),
    apiVersion: apiVersionOf(resource.group, call.request.version),
    reset: resetFieldsFor(resource, undefined),
  });
  return await admitCreate(cluster, call, choices, owned);
}

/** From a decoded object with managedFields to a stored one. */
export async function admitCreate(
  cluster: Cluster,
  call: Call,
  choices: WriteChoices,
  object: KubeObject,
): Promise<Written> {
  const { resource, version } = call.request;
  checkNamespace(cluster, call, object.metadata.name ?? "");
  dropDeletion(object);
  const equipped = withServiceAccount(cluster, call, object);
  const attributes = attributesOf(call, choices, "CREATE", equipped, undefined);
  const mutated = await cluster.admission.mutate(attributes, (next) => redecode(resource, version, next), call.warn);
  let next = mutated ?? equipped;
  fillSystemFields(next, cluster.now());
  next = inVersion(resource, next, ruleVersion(resource, version));
  // Only what a writer asks for can be another's: what is handed out is new, and looking through all Services is dear where there are thousands.
  const asksForAddress = next["spec"]?.clusterIP !== undefined || next["spec"]?.clusterIPs !== undefined;
  resource.strategy.prepareForCreate(next);
  const taken = asksForAddress ? addressErrors(cluster, call, next) : [];
  const errors = [...resource.strategy.validate(next, undefined, undefined), ...taken];
  if (errors.length > 0) throw invalid(groupInErrors(resource), resource.kind, next.metadata.name ?? "", errors);
  warnOf(call, next, undefined);
  next = inVersion(resource, next, version);
  await cluster.admission.validate(attributesOf(call, choices, "CREATE", next, undefined), call.warn);
  checkNamespace(cluster, call, next.metadata.name ?? "");
  return { object: await storeNew(cluster, call, choices, next), created: true };
}

async function storeNew(cluster: Cluster, call: Call, choices: WriteChoices, object: KubeObject): Promise<KubeObject> {
  const { resource, version, namespace } = call.request;
  const name = object.metadata.name ?? "";
  const existing = cluster.store.get(keyOfResource(resource), namespace, name);
  if (existing !== undefined) {
    const deleting = existing.metadata.deletionTimestamp !== undefined;
    throw alreadyExists(resource, name, deleting ? "object is being deleted: " : "");
  }
  if (choices.dryRun) return object;
  const stored = cluster.store.create(keyOfResource(resource), await storageForm(resource, object));
  return inVersion(resource, stored, version);
}

/** Events of both APIs are kept, and refused, as those of the core API. */
function groupInErrors(resource: Resource): string {
  return isEvents(resource) ? "" : resource.group;
}

/** An address that a Service asks for may be another's. */
function addressErrors(cluster: Cluster, { request: { resource } }: Call, object: KubeObject): FieldError[] {
  const address: unknown = object["spec"]?.clusterIP;
  if (keyOfResource(resource) !== "services" || typeof address !== "string" || !/\d/.test(address)) return [];
  if (!cluster.store.list("services", "").some(({ spec }) => spec?.clusterIP === address)) return [];
  const why = `failed to allocate IP ${address}: provided IP is already allocated`;
  const message = `Invalid value: ${JSON.stringify(object["spec"].clusterIPs)}: ${why}`;
  return [{ reason: "FieldValueInvalid", field: "spec.clusterIPs", message }];
}

/** Objects can only be created in a namespace that exists and stays. */
function checkNamespace(cluster: Cluster, call: Call, name: string): void {
  const { resource, namespace } = call.request;
  if (!resource.namespaced) return;
  const found = cluster.store.get("namespaces", "", namespace);
  if (found === undefined) throw notFound({ group: "", plural: "namespaces" }, namespace);
  if (found.metadata.deletionTimestamp === undefined) return;
  const subject = `${resource.plural}${resource.group === "" ? "" : `.${resource.group}`} "${name}"`;
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  throw new ApiError(403, "Forbidden", `${subject} is forbidden: ${why}`, {
    ...(name === "" ? {} : { name }),
    ...(resource.group === "" ? {} : { group: resource.group }),
    kind: resource.plural,
    causes: [
      {
        reason: "NamespaceTerminating",
        message: `namespace ${namespace} is being terminated`,
        field: "metadata.namespace",
      },
    ],
  });
}
