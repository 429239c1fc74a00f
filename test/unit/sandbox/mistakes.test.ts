import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clone, type KubeObject } from "../../../sandbox/apiserver/types.ts";
import { resourceOf } from "./writtenKind.ts";

type Fields = Record<string, unknown>;

/** What the API server says of a new object, one line per mistake. */
function complaints(plural: string, fields: Fields, old?: Fields): string[] {
  const { strategy, versions } = resourceOf(plural);
  const version = versions[0] ?? "v1";
  const prepared = (stated: Fields): KubeObject => {
    const object = { apiVersion: version, kind: "X", metadata: { name: "a", namespace: "demo" }, ...clone(stated) };
    assert.equal(strategy.decodeProblem?.(object, version), undefined);
    strategy.prune(object, version);
    strategy.setDefaults(object, version);
    strategy.prepareForCreate(object);
    return object;
  };
  const errors = strategy.validate(prepared(fields), old === undefined ? undefined : prepared(old), undefined);
  return errors.map(({ field, message }) => `${field}: ${message}`);
}

const target = { apiVersion: "apps/v1", kind: "Deployment", name: "podinfo" };
const backend = { service: { name: "a", port: { number: 80 } } };
const withPath = (path: Fields): Fields => ({
  spec: { rules: [{ http: { paths: [{ path: "/", backend, ...path }] } }] },
});
const aContainer = (fields: Fields): Fields => ({ spec: { containers: [{ name: "c", image: "c:1", ...fields }] } });
const aWebhook = (fields: Fields): Fields => ({
  webhooks: [
    {
      name: "x.example.com",
      clientConfig: { url: "https://127.0.0.1/x" },
      rules: [{ operations: ["CREATE"], apiGroups: ["apps"], apiVersions: ["v1"], resources: ["deployments"] }],
      admissionReviewVersions: ["v1"],
      sideEffects: "None",
      ...fields,
    },
  ],
});

/** Sentences as in shared/kube/http (services, hpa, ingress, configmaps, secrets, leases, events) and shared/kube/webhooks. */
const table: Record<string, [plural: string, fields: Fields, want: string[], old?: Fields]> = {
  "a Service without ports": ["services", { spec: { selector: { app: "a" } } }, ["spec.ports: Required value"]],
  "a Service whose two ports have no names": [
    "services",
    { spec: { ports: [{ port: 80 }, { port: 81 }] } },
    ["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"],
  ],
  "a Service with a port that is none": [
    "services",
    { spec: { ports: [{ port: 0, protocol: "X" }] } },
    [
      "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
      'spec.ports[0].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
      "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
    ],
  ],
  "a Service with an address from elsewhere": [
    "services",
    { spec: { clusterIP: "10.99.0.1", ports: [{ port: 80 }] } },
    [
      'spec.clusterIPs: Invalid value: ["10.99.0.1"]: failed to allocate IP 10.99.0.1: the provided network does not match the current range',
    ],
  ],
  "an autoscaler whose minimum is above its maximum": [
    "horizontalpodautoscalers",
    { spec: { scaleTargetRef: target, minReplicas: 5, maxReplicas: 3 } },
    ["spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`"],
  ],
  "an autoscaler that may go to zero with nothing to wake it": [
    "horizontalpodautoscalers",
    { spec: { scaleTargetRef: target, minReplicas: 0, maxReplicas: 3 } },
    [
      "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
      "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas",
    ],
  ],
  "an autoscaler without a target": [
    "horizontalpodautoscalers",
    { spec: { scaleTargetRef: {}, maxReplicas: 0 } },
    [
      "spec.maxReplicas: Required value: must be set and greater than 0",
      "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`",
      "spec.scaleTargetRef.kind: Required value",
      "spec.scaleTargetRef.name: Required value",
      'spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group',
    ],
  ],
  "an Ingress that leads nowhere": [
    "ingresses",
    { spec: {} },
    ["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"],
  ],
  "an Ingress without a pathType": [
    "ingresses",
    withPath({}),
    ["spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified"],
  ],
  "an Ingress with a relative path": [
    "ingresses",
    withPath({ path: "x", pathType: "Prefix" }),
    ['spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path'],
  ],
  "a ConfigMap with one key twice": [
    "configmaps",
    { data: { k: "1" }, binaryData: { k: "AA==" } },
    ['data[k]: Invalid value: "k": duplicate of key present in binaryData'],
  ],
  "a ConfigMap that is immutable": [
    "configmaps",
    { immutable: true, data: { a: "2" } },
    ["data: Forbidden: field is immutable when `immutable` is set"],
    { immutable: true, data: { a: "1" } },
  ],
  "a TLS secret without its keys": [
    "secrets",
    { type: "kubernetes.io/tls" },
    ["data[tls.crt]: Required value", "data[tls.key]: Required value"],
  ],
  "a Secret that changes its type": [
    "secrets",
    { type: "example.com/x" },
    ['type: Invalid value: "example.com/x": field is immutable'],
    {},
  ],
  "a Lease for no time": [
    "leases",
    { spec: { leaseDurationSeconds: 0 } },
    ["spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"],
  ],
  "an Event about another namespace": [
    "events",
    { involvedObject: { kind: "Canary", namespace: "other" } },
    ['involvedObject.namespace: Invalid value: "other": does not match event.namespace'],
  ],
  "a pod with a mount of nothing": [
    "pods",
    aContainer({ volumeMounts: [{ name: "gone", mountPath: "/x" }] }),
    ['spec.containers[0].volumeMounts[0].name: Not found: "gone"'],
  ],
  "a pod with a probe that probes nothing": [
    "pods",
    aContainer({ readinessProbe: {} }),
    ["spec.containers[0].readinessProbe: Required value: must specify a handler type"],
  ],
  "a pod that becomes another pod": [
    "pods",
    aContainer({ command: ["x"] }),
    [
      "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
    ],
    aContainer({}),
  ],
  "a pod that gets another image": ["pods", aContainer({ image: "c:2" }), [], aContainer({})],
  "a webhook over http": [
    "mutatingwebhookconfigurations",
    aWebhook({ clientConfig: { url: "http://127.0.0.1/x" } }),
    [
      "webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: https://host[/path]",
    ],
  ],
  "a webhook that takes its time": [
    "validatingwebhookconfigurations",
    aWebhook({ timeoutSeconds: 31 }),
    ["webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds"],
  ],
  "a webhook with a condition that is no boolean": [
    "validatingwebhookconfigurations",
    aWebhook({ matchConditions: [{ name: "a", expression: "'x'" }] }),
    ["webhooks[0].matchConditions[0].expression: Invalid value: \"'x'\": must evaluate to bool but got string"],
  ],
  "a webhook with a condition": [
    "validatingwebhookconfigurations",
    aWebhook({ matchConditions: [{ name: "a", expression: "object.metadata.name == 'x'" }] }),
    [],
  ],
};

describe("mistakes, in the API server's words", () => {
  for (const [what, [plural, fields, want, old]] of Object.entries(table)) {
    it(what, () => assert.deepEqual(complaints(plural, fields, old), want));
  }
});
