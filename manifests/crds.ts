import {
  alertProviderRules,
  alertProviderSpecSchema,
  apiGroup,
  canaryRules,
  canarySpecSchema,
  canaryStatusSchema,
  metricTemplateRules,
  metricTemplateSpecSchema,
  type Rule,
  type Schema,
  withRules,
} from "../api/index.ts";

interface Column {
  readonly name: string;
  readonly type: "string" | "boolean";
  readonly jsonPath: string;
  /** Columns of priority 1 are shown by `-o wide` only. */
  readonly priority?: 1;
}

interface Kind {
  readonly kind: string;
  readonly plural: string;
  readonly description: string;
  readonly spec: Schema;
  readonly rules: readonly Rule[];
  readonly status?: Schema;
  readonly columns: readonly Column[];
  /** Older versions that are served from the same schema. */
  readonly deprecated: readonly string[];
}

const wide = 1;

const canaryColumns: readonly Column[] = [
  { name: "Status", type: "string", jsonPath: ".status.phase" },
  { name: "Weight", type: "string", jsonPath: ".status.canaryWeight" },
  { name: "Suspended", type: "boolean", jsonPath: ".spec.suspend", priority: wide },
  { name: "FailedChecks", type: "string", jsonPath: ".status.failedChecks", priority: wide },
  { name: "Interval", type: "string", jsonPath: ".spec.analysis.interval", priority: wide },
  { name: "Mirror", type: "boolean", jsonPath: ".spec.analysis.mirror", priority: wide },
  { name: "StepWeight", type: "string", jsonPath: ".spec.analysis.stepWeight", priority: wide },
  { name: "StepWeights", type: "string", jsonPath: ".spec.analysis.stepWeights", priority: wide },
  { name: "MaxWeight", type: "string", jsonPath: ".spec.analysis.maxWeight", priority: wide },
  { name: "LastTransitionTime", type: "string", jsonPath: ".status.lastTransitionTime" },
];

const kinds: readonly Kind[] = [
  {
    kind: "Canary",
    plural: "canaries",
    description: "Releases every change of a workload step by step, and takes it back when checks fail.",
    spec: canarySpecSchema,
    rules: canaryRules,
    status: canaryStatusSchema,
    columns: canaryColumns,
    deprecated: ["v1alpha3"],
  },
  {
    kind: "MetricTemplate",
    plural: "metrictemplates",
    description: "A query that the analysis of Canaries can measure with.",
    spec: metricTemplateSpecSchema,
    rules: metricTemplateRules,
    columns: [{ name: "Provider", type: "string", jsonPath: ".spec.provider.type" }],
    deprecated: [],
  },
  {
    kind: "AlertProvider",
    plural: "alertproviders",
    description: "Where alerts of Canaries are sent.",
    spec: alertProviderSpecSchema,
    rules: alertProviderRules,
    columns: [{ name: "Type", type: "string", jsonPath: ".spec.type" }],
    deprecated: [],
  },
];

function version(kind: Kind, name: string, storage: boolean) {
  const text = { type: "string" } as const;
  return {
    name,
    served: true,
    storage,
    ...(storage
      ? {}
      : {
          deprecated: true,
          deprecationWarning: `${apiGroup}/${name} ${kind.kind} is deprecated: use ${apiGroup}/v1beta1`,
        }),
    subresources: { status: {} },
    additionalPrinterColumns: kind.columns,
    schema: {
      openAPIV3Schema: {
        type: "object",
        description: kind.description,
        required: ["spec"],
        properties: {
          apiVersion: text,
          kind: text,
          metadata: { type: "object" },
          spec: withRules(kind.spec, kind.rules),
          ...(kind.status === undefined ? {} : { status: kind.status }),
        },
      },
    },
  };
}

function definition(kind: Kind) {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `${kind.plural}.${apiGroup}`,
      annotations: { "helm.sh/resource-policy": "keep" },
    },
    spec: {
      group: apiGroup,
      scope: "Namespaced",
      names: {
        plural: kind.plural,
        singular: kind.kind.toLowerCase(),
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        categories: ["all"],
      },
      conversion: { strategy: "None" },
      versions: [version(kind, "v1beta1", true), ...kind.deprecated.map((name) => version(kind, name, false))],
    },
  };
}

/** The CustomResourceDefinitions of the three kinds. */
export const customResourceDefinitions = kinds.map(definition);
