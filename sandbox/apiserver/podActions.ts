import { actionDocument, admitAction } from "./actions.ts";
import { type Call, type Cluster, openAdmission } from "./cluster.ts";
import { isRecord } from "./decode.ts";
import { timestamp } from "./metadata.ts";
import { parseDeleteChoices, type WriteChoices } from "./options.ts";
import { deleteObject } from "./remove.ts";
import { badRequest, conflict } from "./status.ts";
import { clone, type KubeObject, type Status } from "./types.ts";
import { updateObject } from "./update.ts";

const done: Status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };

/** POST of `pods/binding`: gives the pod to a node, once. */
export async function bindPod(cluster: Cluster, call: Call, choices: WriteChoices, body: unknown): Promise<Status> {
  const target = isRecord(body) && isRecord(body["target"]) ? body["target"]["name"] : undefined;
  if (typeof target !== "string" || target === "") throw badRequest("target.name: Required value: name of the node");
  await admitAction(cluster, call, choices, actionDocument(body, "v1", "Binding", call.request.name));
  await assignPod(cluster, call, choices, target);
  return done;
}

/** Writes the node into the pod, and the condition that says so. Nobody owns these fields afterwards. */
export async function assignPod(
  cluster: Cluster,
  call: Call,
  choices: WriteChoices,
  node: string,
): Promise<KubeObject> {
  // The webhooks were asked about the Binding.
  const unasked: Cluster = { ...cluster, admission: openAdmission };
  const time = timestamp(cluster.now());
  const { object } = await updateObject(unasked, call, choices, (live) => {
    const taken = live["spec"]?.nodeName ?? "";
    if (taken !== "") {
      const { name } = call.request;
      const why = `pod ${name} is already assigned to node ${JSON.stringify(taken)}`;
      throw conflict({ group: "", plural: "pods/binding" }, name, why);
    }
    const next = clone(live);
    next["spec"] = { ...next["spec"], nodeName: node };
    const others = (next["status"]?.conditions ?? []).filter((each: { type: string }) => each.type !== "PodScheduled");
    const scheduled = { type: "PodScheduled", status: "True", lastProbeTime: null, lastTransitionTime: time };
    next["status"] = { ...next["status"], conditions: [...others, scheduled] };
    return next;
  });
  return object;
}

/** POST of `pods/eviction`: a DELETE that asks politely. Disruption budgets are not kept here. */
export async function evictPod(cluster: Cluster, call: Call, choices: WriteChoices, body: unknown): Promise<Status> {
  await admitAction(cluster, call, choices, actionDocument(body, "policy/v1", "Eviction", call.request.name));
  const options = isRecord(body) && isRecord(body["deleteOptions"]) ? body["deleteOptions"] : undefined;
  const { subresource: _, ...request } = call.request;
  const deletion: Call = { ...call, request: { ...request, verb: "delete", subresource: undefined } };
  const unasked: Cluster = { ...cluster, admission: openAdmission };
  await noteDisruption(unasked, call, choices);
  await deleteObject(unasked, deletion, parseDeleteChoices(new URLSearchParams(), options));
  return done;
}

/** Says in the status of a pod that runs why it has to go. Nobody owns the condition. */
async function noteDisruption(cluster: Cluster, call: Call, choices: WriteChoices): Promise<void> {
  const lastTransitionTime = timestamp(cluster.now());
  await updateObject(cluster, call, choices, (live) => {
    if ((live["spec"]?.nodeName ?? "") === "") return clone(live);
    const conditions = (live["status"]?.conditions ?? []).filter(
      (each: { type: string }) => each.type !== disruption.type,
    );
    return {
      ...clone(live),
      status: { ...live["status"], conditions: [...conditions, { ...disruption, lastTransitionTime }] },
    };
  });
}

const disruption = {
  type: "DisruptionTarget",
  status: "True",
  lastProbeTime: null,
  reason: "EvictionByEvictionAPI",
  message: "Eviction API: evicting",
};
