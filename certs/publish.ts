import {
  type ConfigurationOptions,
  configurationName,
  fieldManagers,
  type Interception,
  interceptions,
  type ObjectRef,
  type RawObject,
  type Resource,
  WeirError,
  webhookConfiguration,
} from "../api/index.ts";

/** The calls we need of the API server. */
export interface PublishApi {
  get(ref: ObjectRef): Promise<RawObject | undefined>;
  apply(
    resource: Resource,
    object: RawObject,
    options: { readonly fieldManager: string; readonly force?: boolean },
  ): Promise<RawObject>;
  replace(resource: Resource, object: RawObject): Promise<RawObject>;
}

const types = ["mutating", "validating"] as const;

function resourceOf(type: Interception["type"]): Resource {
  const title = type === "mutating" ? "Mutating" : "Validating";
  return {
    group: "admissionregistration.k8s.io",
    version: "v1",
    plural: `${type}webhookconfigurations`,
    kind: `${title}WebhookConfiguration`,
  };
}

/** PEM that each of our webhooks trusts, of both configurations. Fails when they are not installed. */
export async function readPublished(api: Pick<PublishApi, "get">): Promise<readonly string[]> {
  const published: string[] = [];
  for (const type of types) {
    const found = await installed(api, resourceOf(type));
    const ours = new Set(interceptions.filter((each) => each.type === type).map(({ name }) => name));
    for (const { name, clientConfig } of webhooksOf(found)) {
      if (name !== undefined && ours.has(name)) {
        published.push(Buffer.from(String(clientConfig?.["caBundle"] ?? ""), "base64").toString());
      }
    }
  }
  return published;
}

async function installed(api: Pick<PublishApi, "get">, resource: Resource): Promise<RawObject> {
  const found = await api.get({ resource, namespace: "", name: configurationName });
  if (found === undefined) {
    const what = `${resource.kind} ${configurationName}`;
    throw new WeirError("api.notFound", "retry", `there is no ${what}: apply manifests/webhooks.yaml`);
  }
  return found;
}

/**
 * Tells the API server whom to trust. Applies `caBundle` and no other field, so that whoever installed the configurations keeps
 * everything else and sees no drift. Fails when they are not installed.
 */
export async function publishBundle(api: PublishApi, bundle: string): Promise<void> {
  const caBundle = Buffer.from(bundle).toString("base64");
  for (const type of types) {
    const resource = resourceOf(type);
    const present = new Set(webhooksOf(await installed(api, resource)).map(({ name }) => name));
    const webhooks = interceptions
      .filter((each) => each.type === type && present.has(each.name))
      .map(({ name }) => ({ name, clientConfig: { caBundle } }));
    await api.apply(resource, configuration(resource, { webhooks }), {
      fieldManager: fieldManagers.certs,
      force: true,
    });
  }
}

/**
 * For a server outside the cluster: applies both configurations whole, so that the API server calls a URL. A configuration that
 * names a Service has to be replaced, for a webhook has either.
 */
export async function publishUrl(api: PublishApi, bundle: string, options: ConfigurationOptions): Promise<void> {
  const caBundle = Buffer.from(bundle).toString("base64");
  for (const type of types) {
    const resource = resourceOf(type);
    const wanted = webhookConfiguration(type, { ...options, caBundle });
    const found = await api.get({ resource, namespace: "", name: configurationName });
    if (found !== undefined && webhooksOf(found).some(({ clientConfig }) => clientConfig?.["service"] !== undefined)) {
      await api.replace(resource, { ...found, webhooks: wanted.webhooks });
    } else {
      await api.apply(resource, wanted, { fieldManager: fieldManagers.certs, force: true });
    }
  }
}

function configuration(resource: Resource, fields: { readonly webhooks: readonly unknown[] }): RawObject {
  return {
    apiVersion: `${resource.group}/${resource.version}`,
    kind: resource.kind,
    metadata: { name: configurationName },
    ...fields,
  };
}

function webhooksOf(object: RawObject): readonly { name?: string; clientConfig?: Readonly<Record<string, unknown>> }[] {
  return Array.isArray(object["webhooks"]) ? object["webhooks"] : [];
}
