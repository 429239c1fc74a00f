import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { startApiServer } from "../../sandbox/apiserver/server.ts";
import { ApiError, type ApiServer, type Client, type KubeObject } from "../../sandbox/apiserver/types.ts";

const definitions = "customresourcedefinitions.apiextensions.k8s.io";
const widgets = "widgets.example.com";

function aDefinition(spec: Record<string, unknown>, names: Record<string, unknown> = {}): KubeObject {
  const plural = (names["plural"] as string | undefined) ?? "widgets";
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.example.com` },
    spec: {
      group: "example.com",
      scope: "Namespaced",
      names: { plural, kind: "Widget", shortNames: ["wg"], categories: ["all"], ...names },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties: spec } } } },
          subresources: { status: {} },
        },
      ],
    },
  };
}

const aWidget = (spec: Record<string, unknown>, name = "w"): KubeObject => ({
  apiVersion: "example.com/v1",
  kind: "Widget",
  metadata: { name, namespace: "default" },
  spec,
});

describe("a CustomResourceDefinition in a running cluster", () => {
  let server: ApiServer;
  let client: Client;
  before(async () => {
    server = await startApiServer({ log: () => undefined });
    client = server.as({ username: "admin", groups: ["system:masters", "system:authenticated"] });
  });
  after(async () => await server.stop());

  /** Resolves when the definition looks as wanted; its status is written in the background. */
  async function definitionWhere(name: string, wanted: (object: KubeObject) => boolean): Promise<KubeObject> {
    const found = Promise.withResolvers<KubeObject>();
    const stop = client.watch(definitions, ({ type, object }) => {
      if (type !== "DELETED" && object.metadata.name === name && wanted(object)) found.resolve(object);
    });
    const object = await found.promise;
    stop();
    return object;
  }

  const conditionOf = (object: KubeObject, type: string) =>
    (object["status"]?.conditions ?? []).find((each: { type: string }) => each.type === type);

  async function gone(key: string, name: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = client.watch(key, ({ type, object }) => {
      if (type === "DELETED" && object.metadata.name === name) resolve();
    });
    if (!client.list(key).some((object) => object.metadata.name === name)) resolve();
    await promise;
    stop();
  }

  it("is served from the moment it is created, says so, and takes its objects along when it goes", async () => {
    await client.create(definitions, aDefinition({ size: { type: "integer", default: 3 } }));
    const created = await client.create(widgets, aWidget({}));
    assert.deepEqual([created["spec"], created.metadata.generation], [{ size: 3 }, 1]);
    const established = await definitionWhere(widgets, (object) => conditionOf(object, "Established") !== undefined);
    assert.equal(conditionOf(established, "Established").status, "True");
    assert.equal(established["status"].acceptedNames.listKind, "WidgetList");
    await client.delete(definitions, "", widgets);
    await gone(definitions, widgets);
    assert.throws(
      () => client.list(widgets),
      (error: unknown) => error instanceof ApiError && error.code === 404,
    );
    await client.create(definitions, aDefinition({ size: { type: "integer" } }));
    assert.deepEqual(client.list(widgets), []);
    await client.delete(definitions, "", widgets);
    await gone(definitions, widgets);
  });

  it("that changes shows stored objects under its new schema, and keeps their resourceVersion", async () => {
    await client.create(definitions, aDefinition({ size: { type: "integer" }, keep: { type: "string" } }));
    const before = await client.create(widgets, aWidget({ size: 1, keep: "x" }));
    const live = await definitionWhere(widgets, (object) => conditionOf(object, "Established") !== undefined);
    const next = structuredClone(live);
    next["spec"].versions[0].schema.openAPIV3Schema.properties.spec.properties = {
      size: { type: "integer" },
      mode: { type: "string", default: "on" },
    };
    await client.update(definitions, next);
    const after = client.get(widgets, "default", "w");
    assert.deepEqual(after?.["spec"], { size: 1, mode: "on" });
    assert.equal(after?.metadata.resourceVersion, before.metadata.resourceVersion);
    await client.delete(definitions, "", widgets);
    await gone(definitions, widgets);
  });

  it("counts changes of the spec in generation, keeps status apart, and writes status by itself", async () => {
    await client.create(definitions, aDefinition({ size: { type: "integer" } }));
    const created = await client.create(widgets, aWidget({ size: 1 }));
    const labelled = await client.update(widgets, {
      ...created,
      metadata: { ...created.metadata, labels: { a: "b" } },
    });
    assert.equal(labelled.metadata.generation, 1);
    const sized = await client.update(widgets, { ...labelled, spec: { size: 2 } });
    assert.equal(sized.metadata.generation, 2);
    const reported = await client.update(widgets, { ...sized, spec: { size: 9 } }, "status");
    assert.deepEqual([reported["spec"], reported.metadata.generation], [{ size: 2 }, 2]);
    await client.delete(definitions, "", widgets);
    await gone(definitions, widgets);
  });

  it("keeps no empty maps and lists in the metadata of its objects, as typed metadata does", async () => {
    await client.create(definitions, aDefinition({}, { plural: "bare", kind: "Bare", shortNames: [] }));
    await definitionWhere("bare.example.com", (object) => conditionOf(object, "Established")?.status === "True");
    const empty = { annotations: {}, labels: {}, finalizers: [], ownerReferences: [] };
    const metadata = { name: "b", namespace: "default", ...empty };
    const { metadata: kept } = await client.create("bare.example.com", { ...aWidget({}), kind: "Bare", metadata });
    for (const field of Object.keys(empty)) assert.equal(kept[field], undefined, field);
  });

  it("whose conversion webhook is not there cannot be written in another version than the stored one", async () => {
    const definition = aDefinition({});
    const [first] = definition["spec"].versions;
    definition["spec"].versions = [first, { ...first, name: "v2", storage: false }];
    const service = { namespace: "default", name: "converter" };
    const webhook = { clientConfig: { service }, conversionReviewVersions: ["v1"] };
    definition["spec"].conversion = { strategy: "Webhook", webhook };
    await client.create(definitions, definition);
    const widget = aWidget({});
    const newer = { ...widget, apiVersion: widget.apiVersion.replace(/v1$/, "v2") };
    await assert.rejects(client.create(widgets, newer), {
      code: 500,
      message: /failed: .*service "converter" not found/,
    });
    await client.delete(definitions, "", widgets);
    await gone(definitions, widgets);
  });

  it("waits with its end for objects that have finalizers", async () => {
    await client.create(definitions, aDefinition({}));
    const held = aWidget({});
    const created = await client.create(widgets, {
      ...held,
      metadata: { ...held.metadata, finalizers: ["test/hold"] },
    });
    await client.delete(definitions, "", widgets);
    const terminating = await definitionWhere(widgets, (object) => object.metadata.deletionTimestamp !== undefined);
    assert.equal(conditionOf(terminating, "Terminating").reason, "InstanceDeletionPending");
    const live = client.get(widgets, "default", "w");
    assert.deepEqual(live?.metadata.finalizers, created.metadata.finalizers);
    await client.patch(widgets, "default", "w", "merge", { metadata: { finalizers: null } });
    await gone(definitions, widgets);
  });

  it("whose names are taken is not served and says why", async () => {
    await client.create(definitions, aDefinition({}));
    await definitionWhere(widgets, (object) => conditionOf(object, "Established") !== undefined);
    const other = aDefinition({}, { plural: "gadgets", singular: "gadget", kind: "Gadget", listKind: "GadgetList" });
    await client.create(definitions, other);
    const refused = await definitionWhere("gadgets.example.com", (object) => conditionOf(object, "NamesAccepted"));
    assert.equal(conditionOf(refused, "NamesAccepted").message, '"wg" is already in use');
    assert.equal(conditionOf(refused, "Established").status, "False");
    assert.throws(() => client.list("gadgets.example.com"));
    await client.delete(definitions, "", "gadgets.example.com");
    await gone(definitions, "gadgets.example.com");
  });
});
