/** Defaults of the small core kinds. */
import { each, fill, type Json } from "./fill.ts";
import { defaultPod } from "./pod.ts";

export function defaultPodObject(object: Json): void {
  defaultPod(fill(object, { spec: {} }).spec);
  const { containerStatuses, initContainerStatuses } = object.status ?? {};
  for (const status of [...each(containerStatuses), ...each(initContainerStatuses)]) {
    fill(status, { state: {}, lastState: {} });
  }
}

/** `stringData` is a way to write `data`: it wins, and is never kept. */
export function defaultSecret(object: Json): void {
  fill(object, { type: "Opaque" });
  if (object.stringData === undefined) return;
  const encoded = Object.entries(object.stringData).map(([key, value]) => [
    key,
    Buffer.from(String(value ?? "")).toString("base64"),
  ]);
  object.data = { ...object.data, ...Object.fromEntries(encoded) };
  delete object.stringData;
}

export function defaultNamespace(object: Json): void {
  const { metadata } = fill(object, { spec: {}, status: {} });
  fill(object.status, { phase: "Active" });
  if (metadata.name !== undefined) fill(metadata, { labels: {} }).labels["kubernetes.io/metadata.name"] = metadata.name;
}

export function defaultEvent(object: Json): void {
  fill(object, { source: {}, involvedObject: {} });
}

export function defaultClaim(object: Json): void {
  fill(fill(object, { spec: {} }).spec, { volumeMode: "Filesystem" });
  fill(fill(object, { status: {} }).status, { phase: "Pending" });
}

export function defaultPriorityClass(object: Json): void {
  fill(object, { value: 0, preemptionPolicy: "PreemptLowerPriority" });
}
