/** What the cluster offers and who may do what. */
import { play, type Story, type } from "../story.ts";

/** The lines of a recording that every cluster with these kinds prints. */
function linesWith(...words: string[]) {
  return ({ stdout }: { stdout: string }) => ({
    stdout: stdout.split("\n").filter((line) => words.some((word) => line.split(/\s+/).includes(word))),
  });
}

const kinds = [
  "Pod",
  "Service",
  "Namespace",
  "ConfigMap",
  "Secret",
  "Deployment",
  "ReplicaSet",
  "DaemonSet",
  "Ingress",
];
const moreKinds = [
  "HorizontalPodAutoscaler",
  "EndpointSlice",
  "Lease",
  "CustomResourceDefinition",
  "ClusterRole",
  "Job",
];

export const discovering: readonly Story[] = [
  {
    name: "discovery",
    steps: [
      type("version", { stdout: /Server Version: .*v1\.\d+\./, stderr: /^(WARNING: version difference .*\n)?$/ }),
      play("002-get-cold-cache"),
      play("003-get-warm-cache"),
      play("005-api-resources", { here: linesWith(...kinds, ...moreKinds) }),
      play("007-api-versions", { here: linesWith("v1", "apps/v1", "autoscaling/v2", "networking.k8s.io/v1") }),
      // Prose may be missing: what a field is, is not.
      play("008-explain-builtin", {
        here: () => ({ stdout: /KIND: +Deployment\nVERSION: .*v1\n\nFIELD: +replicas <integer>\n\n*DESCRIPTION:\n/ }),
      }),
      play("010-explain-recursive", {
        here: () => ({
          stdout: /\n {2}resource\t<ResourceMetricSource>\n {4}name\t<string>.*\n {4}target\t<MetricTarget>/,
        }),
        old: { stdout: /\n {3}resource\t<Object>( -required-)?\n {6}name\t<string>.*\n {6}target\t<Object>/ },
      }),
      play("011-explain-unknown", { old: { stdout: "" } }),
      play("012-cluster-info", {
        here: () => ({ stdout: /^Kubernetes (control plane|master) is running at https:\/\/\S+\n/ }),
        old: { stdout: /Kubernetes (control plane|master).* is running at .*https:\/\/\S+/ },
      }),
      play("013-get-unknown-kind"),
      play("063-get-raw", { here: () => ({ stdout: /^ok\n?$/ }) }),
      play("126-top", { old: { stderr: /Metrics API not available/ } }),
      play("073-describe-namespace", { here: linesWith("Name:", "Labels:", "Annotations:", "Status:") }),
    ],
  },
  {
    name: "custom-discovery",
    canaries: true,
    steps: [
      play("006-api-resources-group", {
        here: linesWith("Canary"),
        old: { stdout: /canaries +cd +flagger.app\/v1beta1 +true +Canary +\[.*patch.*\]/ },
      }),
      play("009-explain-crd", { old: { stdout: /KIND: +Canary\nVERSION: +flagger.app\/v1beta1\n/ } }),
    ],
  },
  {
    name: "rights",
    steps: [
      play("122-auth-can-i"),
      type("auth can-i create deployments --as=jane", { stdout: "no\n", stderr: /^(Warning: .*\n)?$/, exit: 1 }),
      play("123-auth-can-i-list", { here: linesWith("selfsubjectaccessreviews.authorization.k8s.io", "[/readyz]") }),
      play("124-auth-whoami", { since: 28 }),
      play("125-forbidden"),
      type("create serviceaccount robot"),
      type("create token robot", { stdout: /^\S{20,}\s*$/ }, { since: 24 }),
    ],
  },
];
