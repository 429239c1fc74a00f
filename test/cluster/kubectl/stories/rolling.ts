/** Releases of a Deployment, step by step. */
import { play, type Story, type } from "../story.ts";

const previouslyApplied = /^(Warning: resource deployments\/podinfo was previously managed with 'kubectl apply'.*\n)?/;
const unapplied = new RegExp(`${previouslyApplied.source}$`);
const rolledOut = 'deployment "podinfo" successfully rolled out\n';

export const rolling: readonly Story[] = [
  {
    name: "rollout",
    pods: true,
    steps: [
      type("apply -f deployment.yaml"),
      type("rollout status deployment/podinfo", { stdout: new RegExp(`${rolledOut}$`) }),
      play("098-patch-strategic"),
      type("apply -f deployment2.yaml"),
      type("rollout status deployment/podinfo", {
        stdout:
          /^(Waiting .* 1 out of 2 new replicas have been updated\.\.\.\n)*(Waiting .* 1 old replicas are pending termination\.\.\.\n)+deployment "podinfo" successfully rolled out\n$/,
      }),
      play("019-rollout-status-done"),
      type(`patch deployment podinfo -p '{"spec":{"minReadySeconds":0}}'`),
      play("077-set-image-unchanged", { here: () => ({ stdout: "deployment.apps/podinfo image updated\n" }) }),
      play("077-set-image-unchanged"),
      play("078-set-image-unknown-container"),
      play("075-set-image"),
      type("rollout status deployment/podinfo --timeout=20s"),
      type("rollout history deployment/podinfo", {
        stdout:
          "deployment.apps/podinfo \nREVISION  CHANGE-CAUSE\n1         <none>\n2         <none>\n3         <none>\n4         <none>\n\n",
      }),
      play("081-rollout-history-revision", { old: { stdout: /revision #2\n[\s\S]*Image:\tpodinfo:6\.0\.1\n/ } }),
      play("082-rollout-undo", { here: () => ({ stderr: unapplied }) }),
      type("get deployment podinfo -o jsonpath='{.spec.template.spec.containers[0].image}'", {
        stdout: "podinfo:6.0.3",
      }),
      play("083-rollout-undo-to", {
        here: () => ({ stderr: /(^|\n)error: unable to find specified revision 99 in history\n$/ }),
      }),
      type("rollout undo deployment/podinfo --to-revision=2", {
        stdout: "deployment.apps/podinfo rolled back\n",
        stderr: unapplied,
      }),
      type("get deployment podinfo -o jsonpath='{.spec.template.spec.containers[0].image}'", {
        stdout: "podinfo:6.0.1",
      }),
      type("rollout history deployment/podinfo", {
        stdout: /REVISION {2}CHANGE-CAUSE\n1 {2}<none>\n(\d {2}<none>\n)+/,
      }),
      play("084-rollout-restart"),
      type("rollout status deployment/podinfo --timeout=20s", { stdout: new RegExp(`${rolledOut}$`) }),
    ],
  },
  {
    name: "pause",
    pods: true,
    steps: [
      type("apply -f deployment.yaml"),
      type("wait --for=condition=Progressing deployment/podinfo --timeout=20s"),
      play("085-rollout-pause"),
      play("086-rollout-pause-again"),
      play("076-set-image-all"),
      type("rollout status deployment/podinfo --timeout=1s", {
        stdout:
          /^(Waiting for deployment spec update .*\n)*Waiting .* 0 out of 2 new replicas have been updated\.\.\.\n$/,
        stderr: "error: timed out waiting for the condition\n",
        exit: 1,
      }),
      play("079-set-env"),
      play("088-rollout-resume"),
      type("get replicasets -o name", { stdout: /(replicaset.*\n){1,2}/ }),
    ],
  },
  {
    name: "scale",
    pods: true,
    steps: [
      type("apply -f deployment.yaml"),
      type("rollout status deployment/podinfo --timeout=20s"),
      play("089-scale"),
      play("090-scale-precondition"),
      play("091-scale-timeout"),
      type("get pods -o name", { stdout: /^(pod\/podinfo-<generated>\n){2,3}$/ }),
      type("scale deployment podinfo --replicas=0", { stdout: "deployment.apps/podinfo scaled\n" }),
      type("wait --for=delete pods -l app=podinfo --timeout=20s", { stdout: /^/, stderr: /^/ }),
      type("get pods", { stdout: "", stderr: /^No resources found/ }),
    ],
  },
  {
    name: "deadline",
    pods: true,
    steps: [
      type("apply -f deployment.yaml"),
      type("rollout status deployment/podinfo --timeout=20s"),
      type(`patch deployment podinfo -p '{"spec":{"progressDeadlineSeconds":1}}'`),
      type("set image deployment/podinfo podinfo=registry.invalid/not-found:1"),
      play("119-rollout-status-deadline", {
        here: () => ({ stdout: /^(Waiting .* 1 out of 2 new replicas have been updated\.\.\.\n)*$/ }),
      }),
      play("120-rollout-status-no-watch"),
      play("121-get-deployment-deadline", {
        here: () => ({
          stdout: [
            "deployment.apps/podinfo   2/2     1            2           1s",
            "replicaset.apps/podinfo-789795c457   2         2         2       40s",
            "replicaset.apps/podinfo-b598849f9    1         1         0       4s",
          ],
        }),
      }),
    ],
  },
];
