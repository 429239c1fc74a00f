/** The env of a container: values, and what they take from ConfigMaps, Secrets and the pod itself. */
import type { Client } from "../apiserver/types.ts";
import type { Container, EnvVar, Pod } from "../controllers/kinds.ts";

/** The message of CreateContainerConfigError. */
export class ConfigMissing extends Error {}

/** Why a pod's volumes can't be mounted: the first ConfigMap or Secret that is missing. Nothing is really mounted. */
export function missingVolume(client: Client, pod: Pod): string | undefined {
  const namespace = pod.metadata.namespace ?? "";
  for (const { name, configMap, secret } of pod.spec.volumes ?? []) {
    const source = configMap ?? secret;
    if (source === undefined || source.optional === true) continue;
    const [kind, wanted] = configMap ? ["configmap", configMap.name] : ["secret", secret?.secretName ?? ""];
    if (client.get(`${kind}s`, namespace, wanted) !== undefined) continue;
    return `MountVolume.SetUp failed for volume "${name}" : ${kind} "${wanted}" not found`;
  }
  return undefined;
}

/** Throws ConfigMissing when something is not there that isn't optional. */
export function environmentOf(client: Client, pod: Pod, container: Container): Record<string, string> {
  const namespace = pod.metadata.namespace ?? "";
  const env: Record<string, string> = {};
  for (const { prefix = "", configMapRef, secretRef } of container.envFrom ?? []) {
    const source = configMapRef
      ? dataOf(client, "configmaps", namespace, configMapRef)
      : secretRef && dataOf(client, "secrets", namespace, secretRef);
    for (const [name, value] of Object.entries(source ?? {})) env[prefix + name] = value;
  }
  for (const variable of container.env ?? []) {
    const value = resolve(client, pod, variable);
    if (value !== undefined) env[variable.name] = expand(value, env);
  }
  return env;
}

function resolve(client: Client, pod: Pod, { value, valueFrom }: EnvVar): string | undefined {
  if (valueFrom === undefined) return value ?? "";
  const { configMapKeyRef, secretKeyRef, fieldRef } = valueFrom;
  if (fieldRef !== undefined) return fieldOf(pod, fieldRef.fieldPath);
  const [kind, reference] = configMapKeyRef ? ["configmaps", configMapKeyRef] : ["secrets", secretKeyRef];
  if (reference === undefined) return "";
  const namespace = pod.metadata.namespace ?? "";
  const data = dataOf(client, kind as "configmaps" | "secrets", namespace, reference);
  const found = data?.[reference.key];
  if (found === undefined && reference.optional !== true) {
    const title = kind === "configmaps" ? "ConfigMap" : "Secret";
    throw new ConfigMissing(`couldn't find key ${reference.key} in ${title} ${namespace}/${reference.name}`);
  }
  return found;
}

function dataOf(
  client: Client,
  kind: "configmaps" | "secrets",
  namespace: string,
  reference: { name: string; optional?: boolean },
): Record<string, string> | undefined {
  const object = client.get(kind, namespace, reference.name);
  if (object === undefined) {
    if (reference.optional === true) return undefined;
    throw new ConfigMissing(`${kind.slice(0, -1)} "${reference.name}" not found`);
  }
  const data: Record<string, string> = object["data"] ?? {};
  if (kind === "configmaps") return data;
  const decoded = Object.entries(data).map(([name, text]) => [name, Buffer.from(text, "base64").toString("utf8")]);
  return Object.fromEntries(decoded);
}

function fieldOf(pod: Pod, path: string): string {
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (keyed !== null) return pod.metadata[keyed[1] as "labels" | "annotations"]?.[keyed[2] ?? ""] ?? "";
  const fields: Record<string, string | undefined> = {
    "metadata.name": pod.metadata.name,
    "metadata.namespace": pod.metadata.namespace,
    "metadata.uid": pod.metadata.uid,
    "spec.nodeName": pod.spec.nodeName,
    "spec.serviceAccountName": pod.spec.serviceAccountName,
    "status.podIP": pod.status?.podIP,
    "status.hostIP": pod.status?.hostIP,
  };
  return fields[path] ?? "";
}

/** `$(NAME)` stands for a variable defined before; `$$(NAME)` is literal. */
function expand(value: string, env: Readonly<Record<string, string>>): string {
  return value.replace(/\$(\$?)\(([^)]+)\)/g, (whole, escaped: string, name: string) =>
    escaped === "$" ? `$(${name})` : (env[name] ?? whole),
  );
}
