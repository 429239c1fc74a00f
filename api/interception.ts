import { apiGroup } from "./names.ts";
import { type OwnedKind, ownedKinds, ownedKnativeService, ownedRoutes } from "./ownedFields.ts";

/** Which writes the API server shows to admission. Printed into manifests/webhooks.yaml, and applied by a server outside the cluster. */
export interface Interception {
  /** Name of the webhook in its configuration. */
  readonly name: string;
  readonly type: "mutating" | "validating";
  /** Where it is served. */
  readonly path: string;
  readonly apiGroup: string;
  readonly apiVersions: readonly string[];
  readonly resources: readonly string[];
  readonly operations: readonly ("CREATE" | "UPDATE" | "DELETE")[];
  /** Workloads must stay writable without us, our own kinds are worth nothing without their rules. */
  readonly failurePolicy: "Ignore" | "Fail";
  readonly timeoutSeconds: number;
}

const own = { apiGroup, apiVersions: ["v1beta1", "v1alpha3"], operations: ["CREATE", "UPDATE"] } as const;
const foreign = { type: "mutating", failurePolicy: "Ignore", timeoutSeconds: 3 } as const;
const everyWrite = ["CREATE", "UPDATE", "DELETE"] as const;

function ofOwned(path: string, { group, versions, plural }: OwnedKind): Interception {
  return {
    ...foreign,
    name: `${plural}.${group === "" ? "core" : group}.weir.sh`,
    path,
    apiGroup: group,
    apiVersions: versions,
    resources: [plural],
    operations: everyWrite,
  };
}

/** Where writes of a kind are answered. */
const ownedPaths: Readonly<Record<string, string>> = {
  deployments: "/mutate/deployments",
  daemonsets: "/mutate/daemonsets",
  services: "/mutate/services",
  horizontalpodautoscalers: "/mutate/autoscalers",
  scaledobjects: "/mutate/autoscalers",
};

function ownKind(type: Interception["type"], plural: string): Interception {
  const verb = type === "mutating" ? "mutate" : "validate";
  return {
    ...own,
    name: `${verb}-${plural}.weir.sh`,
    type,
    path: `/${verb}/${plural}`,
    resources: [plural],
    failurePolicy: "Fail",
    timeoutSeconds: 5,
  };
}

export const interceptions: readonly Interception[] = [
  ...ownedKinds.map((owned) => ofOwned(ownedPaths[owned.plural] ?? "/mutate/routes", owned)),
  ...ownedRoutes.map((owned) => ofOwned("/mutate/routes", owned)),
  ofOwned("/mutate/knative", ownedKnativeService),
  {
    ...foreign,
    apiGroup: "apps",
    apiVersions: ["v1"],
    name: "scale.weir.sh",
    path: "/mutate/scale",
    resources: ["deployments/scale"],
    operations: ["UPDATE"],
  },
  ownKind("mutating", "canaries"),
  ownKind("mutating", "metrictemplates"),
  ownKind("mutating", "alertproviders"),
  ownKind("validating", "canaries"),
  ownKind("validating", "metrictemplates"),
  ownKind("validating", "alertproviders"),
  // Nobody has to wait for us to delete something: this only tells who still needs it.
  {
    apiGroup: "apps",
    apiVersions: ["v1"],
    failurePolicy: "Ignore",
    timeoutSeconds: 3,
    name: "deleted-targets.weir.sh",
    type: "validating",
    path: "/validate/deletions",
    resources: ["deployments", "daemonsets"],
    operations: ["DELETE"],
  },
  {
    ...own,
    name: "deleted-references.weir.sh",
    type: "validating",
    path: "/validate/deletions",
    resources: ["metrictemplates", "alertproviders"],
    operations: ["DELETE"],
    failurePolicy: "Ignore",
    timeoutSeconds: 3,
  },
];

/** Name of both configurations. */
export const configurationName = "weir";

/** Where the API server calls: a Service of the cluster, or an address outside. */
export type Endpoint =
  | { readonly service: { readonly namespace: string; readonly name: string; readonly port: number } }
  | { readonly url: string };

export interface ConfigurationOptions {
  readonly endpoint: Endpoint;
  /** Base64 of the PEM; absent until the server publishes it. */
  readonly caBundle?: string;
  /** Namespaces whose workloads are never looked at: the cluster's own and ours. */
  readonly sparedNamespaces: readonly string[];
  /** Users whose writes are never shown: our controller. */
  readonly controllerUsers: readonly string[];
}

/** The webhook configuration of one type, ready to be applied. */
export function webhookConfiguration(type: Interception["type"], options: ConfigurationOptions) {
  const kind = type === "mutating" ? "MutatingWebhookConfiguration" : "ValidatingWebhookConfiguration";
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind,
    metadata: { name: configurationName, labels: { "app.kubernetes.io/name": "weir" } },
    webhooks: interceptions.filter((each) => each.type === type).map((each) => webhook(each, options)),
  };
}

function webhook(each: Interception, options: ConfigurationOptions) {
  const { endpoint, caBundle } = options;
  const where =
    "url" in endpoint ? { url: `${endpoint.url}${each.path}` } : { service: { ...endpoint.service, path: each.path } };
  const workload = each.apiGroup !== apiGroup;
  return {
    name: each.name,
    admissionReviewVersions: ["v1"],
    sideEffects: "None",
    failurePolicy: each.failurePolicy,
    timeoutSeconds: each.timeoutSeconds,
    matchPolicy: "Equivalent",
    // A later webhook may still change the template.
    ...(each.type === "mutating" ? { reinvocationPolicy: "IfNeeded" } : {}),
    clientConfig: { ...where, ...(caBundle === undefined ? {} : { caBundle }) },
    rules: [
      {
        apiGroups: [each.apiGroup],
        apiVersions: each.apiVersions,
        operations: each.operations,
        resources: each.resources,
        scope: "Namespaced",
      },
    ],
    ...(workload
      ? {
          namespaceSelector: {
            matchExpressions: [
              { key: "kubernetes.io/metadata.name", operator: "NotIn", values: options.sparedNamespaces },
            ],
          },
        }
      : {}),
    matchConditions: [
      ...matchConditions(workload, options.controllerUsers),
      ...(each.failurePolicy === "Fail" ? [somethingToJudge] : []),
    ],
  };
}

/**
 * A manifest that is applied again as it is must not fail because nobody is there to judge it: a chart that holds a Canary would
 * end half applied. Nor must finalizers and labels wait for us.
 */
const somethingToJudge = {
  name: "spec-is-new",
  expression:
    "request.operation != 'UPDATE' || !has(object.spec) || !has(oldObject.spec) || object.spec != oldObject.spec",
};

/** The API server asks these before it calls: whoever must never wait for us is not made to. */
function matchConditions(workload: boolean, controllerUsers: readonly string[]) {
  const user = "request.userInfo.username";
  const ours = controllerUsers.map((name) => `'${name.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`).join(", ");
  return [
    { name: "not-our-controller", expression: `!(${user} in [${ours}])` },
    ...(workload
      ? [
          { name: "not-kube-system", expression: `!${user}.startsWith('system:serviceaccount:kube-system:')` },
          { name: "not-a-node", expression: `!${user}.startsWith('system:node:')` },
          { name: "not-control-plane", expression: `!${user}.startsWith('system:kube-')` },
        ]
      : []),
  ];
}
