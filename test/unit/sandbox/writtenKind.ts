import { recordUpdate } from "../../../sandbox/apiserver/apply/managedFields.ts";
import { serverSideApply } from "../../../sandbox/apiserver/apply/serverSideApply.ts";
import { builtinResources } from "../../../sandbox/apiserver/builtin/resources.ts";
import { applyJsonPatch } from "../../../sandbox/apiserver/patch/json.ts";
import { applyMergePatch } from "../../../sandbox/apiserver/patch/merge.ts";
import { applyStrategicPatch } from "../../../sandbox/apiserver/patch/strategic.ts";
import { ApiError, apiVersionOf, clone, type KubeObject, type Resource } from "../../../sandbox/apiserver/types.ts";
import type { Step } from "./recordings.ts";

export function resourceOf(plural: string): Resource {
  const resource = builtinResources().find((each) => each.plural === plural);
  if (resource === undefined) throw new Error(`no built-in resource ${plural}`);
  return resource;
}

const now = new Date("2026-01-01T00:00:00Z");

/** One object of a built-in kind, written step by step: what a request does between decoding and storage, and no more. */
export class WrittenKind {
  live: KubeObject | undefined;
  readonly #resource: Resource;
  readonly #version: string;

  constructor(plural: string, version = "v1") {
    this.#resource = resourceOf(plural);
    this.#version = version;
  }

  /** Plays a recorded request. Returns the object it leaves, or throws as the API server refuses. */
  play(step: Step): KubeObject {
    const subresource = step.path?.endsWith("/status") === true ? "status" : undefined;
    const manager = step.query?.["fieldManager"] ?? step.headers?.["User-Agent"]?.split("/")[0] ?? "unknown";
    const type = step.headers?.["Content-Type"] ?? "";
    const body: unknown = clone(step.body ?? JSON.parse(step.bodyText ?? "null"));
    if (type === "application/apply-patch+yaml") {
      return this.#finish(this.#applied(body as KubeObject, manager, step.query?.["force"] === "true"), subresource);
    }
    const next = this.#defaulted(this.#stated(type, step.method ?? "", body));
    if (this.live !== undefined) this.#resource.strategy.prepareForUpdate(next, this.live, subresource);
    const schema = this.#resource.strategy.schema(this.#version);
    const owned = recordUpdate({
      live: this.live,
      next,
      manager,
      schema,
      subresource,
      now,
      apiVersion: this.#apiVersion(),
    });
    return this.#finish(owned, subresource);
  }

  #apiVersion(): string {
    return apiVersionOf(this.#resource.group, this.#version);
  }

  #stated(type: string, method: string, body: unknown): KubeObject {
    if (method !== "PATCH" || this.live === undefined) {
      const stated = body as KubeObject;
      const { uid, managedFields } = this.live?.metadata ?? {};
      return this.live === undefined
        ? stated
        : { ...stated, metadata: { uid, managedFields, ...stated.metadata } as KubeObject["metadata"] };
    }
    switch (type) {
      case "application/json-patch+json":
        return applyJsonPatch(this.live, body);
      case "application/merge-patch+json":
        return applyMergePatch(clone(this.live), body);
      default:
        return applyStrategicPatch(this.live, body, this.#resource.strategy.schema(this.#version) ?? { type: "any" });
    }
  }

  #applied(applied: KubeObject, manager: string, force: boolean): KubeObject {
    const schema = this.#resource.strategy.schema(this.#version);
    const input = { live: this.live, applied, manager, force, schema, now, apiVersion: this.#apiVersion() };
    return this.#defaulted(clone(serverSideApply(input)));
  }

  #defaulted(object: KubeObject): KubeObject {
    const { strategy } = this.#resource;
    const problem = strategy.decodeProblem?.(object, this.#version);
    if (problem !== undefined) throw new ApiError(400, "BadRequest", problem);
    strategy.prune(object, this.#version);
    strategy.setDefaults(object, this.#version);
    return object;
  }

  #finish(object: KubeObject, subresource: string | undefined): KubeObject {
    const { strategy } = this.#resource;
    if (this.live === undefined) {
      strategy.prepareForCreate(object);
      object.metadata.uid = "the-uid";
    } else strategy.prepareForUpdate(object, this.live, subresource);
    const [error] = strategy.validate(object, this.live, subresource);
    if (error !== undefined) throw new ApiError(422, "Invalid", `${error.field}: ${error.message}`);
    this.live = object;
    return clone(object);
  }
}
