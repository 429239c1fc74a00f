import type { RequestOptions } from "node:https";
import { KubeConfig } from "@kubernetes/client-node";
import { messageOf, WeirError } from "../../api/errors.ts";
import type { Cluster, Named } from "./config.ts";

/**
 * Credentials that come from a program or a sign-in provider (`exec`, `auth-provider`). A file of its own, loaded only
 * when needed: the package costs 0.8 s and 50-100 MB (spec/admission.md §15).
 */
export async function withPluginCredentials(base: Cluster, user: Named, context: string): Promise<Cluster> {
  const config = new KubeConfig();
  config.loadFromString(
    JSON.stringify({
      clusters: [{ name: "cluster", cluster: { server: base.server } }],
      users: [{ name: "user", user: user.fields }],
      contexts: [{ name: context, context: { cluster: "cluster", user: "user" } }],
      "current-context": context,
    }),
  );
  config.makePathsAbsolute(user.dir);

  const ask = async (): Promise<RequestOptions> => {
    const options: RequestOptions = {};
    try {
      await config.applyToHTTPSOptions(options);
    } catch (error) {
      const why = `the credential plugin of context ${context} failed: ${messageOf(error)}`;
      throw new WeirError("config.invalid", "retry", why, { cause: error });
    }
    return options;
  };

  const first = await ask();
  const certificate =
    first.cert === undefined || first.key === undefined
      ? {}
      : { certificate: { cert: String(first.cert), key: String(first.key) } };
  return { ...base, ...certificate, bearer: { kind: "provider", header: async () => authorizationOf(await ask()) } };
}

function authorizationOf(options: RequestOptions): string | undefined {
  const headers = options.headers;
  if (headers === undefined || Array.isArray(headers)) return undefined;
  for (const [name, value] of Object.entries(headers)) {
    if (name.toLowerCase() === "authorization" && typeof value === "string") return value;
  }
  return undefined;
}
