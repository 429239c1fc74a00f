/** The parts of a CustomResourceDefinition that the server reads. */
import type { KubeObject } from "../types.ts";
import type { JsonSchema } from "./schema.ts";

export interface Definition extends KubeObject {
  spec: DefinitionSpec;
  status?: DefinitionStatus;
}

export interface DefinitionSpec {
  group: string;
  scope: "Namespaced" | "Cluster";
  names: DefinitionNames;
  versions: DefinitionVersion[];
  conversion?: { strategy?: string; webhook?: { clientConfig?: ClientConfig } };
  preserveUnknownFields?: boolean;
}

/** Where a conversion webhook is. */
export interface ClientConfig {
  url?: string;
  caBundle?: string;
  service?: { namespace: string; name: string; path?: string; port?: number };
}

export interface DefinitionNames {
  plural: string;
  singular?: string;
  kind: string;
  listKind?: string;
  shortNames?: string[];
  categories?: string[];
}

export interface DefinitionVersion {
  name: string;
  served: boolean;
  storage: boolean;
  deprecated?: boolean;
  deprecationWarning?: string;
  schema?: { openAPIV3Schema?: JsonSchema };
  subresources?: {
    status?: Record<string, never>;
    scale?: DefinitionScale;
  };
  additionalPrinterColumns?: PrinterColumn[];
  selectableFields?: { jsonPath: string }[];
}

export interface DefinitionScale {
  specReplicasPath: string;
  statusReplicasPath: string;
  labelSelectorPath?: string;
}

export interface PrinterColumn {
  name: string;
  type: string;
  format?: string;
  description?: string;
  priority?: number;
  jsonPath: string;
}

export interface Condition {
  type: string;
  status: "True" | "False" | "Unknown";
  lastTransitionTime?: string;
  reason?: string;
  message?: string;
}

export interface DefinitionStatus {
  conditions: Condition[] | null;
  acceptedNames: DefinitionNames;
  storedVersions: string[];
}

/** The schema of a version; without one, anything goes. */
export function schemaOf(definition: Definition, version: string): JsonSchema {
  const found = definition.spec.versions.find((each) => each.name === version);
  return found?.schema?.openAPIV3Schema ?? anything;
}

const anything: JsonSchema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

export function storageVersionOf(definition: Definition): string {
  return definition.spec.versions.find((version) => version.storage)?.name ?? "";
}

/** True once the names were accepted and the resource is served. */
export function isEstablished(definition: Definition): boolean {
  return (definition.status?.conditions ?? []).some((each) => each.type === "Established" && each.status === "True");
}
