import { fieldsOf, type Resource, WeirError } from "../api/index.ts";
import type { Api } from "./kube/api.ts";

const secrets: Resource = { group: "", version: "v1", plural: "secrets", kind: "Secret" };

/** The texts in a Secret, read live by its name: Secrets are never listed and never kept. */
export async function readSecret(
  api: Api,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const secret = await api.get({ resource: secrets, namespace, name }, { signal });
  if (secret === undefined) throw new WeirError("api.notFound", "terminal", `secrets "${name}" not found`);
  return Object.fromEntries(
    Object.entries(fieldsOf(secret["data"])).map(([key, value]) => [
      key,
      Buffer.from(String(value), "base64").toString("utf8"),
    ]),
  );
}
