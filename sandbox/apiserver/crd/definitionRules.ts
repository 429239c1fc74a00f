/** What makes a CustomResourceDefinition acceptable, in the API server's words. */
import type { FieldError, KubeObject } from "../types.ts";
import { type Definition, type DefinitionVersion, isEstablished, storageVersionOf } from "./definition.ts";
import { jsonEqual } from "./schema.ts";
import { schemaErrors } from "./schemaRules.ts";

/** Everything wrong with a definition; `old` is the stored one on update. */
export function definitionErrors(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const definition = object as Definition;
  const stored = old as Definition | undefined;
  return [
    ...identityErrors(definition),
    ...versionErrors(definition),
    ...conversionErrors(definition),
    ...allSchemaErrors(definition, stored),
    ...storedVersionErrors(definition),
    ...(stored === undefined ? [] : immutableErrors(definition, stored)),
  ];
}

function invalid(field: string, value: unknown, text: string): FieldError {
  return { reason: "FieldValueInvalid", field, message: `Invalid value: ${JSON.stringify(value)}: ${text}` };
}

function required(field: string, text = ""): FieldError {
  return { reason: "FieldValueRequired", field, message: text === "" ? "Required value" : `Required value: ${text}` };
}

const protectedGroup = /(^|\.)(k8s\.io|kubernetes\.io)$/;
const approval = "api-approved.kubernetes.io";

function identityErrors(definition: Definition): FieldError[] {
  const { metadata, spec } = definition;
  const errors: FieldError[] = [];
  const { names } = spec;
  if (metadata.name !== `${names.plural}.${spec.group}`) {
    errors.push(invalid("metadata.name", metadata.name ?? "", 'must be spec.names.plural+"."+spec.group'));
  }
  if (protectedGroup.test(spec.group) && (metadata.annotations?.[approval] ?? "") === "") {
    const text = `protected groups must have approval annotation "${approval}", see https://github.com/kubernetes/enhancements/pull/1111`;
    errors.push(required(`metadata.annotations[${approval}]`, text));
  }
  if (spec.group === "") errors.push(required("spec.group"));
  else if (!spec.group.includes("."))
    errors.push(invalid("spec.group", spec.group, "should be a domain with at least one dot"));
  if (spec.scope !== "Namespaced" && spec.scope !== "Cluster") errors.push(scopeError(spec.scope));
  if ((names.plural ?? "") === "") errors.push(required("spec.names.plural"));
  if ((names.kind ?? "") === "") errors.push(required("spec.names.kind"));
  if (spec.preserveUnknownFields === true) {
    const text =
      "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
    errors.push(invalid("spec.preserveUnknownFields", true, text));
  }
  return errors;
}

function scopeError(scope: unknown): FieldError {
  if (scope === undefined || scope === "") return required("spec.scope");
  const message = `Unsupported value: ${JSON.stringify(scope)}: supported values: "Cluster", "Namespaced"`;
  return { reason: "FieldValueNotSupported", field: "spec.scope", message };
}

function versionErrors(definition: Definition): FieldError[] {
  const { versions } = definition.spec;
  const errors: FieldError[] = [];
  const storage = versions.filter((version) => version.storage);
  if (storage.length !== 1) {
    errors.push(
      invalid("spec.versions", versions.map(goVersion), "must have exactly one version marked as storage version"),
    );
  }
  for (const [at, version] of versions.entries()) {
    if (versions.findIndex((each) => each.name === version.name) < at) {
      const text = "must contain unique version names";
      errors.push(invalid("spec.versions", versions.map(goVersion), text));
    }
  }
  return errors;
}

/** A version as Go prints the struct; the schema stands elsewhere by then. */
function goVersion(version: DefinitionVersion): Record<string, unknown> {
  return {
    Name: version.name,
    Served: version.served,
    Storage: version.storage,
    Deprecated: version.deprecated ?? false,
    DeprecationWarning: version.deprecationWarning ?? null,
    Schema: null,
    Subresources: null,
    AdditionalPrinterColumns: null,
    SelectableFields: null,
  };
}

function conversionErrors(definition: Definition): FieldError[] {
  const conversion = definition.spec.conversion as
    | { strategy?: string; webhook?: { clientConfig?: unknown; conversionReviewVersions?: string[] } }
    | undefined;
  if (conversion?.strategy !== "Webhook") return [];
  const errors: FieldError[] = [];
  if (conversion.webhook?.clientConfig === undefined) {
    errors.push(required("spec.conversion.webhookClientConfig", "required when strategy is set to Webhook"));
  }
  if ((conversion.webhook?.conversionReviewVersions ?? []).length === 0) {
    errors.push(required("spec.conversion.conversionReviewVersions"));
  }
  return errors;
}

/** One schema for all versions is reported at the place where old API versions had it. */
function allSchemaErrors(definition: Definition, stored: Definition | undefined): FieldError[] {
  const { versions } = definition.spec;
  const schemas = versions.map((version) => version.schema?.openAPIV3Schema);
  const [first] = schemas;
  if (stored !== undefined && jsonEqual(stored.spec.versions, versions)) return [];
  if (first !== undefined && schemas.every((schema) => jsonEqual(schema, first))) {
    return schemaErrors(first, "spec.validation.openAPIV3Schema");
  }
  return schemas.flatMap((schema, at) => {
    const path = `spec.versions[${at}].schema.openAPIV3Schema`;
    return schema === undefined ? [required(path)] : schemaErrors(schema, path);
  });
}

function storedVersionErrors(definition: Definition): FieldError[] {
  const stored = definition.status?.storedVersions ?? [];
  const field = "status.storedVersions";
  if (stored.length === 0) return [invalid(field, null, "must have at least one stored version")];
  const errors: FieldError[] = [];
  for (const version of definition.spec.versions.filter((each) => each.storage)) {
    if (stored.includes(version.name)) continue;
    errors.push(invalid(field, stored, `must have the storage version ${version.name}`));
  }
  for (const [at, name] of stored.entries()) {
    if (definition.spec.versions.some((version) => version.name === name)) continue;
    errors.push(
      invalid(
        `${field}[${at}]`,
        name,
        "missing from spec.versions; v1 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions".replaceAll(
          "v1",
          name,
        ),
      ),
    );
  }
  return errors;
}

function immutableErrors(definition: Definition, stored: Definition): FieldError[] {
  const errors: FieldError[] = [];
  const check = (field: string, now: unknown, before: unknown) => {
    if (now !== before) errors.push(invalid(field, now, "field is immutable"));
  };
  check("spec.group", definition.spec.group, stored.spec.group);
  if (!isEstablished(stored)) return errors;
  check("spec.scope", definition.spec.scope, stored.spec.scope);
  check("spec.names.kind", definition.spec.names.kind, stored.spec.names.kind);
  check("spec.names.plural", definition.spec.names.plural, stored.spec.names.plural);
  return errors;
}

/** `status.storedVersions` after a write: every version that was ever the storage version stays. */
export function storedVersionsOf(definition: Definition, before: readonly string[]): string[] {
  const storage = storageVersionOf(definition);
  return storage === "" || before.includes(storage) ? [...before] : [...before, storage];
}
