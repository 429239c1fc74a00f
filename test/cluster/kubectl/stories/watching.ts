/** Commands that wait for what happens. */
import { patching, play, resourceOf, type Story, type, type World } from "../story.ts";

/** In the log of requests. What happens between the first answer and this is not shown by `get NAME -w`. */
export const watchOpened = /watch=true.* 200 OK|watch=true.*status="200 OK"/;

function creating(name: string) {
  return ({ target, room: { namespace } }: World) =>
    target.api.create(resourceOf("configmaps", "ConfigMap"), {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace },
    });
}

function deleting(name: string) {
  return ({ target, room: { namespace } }: World) =>
    target.api.delete({ resource: resourceOf("configmaps", "ConfigMap"), namespace, name });
}

const progressing = { status: { phase: "Progressing", canaryWeight: 10 } };
const promoted = { status: { conditions: [{ type: "Promoted", status: "True" }] } };

export const watching: readonly Story[] = [
  {
    name: "wait",
    pods: true,
    steps: [
      type("create deployment scratch --image=scratch:1 --replicas=0"),
      type("wait --for=condition=Available deployment/scratch --timeout=20s", {
        stdout: "deployment.apps/scratch condition met\n",
      }),
      type("wait --for=condition=Nope deployment/scratch --timeout=1s", {
        stdout: "",
        stderr: "error: timed out waiting for the condition on deployments/scratch\n",
        exit: 1,
      }),
      play("068-get-watch-only", { meanwhile: { seen: watchOpened, act: creating("seen"), until: /seen/ } }),
      play("117-wait-delete", { meanwhile: { seen: watchOpened, act: deleting("seen") } }),
      play("118-wait-create", { since: 31, meanwhile: { seen: / 404 Not Found|status="404/, act: creating("later") } }),
      type(
        "get configmaps -w -o name",
        { stdout: /configmap\/another\n$/, exit: "killed" },
        {
          meanwhile: { seen: watchOpened, act: creating("another"), until: /another/ },
        },
      ),
    ],
  },
  {
    name: "wait-custom",
    canaries: true,
    steps: [
      type("apply -f canary.yaml"),
      play("067-get-watch-one", {
        meanwhile: {
          seen: watchOpened,
          act: patching("canaries", "Canary", "podinfo", progressing, "status"),
          until: /Progressing/,
        },
      }),
      play("114-wait-condition-later", {
        meanwhile: { seen: watchOpened, act: patching("canaries", "Canary", "podinfo", promoted, "status") },
      }),
    ],
  },
  {
    name: "watch-pods",
    pods: true,
    steps: [
      type("apply -f deployment.yaml"),
      play("113-wait-condition", { here: () => ({ exit: 0 }) }),
      play("116-wait-jsonpath", { since: 23 }),
      type("create deployment scratch --image=scratch:1 --replicas=0"),
      type("wait --for=condition=Available deployment/scratch --timeout=20s"),
      play("066-get-watch", {
        meanwhile: {
          seen: /^scratch/m,
          act: patching("deployments", "Deployment", "scratch", { metadata: { labels: { seen: "yes" } } }),
          until: /scratch[\s\S]*scratch/,
        },
      }),
    ],
  },
];
