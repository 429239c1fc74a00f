/** Manifests on their way into the cluster. */
import { play, type Story, type } from "../story.ts";

const fromStdin = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: from-stdin\ndata:\n  v: "1"\n';

export const applying: readonly Story[] = [
  {
    name: "create",
    steps: [
      play("014-create-namespace"),
      type("delete namespace demo-2 --wait=false", { stdout: 'namespace "demo-2" deleted\n' }),
      type("create -f deployment.yaml", { stdout: "deployment.apps/podinfo created\n" }),
      play("038-create-exists"),
      play("039-create-configmap"),
      play("040-create-secret"),
      type("get secret slack-url -o jsonpath='{.type}{\" \"}{.data.address}'", {
        stdout: "Opaque aHR0cHM6Ly9ob29rcy5leGFtcGxlLmNvbS94",
      }),
      type("create serviceaccount robot", { stdout: "serviceaccount/robot created\n" }),
      play("041-create-deployment"),
      play("042-expose"),
      type("get service scratch -o jsonpath='{.spec.selector.app}:{.spec.ports[0].targetPort}'", {
        stdout: "scratch:80",
      }),
      play("093-autoscale", { since: 34 }),
      type("autoscale deployment podinfo --min=1 --max=3 --cpu-percent=80", {
        stdout: "horizontalpodautoscaler.autoscaling/podinfo autoscaled\n",
        stderr: /^(Flag --cpu-percent has been deprecated.*\n)?$/,
      }),
      type("get hpa podinfo -o jsonpath='{.spec.minReplicas}-{.spec.maxReplicas} of {.spec.scaleTargetRef.name}'", {
        stdout: "1-3 of podinfo",
      }),
      type("create -f invalid.yaml -o name", {
        stdout: "",
        stderr:
          'The Deployment "podinfo" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0\n',
        exit: 1,
      }),
      type("create -f bad.yaml", { stdout: "", stderr: /unknown field "(spec\.)?replicaCount"/, exit: 1 }),
    ],
  },
  {
    name: "apply",
    steps: [
      play("015-apply-create"),
      play("016-apply-unchanged"),
      play("017-apply-changed"),
      play("023-apply-dry-run-client", {
        here: () => ({ stdout: /^deployment.apps\/podinfo (unchanged|configured) \(dry run\)\n$/ }),
      }),
      play("024-apply-dry-run-server"),
      play("026-apply-unknown-field", {
        old: { stderr: /ValidationError\(Deployment.spec\): unknown field "replicaCount"/ },
      }),
      play("027-apply-unknown-field-warn", { since: 25 }),
      play("028-apply-invalid"),
      play("029-apply-immutable"),
      play("035-apply-stdin", { input: fromStdin }),
      play("036-apply-no-namespace"),
    ],
  },
  {
    name: "apply-several",
    canaries: true,
    steps: [
      play("020-apply-several"),
      play("021-apply-canary-changed"),
      play("022-apply-service-changed"),
      play("025-apply-output-yaml", { old: { stdout: /\n {2}selector:\n {4}app: podinfo-primary\n/ } }),
    ],
  },
  {
    name: "apply-server-side",
    steps: [
      play("030-apply-server-side-create"),
      play("031-apply-server-side-update"),
      play("032-apply-server-side-conflict", { old: { stderr: /1 conflict: conflict with "kubectl": \.data\.v\n/ } }),
      play("033-apply-server-side-force"),
      play("047-get-yaml-managed-fields", { since: 21 }),
      play("048-get-json-list", { old: { stdout: /"name": "settings"/ } }),
      type("apply -f service.yaml"),
      type("apply -f service2.yaml"),
      play("034-apply-server-side-migrate"),
      type(
        "get service podinfo -o jsonpath='{.metadata.managedFields[*].manager}'",
        {
          stdout: /^(kubectl kubectl-last-applied|kubectl-last-applied kubectl)$/,
        },
        { since: 26 },
      ),
    ],
  },
  {
    name: "diff",
    pods: true,
    steps: [
      type("create -f deployment2.yaml"),
      type("wait --for=condition=Progressing deployment/podinfo --timeout=20s"),
      play("109-diff", { old: { stdout: /\n- +- image: podinfo:6.0.1\n\+ +- image: podinfo:6.0.0\n/ } }),
      play("110-diff-none"),
      play("111-diff-new", { old: { stdout: /\n\+kind: ConfigMap\n/ } }),
      play("112-diff-server-side", { old: { stdout: /\n- +- image: podinfo:6.0.1\n\+ +- image: podinfo:6.0.0\n/ } }),
    ],
  },
  {
    name: "deletion",
    pods: true,
    canaries: true,
    steps: [
      type("apply -f deployment.yaml -f service.yaml -f canary.yaml -f hpa.yaml"),
      type("create deployment scratch --image=scratch:1 --replicas=0"),
      type("create configmap seen --from-literal=a=b"),
      play("127-delete-canary"),
      play("128-delete-wait"),
      play("129-delete-no-wait"),
      play("130-delete-foreground"),
      type("get deployments,replicasets,pods", { stdout: "", stderr: /^No resources found/ }),
      play("131-delete-not-found"),
      play("132-delete-ignore-not-found"),
      play("133-delete-selector"),
      type("autoscale deployment scratch --max=2 --cpu-percent=50", { stderr: /^/, exit: 1 }),
      type("apply -f hpa.yaml"),
      play("134-delete-all", { here: ({ stdout }) => ({ stdout: stdout.replace("scratch", "podinfo") }) }),
      type("create -f deployment.yaml"),
      type("delete deployment podinfo --cascade=orphan", { stdout: 'deployment.apps "podinfo" deleted\n' }),
      type("get replicasets -o name", { stdout: /^replicaset.apps\/podinfo-<generated>\n$/ }),
    ],
  },
];
