/** Objects changed in place. */
import { play, type Story, type } from "../story.ts";

export const changing: readonly Story[] = [
  {
    name: "edit",
    steps: [
      type("apply -f deployment.yaml"),
      type("scale deployment podinfo --replicas=3", { stdout: "deployment.apps/podinfo scaled\n" }),
      play("094-edit"),
      type("get deployment podinfo -o jsonpath='{.spec.template.spec.containers[0].image}'", {
        stdout: "podinfo:6.0.5",
      }),
      play("095-edit-unchanged"),
      play("096-edit-invalid"),
      type("get deployment podinfo -o jsonpath='{.spec.replicas}'", { stdout: "3" }),
    ],
  },
  {
    name: "patch",
    steps: [
      type("apply -f deployment.yaml"),
      play("098-patch-strategic"),
      type(`patch deployment podinfo --type=json -p '[{"op":"replace","path":"/spec/replicas","value":1}]'`, {
        stdout: "deployment.apps/podinfo patched\n",
      }),
      type(`patch deployment podinfo --type=json -p '[{"op":"test","path":"/spec/replicas","value":7}]'`, {
        stdout: "",
        stderr:
          /^The request is invalid|the server rejected our request due to an error in our request|testing value \/spec\/replicas failed/,
        exit: 1,
      }),
      type(
        `patch deployment podinfo -p '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"side:1"}]}}}}'`,
        {
          stdout: "deployment.apps/podinfo patched\n",
        },
      ),
      type("get deployment podinfo -o jsonpath='{.spec.template.spec.containers[*].name}'", { stdout: "side podinfo" }),
      play("103-annotate"),
      play("104-annotate-exists"),
      type("annotate deployment podinfo example.com/a=c --overwrite", {
        stdout: "deployment.apps/podinfo annotated\n",
      }),
      play("105-label"),
      play("106-label-remove", { old: { stdout: "deployment.apps/podinfo labeled\n" } }),
      play("107-replace"),
      type("replace -f ssa.yaml", {
        stdout: "",
        stderr: 'Error from server (NotFound): error when replacing "ssa.yaml": configmaps "settings" not found\n',
        exit: 1,
      }),
    ],
  },
  {
    name: "patch-custom",
    canaries: true,
    steps: [
      type("apply -f canary.yaml"),
      play("097-edit-canary"),
      play("099-patch-merge-canary"),
      play("102-patch-nothing"),
      play("100-patch-canary-default-type", { old: { stderr: /accepted media types include: .*merge-patch/ } }),
      play("101-patch-status", { since: 24 }),
      type(
        "get canary podinfo -o jsonpath='{.status.phase} {.spec.suspend} {.spec.analysis.threshold}'",
        {
          stdout: "Succeeded true 6",
        },
        { since: 24 },
      ),
      play("108-replace-canary"),
    ],
  },
];
