/** Looking at objects whose pods run. */
import type { Ended } from "../../program.ts";
import { patching, play, type Story, type } from "../story.ts";
import { watchOpened } from "./watching.ts";

/** Image 6.0.0, then 6.0.1, then 6.0.0 again: what the recordings show. */
const thriceReleased = [
  type("apply -f deployment.yaml"),
  type("rollout status deployment/podinfo --timeout=20s"),
  type("apply -f deployment2.yaml"),
  type("rollout status deployment/podinfo --timeout=20s"),
  type("apply -f deployment.yaml"),
  type("rollout status deployment/podinfo --timeout=20s"),
];

/** The order of ReplicaSets follows from their names; how far an HPA is, from the time. */
function lines({ stdout }: Ended) {
  return { stdout: stdout.split("\n").filter((line) => !/^horizontal|<unknown>/.test(line)) };
}

export const reading: readonly Story[] = [
  {
    name: "get",
    pods: true,
    canaries: true,
    steps: [
      ...thriceReleased,
      type("apply -f service.yaml -f canary.yaml -f hpa.yaml"),
      type("create deployment scratch --image=scratch:1 --replicas=0"),
      type("expose deployment scratch --port=80"),
      type("wait --for=condition=Available deployment/scratch --timeout=20s"),
      play("044-get-wide"),
      play("045-get-one"),
      play("046-get-yaml", { old: { stdout: /\n {2}observedGeneration: 1\n/ } }),
      play("049-get-name"),
      play("050-get-jsonpath"),
      play("051-get-custom-columns"),
      play("052-get-all", { here: lines }),
      play("053-get-canary"),
      play("054-get-canary-wide"),
      play("055-get-all-namespaces", { here: lines }),
      play("056-get-selector"),
      play("057-get-label-columns"),
      play("058-get-not-found"),
      play("059-get-ignore-not-found"),
      play("060-get-several-kinds", { here: lines }),
      play("061-get-events", { here: lines }),
      play("062-events", { since: 26, here: lines }),
      play("064-get-subresource", { since: 24 }),
      play("065-get-subresource-status", { since: 24 }),
      type(
        "get pods --field-selector=status.phase=Running -o custom-columns=READY:.status.containerStatuses[0].ready",
        {
          stdout: "READY\ntrue\ntrue\n",
        },
      ),
      type("get deployment podinfo -o go-template={{.spec.replicas}}", { stdout: "2" }),
      type("get endpointslices -l kubernetes.io/service-name=podinfo -o jsonpath='{.items[0].ports[0].port}'", {
        stdout: "9898",
      }),
    ],
  },
  {
    name: "describe",
    pods: true,
    canaries: true,
    steps: [
      ...thriceReleased,
      play("069-describe-deployment", {
        here: lines,
        old: { stdout: /Scaled down replica set podinfo-<generated> from 1 to 0\n$/ },
      }),
      type("apply -f service2.yaml -f canary.yaml -f hpa.yaml"),
      type("apply -f canary2.yaml"),
      type(
        "get canary podinfo -w",
        { exit: "killed" },
        {
          meanwhile: {
            seen: watchOpened,
            act: patching(
              "canaries",
              "Canary",
              "podinfo",
              { status: { phase: "Progressing", canaryWeight: 10 } },
              "status",
            ),
            until: /Progressing/,
          },
        },
      ),
      play("070-describe-canary", {
        here: ({ stdout }) => ({ stdout: stdout.split(/Resource Version.*\n/).flatMap((part) => part.split("\n")) }),
      }),
      play("071-describe-service", {
        here: ({ stdout }) => ({ stdout: stdout.split("\n").filter((line) => !line.startsWith("Endpoints")) }),
        old: {
          stdout: /\nSelector: +app=podinfo-primary\n[\s\S]*\nTargetPort: +http\/TCP\n/,
          stderr: /^(Warning: v1 Endpoints is deprecated.*\n)?$/,
        },
      }),
      type("wait --for=condition=AbleToScale hpa/podinfo --timeout=20s"),
      play("072-describe-hpa", {
        here: ({ stdout }) => ({ stdout: stdout.split(/^Events/m)[0]?.split("\n") ?? [] }),
        // It asks for autoscaling/v1.
        old: { stdout: /\nTarget CPU utilization: +80%\nCurrent CPU utilization: +<unknown>%\n/ },
      }),
      type("describe pods -l app=podinfo", {
        stdout: [
          "Namespace:             demo",
          "Status:                Running",
          "Controlled By:  ReplicaSet/podinfo-7f77b6dcdd",
          "    Image:          podinfo:6.0.0",
          "    State:          Running",
          "    Ready:          True",
          "    Restart Count:  0",
          "  PodScheduled                True",
          "QoS Class:                   BestEffort",
        ],
      }),
      type("logs deployment/podinfo --tail=1", { stdout: /\S/, stderr: /^(Found 2 pods, using pod\/\S+\n)?$/ }),
      type("logs deployment/podinfo -c nope", { stdout: "", stderr: /container nope is not valid for pod/, exit: 1 }),
    ],
  },
];
