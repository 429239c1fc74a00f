import { type ResetFields, resetFieldsOf } from "./apply/objectSchema.ts";
import type { Call } from "./cluster.ts";
import { finalizerWarnings } from "./metadata.ts";
import type { WriteChoices } from "./options.ts";
import { type AdmissionAttributes, ApiError, type KubeObject, type Resource } from "./types.ts";

/** What a write left behind, in the version of the request. */
export interface Written {
  readonly object: KubeObject;
  readonly created: boolean;
}

/** What admission sees. */
export function attributesOf(
  call: Call,
  choices: Pick<WriteChoices, "dryRun" | "document">,
  operation: AdmissionAttributes["operation"],
  object: KubeObject | undefined,
  oldObject: KubeObject | undefined,
): AdmissionAttributes {
  const { resource, version, subresource, namespace, name } = call.request;
  return {
    operation,
    resource,
    version,
    subresource,
    namespace:
      resource.plural === "namespaces" && resource.group === "" ? name || (object?.metadata.name ?? "") : namespace,
    name: operation === "CREATE" ? (object?.metadata.name ?? name) : name,
    user: call.user,
    dryRun: choices.dryRun,
    options: choices.document,
    object,
    oldObject,
    ...(call.annotate === undefined ? {} : { annotate: call.annotate }),
  };
}

/** After a webhook changed it, an object is decoded again. */
export function redecode(resource: Resource, version: string, object: KubeObject): KubeObject {
  const misfit = resource.strategy.decodeProblem?.(object, version);
  if (misfit !== undefined) {
    const causes = [{ message: misfit }];
    throw new ApiError(500, "InternalError", `Internal error occurred: ${misfit}`, { causes });
  }
  resource.strategy.prune(object, version);
  resource.strategy.setDefaults(object, version);
  return object;
}

/** Who owns what this request writes, unless it says so itself: the program, without its version. */
export function managerOf(call: Call, choices: Pick<WriteChoices, "fieldManager">): string {
  if (choices.fieldManager !== "") return choices.fieldManager;
  return programOf(call.userAgent);
}

/** The name in a User-Agent header, as a field manager. */
export function programOf(userAgent: string): string {
  const program = userAgent.split("/")[0] ?? "";
  return program.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, "").slice(0, 128) || "unknown";
}

/** What a write through this (sub)resource cannot own because it cannot change it. */
export function resetFieldsFor(resource: Resource, subresource: string | undefined): ResetFields {
  if (!resource.custom) return resetFieldsOf(subresource);
  if (subresource === "status") return [["spec"], ["metadata"]];
  return resource.subresources.status === true ? [["status"]] : [];
}

/** Warnings for the writer. */
export function warnOf(call: Call, object: KubeObject, old: KubeObject | undefined): void {
  const { resource } = call.request;
  if (resource.custom) for (const warning of finalizerWarnings(object, old)) call.warn(warning);
  for (const warning of resource.strategy.warnings?.(object, old) ?? []) call.warn(warning);
}
