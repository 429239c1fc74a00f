import { questionAbout } from "./authorization/requests.ts";
import { type Call, type Cluster, inVersion, keyOfResource } from "./cluster.ts";
import { createObject } from "./create.ts";
import { patchObject, replaceObject } from "./modify.ts";
import { type OptionsKind, optionsDocument, type WriteChoices } from "./options.ts";
import { assignPod } from "./podActions.ts";
import { parseSelection } from "./read.ts";
import { deleteObject } from "./remove.ts";
import { countedAs, type ResourceRequest, type Verb } from "./request.ts";
import { writeScale } from "./scale.ts";
import { badRequest, unknownResource } from "./status.ts";
import {
  ApiError,
  type Client,
  clone,
  type KubeObject,
  type Resource,
  type UserInfo,
  type WriteOptions,
} from "./types.ts";

type Count = (user: string, what: string) => void;

/** The API as `user` sees it, in this process. Objects that it returns belong to the caller only after a copy. */
export function createClient(cluster: Cluster, user: UserInfo, count: Count, userAgent?: string): Client {
  const program = userAgent ?? user.username.slice(user.username.lastIndexOf(":") + 1);
  const served = (key: string): Resource => {
    const resource = cluster.registry.byKey(key);
    if (resource === undefined) throw unknownResource();
    return resource;
  };
  const preferred = (resource: Resource): string => resource.versions[0] ?? resource.storageVersion;
  const present = (resource: Resource, object: KubeObject) => inVersion(resource, object, preferred(resource));

  const callOf = (
    key: string,
    verb: Verb,
    target: { namespace?: string | undefined; name?: string | undefined; version?: string },
    subresource: string | undefined,
    options: WriteOptions | undefined,
  ): Call => {
    const resource = served(key);
    const request: ResourceRequest = {
      verb,
      resource,
      version: target.version ?? preferred(resource),
      namespace: resource.namespaced ? (target.namespace ?? "") : "",
      name: target.name ?? "",
      subresource,
    };
    cluster.authorizer.require(user, questionAbout(request));
    count(user.username, countedAs(request));
    return { request, user, userAgent: program, warn: options?.warn ?? (() => undefined) };
  };

  return {
    get(key, namespace, name) {
      const { request } = callOf(key, "get", { namespace, name }, undefined, undefined);
      const stored = cluster.store.get(keyOfResource(request.resource), request.namespace, name);
      return stored === undefined ? undefined : present(request.resource, stored);
    },
    list(key, namespace = "", options = {}) {
      const { request } = callOf(key, "list", { namespace }, undefined, undefined);
      const objects = cluster.store.list(keyOfResource(request.resource), request.namespace);
      const { predicate } = parseSelection(queryOf(options), request.resource);
      return objects.filter(predicate).map((object) => present(request.resource, object));
    },
    async create(key, object, options) {
      const version = versionOf(served(key), object);
      const call = callOf(key, "create", { namespace: object.metadata.namespace, version }, undefined, options);
      return (await createObject(cluster, call, choicesOf("CreateOptions", options), clone(object))).object;
    },
    async update(key, object, subresource, options) {
      const { namespace, name } = object.metadata;
      const choices = choicesOf("UpdateOptions", options);
      if (subresource === "scale") {
        const call = callOf(key, "update", { namespace, name }, subresource, options);
        return await writeScale(cluster, call, choices, { type: undefined, body: clone(object) });
      }
      const version = versionOf(served(key), object);
      const call = callOf(key, "update", { namespace, name, version }, subresource, options);
      return (await replaceObject(cluster, call, choices, object)).object;
    },
    async patch(key, namespace, name, type, body, subresource, options) {
      const choices = choicesOf("UpdateOptions", options);
      const resource = served(key);
      const stated = type === "apply" ? versionOf(resource, body as KubeObject) : preferred(resource);
      const call = callOf(key, "patch", { namespace, name, version: stated }, subresource, options);
      if (subresource === "scale") return await writeScale(cluster, call, choices, { type, body: clone(body) });
      if (subresource === "binding") return await assignPod(cluster, call, choices, nodeOf(body));
      return (await patchObject(cluster, call, choices, type, clone(body))).object;
    },
    async delete(key, namespace, name, options = {}) {
      const call = callOf(key, "delete", { namespace, name }, undefined, undefined);
      const { propagationPolicy, gracePeriodSeconds, uid } = options;
      const document = { kind: "DeleteOptions", apiVersion: "meta.k8s.io/v1", ...options };
      const choices = {
        dryRun: false,
        gracePeriodSeconds,
        propagation: propagationPolicy,
        uid,
        resourceVersion: undefined,
        document,
      };
      try {
        await deleteObject(cluster, call, choices);
      } catch (error) {
        if (!(error instanceof ApiError) || error.code !== 404) throw error;
      }
    },
    watch: (key, listener) => {
      const [resource = "", ...group] = key.split(".");
      const about = { group: group.join("."), resource, subresource: "", namespace: "", name: "" };
      for (const verb of ["list", "watch"]) cluster.authorizer.require(user, { ...about, verb });
      count(user.username, `watch ${resource}`);
      return watchKey(cluster, key, listener);
    },
  };
}

type WatchListener = Parameters<Client["watch"]>[1];

/** The store keeps watches by key, so a resource that is served later needs no second try: its objects arrive as ADDED. */
function watchKey(cluster: Cluster, key: string, listener: WatchListener): () => void {
  const { store, registry } = cluster;
  const present = (object: KubeObject): KubeObject => {
    const resource = registry.byKey(key);
    return resource === undefined
      ? object
      : inVersion(resource, object, resource.versions[0] ?? resource.storageVersion);
  };
  const known = registry.byKey(key);
  const stored = known === undefined ? key : keyOfResource(known);
  const revision = store.revision;
  let stopped = false;
  for (const object of store.list(stored, "")) if (!stopped) listener({ type: "ADDED", object: present(object) });
  const stop = store.watch(stored, "", revision, ({ type, object }) => {
    if (!stopped) listener({ type, object: present(object) });
  });
  return () => {
    stopped = true;
    stop();
  };
}

/** The version that the object states, when it is served; else the preferred one, which then refuses it. */
function versionOf(resource: Resource, object: KubeObject): string {
  const stated = object.apiVersion?.slice(object.apiVersion.indexOf("/") + 1);
  return resource.versions.find((version) => version === stated) ?? resource.versions[0] ?? resource.storageVersion;
}

/** The node that a patch of `pods/binding` names. */
function nodeOf(body: unknown): string {
  const node = (body as { spec?: { nodeName?: string } }).spec?.nodeName;
  if (node === undefined) throw badRequest("spec.nodeName: Required value");
  return node;
}

function queryOf(options: { labelSelector?: string; fieldSelector?: string }): URLSearchParams {
  const query = new URLSearchParams();
  if (options.labelSelector !== undefined) query.set("labelSelector", options.labelSelector);
  if (options.fieldSelector !== undefined) query.set("fieldSelector", options.fieldSelector);
  return query;
}

function choicesOf(kind: OptionsKind, options: WriteOptions = {}): WriteChoices {
  const { dryRun = false, fieldManager = "", fieldValidation = "Ignore", force = false } = options;
  return {
    dryRun,
    fieldManager,
    fieldValidation,
    force,
    document: optionsDocument(kind, dryRun ? ["All"] : [], fieldManager, options.fieldValidation ?? ""),
  };
}
