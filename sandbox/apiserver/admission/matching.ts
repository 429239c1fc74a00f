/** Which webhooks a write concerns. */
import type { AdmissionAttributes, KubeObject, Store } from "../types.ts";
import type { Rule, Webhook } from "./configurations.ts";
import { selects } from "./labels.ts";

/** Never sent to webhooks, whatever the rules say: a broken webhook could not be removed otherwise. */
const exempt = new Set(["mutatingwebhookconfigurations", "validatingwebhookconfigurations"]);

/**
 * The version in which a webhook wants to see the object, or `undefined` when the write does not concern it.
 * `object` is the object as changed so far.
 */
export function matchedVersion(
  webhook: Webhook,
  attributes: AdmissionAttributes,
  object: KubeObject | undefined,
  store: Store,
): string | undefined {
  if (attributes.resource.group === "admissionregistration.k8s.io" && exempt.has(attributes.resource.plural)) {
    return undefined;
  }
  const version = versionByRules(webhook, attributes);
  if (version === undefined) return undefined;
  if (!namespaceMatches(webhook, attributes, object, store)) return undefined;
  return objectMatches(webhook, object, attributes.oldObject) ? version : undefined;
}

function versionByRules(webhook: Webhook, attributes: AdmissionAttributes): string | undefined {
  if (webhook.rules.some((rule) => ruleMatches(rule, attributes, attributes.version))) return attributes.version;
  if (!webhook.matchesEquivalent) return undefined;
  return attributes.resource.versions.find((version) =>
    webhook.rules.some((rule) => ruleMatches(rule, attributes, version)),
  );
}

function ruleMatches(rule: Rule, attributes: AdmissionAttributes, version: string): boolean {
  const { resource, operation, subresource } = attributes;
  return (
    names(rule.operations, operation) &&
    names(rule.apiGroups, resource.group) &&
    names(rule.apiVersions, version) &&
    rule.resources.some((pattern) => resourceMatches(pattern, resource.plural, subresource ?? "")) &&
    (rule.scope === "*" || (rule.scope === "Namespaced") === resource.namespaced)
  );
}

function names(list: readonly string[], value: string): boolean {
  return list.includes("*") || list.includes(value);
}

// Patterns: a plural, a plural and a subresource, or a star for either; a lone star means no subresources.
function resourceMatches(pattern: string, plural: string, subresource: string): boolean {
  const [wantedPlural, wantedSubresource = ""] = pattern.split("/");
  if (wantedPlural !== "*" && wantedPlural !== plural) return false;
  return wantedSubresource === subresource || wantedSubresource === "*";
}

function namespaceMatches(
  webhook: Webhook,
  attributes: AdmissionAttributes,
  object: KubeObject | undefined,
  store: Store,
): boolean {
  if (webhook.namespaceSelector.length === 0) return true;
  const { resource, namespace, name, oldObject } = attributes;
  const isNamespace = resource.group === "" && resource.plural === "namespaces";
  if (isNamespace) return selects(webhook.namespaceSelector, (object ?? oldObject)?.metadata.labels);
  if (!resource.namespaced) return true;
  return selects(webhook.namespaceSelector, store.get("namespaces", "", namespace || name)?.metadata.labels);
}

/** The object before or after the write: a label cannot be used to slip away. */
function objectMatches(webhook: Webhook, object: KubeObject | undefined, old: KubeObject | undefined): boolean {
  if (webhook.objectSelector.length === 0) return true;
  return [object, old].some((each) => each !== undefined && selects(webhook.objectSelector, each.metadata.labels));
}
