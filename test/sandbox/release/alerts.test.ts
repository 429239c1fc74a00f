/** Who made the change, and what becomes of it, told to chats, hooks, the status and the events: on a cluster, from end to end. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { annotations, type RawObject } from "../../../api/index.ts";
import { type FaultyServer, faults, says, startFaultyServer } from "../../unit/hooks/faultyServer.ts";
import { type ReleaseCluster, startReleaseCluster } from "./cluster.ts";
import { aRelease } from "./manifests.ts";
import type { Stoppable } from "./weir.ts";

interface Heard {
  readonly phase: string;
  readonly metadata: Readonly<Record<string, string>>;
}

describe("alerts and event hooks", () => {
  let cluster: ReleaseCluster;
  let server: Stoppable;
  let receiver: FaultyServer;
  let deaf: FaultyServer;
  before(async () => {
    cluster = await startReleaseCluster();
    [receiver, deaf] = await Promise.all([startFaultyServer(says(200)), startFaultyServer(faults.hang)]);
    cluster.atEnd.push(
      () => receiver.close(),
      () => deaf.close(),
    );
    [server] = await Promise.all([cluster.startServer(), cluster.startController({ flags: ["--cluster-name=east"] })]);
    await cluster.addNamespace("told");
    await cluster.apply(...supplies());
    await cluster.bootstrap(
      aRelease("told", {
        alerts: [
          { name: "chat", providerRef: { name: "chat" } },
          { name: "failures", severity: "error", providerRef: { name: "teams" } },
          { name: "nobody", providerRef: { name: "missing" } },
        ],
        webhooks: [
          { name: "log", type: "event", url: `${receiver.url}/events`, metadata: { changedWith: "ours" } },
          { name: "deaf", type: "event", url: `${deaf.url}/events`, timeout: "30s" },
          { name: "watch", type: "confirm-rollout", url: `${receiver.url}/gate` },
        ],
      }),
    );
    await cluster.setImage("told", "6.0.1");
    await cluster.untilPhase("told", "Succeeded");
    await cluster.untilTold("told", "Promotion completed!");
    await cluster.until("the last alert", () => chat().length >= 3);
  });
  after(() => cluster.stop());

  function supplies(): RawObject[] {
    const provider = (name: string, spec: object): RawObject => ({
      apiVersion: "flagger.app/v1beta1",
      kind: "AlertProvider",
      metadata: { name, namespace: "told" },
      spec,
    });
    const data = { address: Buffer.from(`${receiver.url}/chat`).toString("base64") };
    return [
      { apiVersion: "v1", kind: "Secret", metadata: { name: "chat", namespace: "told" }, data },
      provider("chat", { type: "slack", secretRef: { name: "chat" } }),
      provider("teams", { type: "msteams", address: `${receiver.url}/teams` }),
    ];
  }

  const heard = <T>(path: string): T[] =>
    receiver.calls.filter((call) => call.path === path).map(({ body }) => JSON.parse(body) as T);

  interface Attachment {
    readonly text: string;
    readonly fields: readonly { readonly title: string; readonly value: string }[];
  }
  const chat = () =>
    heard<{ readonly attachments: readonly Attachment[] }>("/chat").flatMap((body) => body.attachments);
  const author = "admin with kubectl-set";

  it("tell a chat of the beginning and the end, with who changed the target; failures alone go where only they are wanted", () => {
    assert.deepEqual(
      chat().map(({ text, fields }) => [text, fields.find(({ title }) => title === "Changed by")?.value]),
      [
        ["New Deployment detected, initialization completed.", undefined],
        ["New revision detected, progressing canary analysis.", author],
        ["Canary analysis completed successfully, promotion finished.", author],
      ],
    );
    assert.deepEqual(
      chat()[1]?.fields.map(({ title }) => title),
      ["Cluster", "Target", "Failed checks threshold", "Progress deadline", "Traffic routing", "Changed by"],
    );
    assert.deepEqual(heard("/teams"), []);
  });

  it("tell a hook every event in its order, with the known phases; a hook that hangs holds up nothing", () => {
    const events = heard<Heard>("/events").map(({ phase, metadata }) => `${phase}: ${metadata["eventMessage"]}`);
    const milestones = [
      ": all the metrics providers are available!",
      "Initialized: Initialization done! podinfo.told",
      "Initialized: Confirm-rollout check watch passed",
      "Progressing: New revision detected! Scaling up podinfo.told",
      "Progressing: Starting canary analysis for podinfo.told",
      "Progressing: Advance podinfo.told canary weight 25",
      "Progressing: Advance podinfo.told canary weight 50",
      "Progressing: Copying podinfo.told template spec to podinfo-primary.told",
      "Promoting: Routing all traffic to primary",
      "Succeeded: Promotion completed! Scaling down podinfo.told",
    ];
    assert.deepEqual(
      events.filter((event) => milestones.includes(event)),
      milestones,
      events.join("\n"),
    );
    assert.equal(deaf.calls.length, 1);
  });

  it("carry the author beside the user's own metadata, at the gate before the release too", () => {
    const { user, groups, manager, revision, time } = cluster.canary("told").status?.release ?? {};
    assert.deepEqual([user, groups, manager], ["admin", ["system:masters"], "kubectl-set"]);
    assert.ok(revision !== undefined && time !== undefined);
    const [gate] = heard<Heard>("/gate");
    assert.deepEqual(gate?.metadata, {
      revision,
      changedAt: time,
      changedBy: "admin",
      changedByGroups: "system:masters",
      changedWith: "kubectl-set",
    });
    const event = heard<Heard>("/events").find(({ metadata }) => metadata["eventMessage"]?.startsWith("Promotion"));
    assert.equal(event?.metadata["changedBy"], "admin");
    assert.equal(event?.metadata["changedWith"], "ours");
  });

  it("mark the events that begin and end a release with its author, and no others; their texts stay", () => {
    const marked = cluster.look
      .list("events", "told")
      .filter(({ metadata }) => metadata.annotations?.[annotations.changedBy] === "admin")
      .map((event) => String(event["message"]));
    assert.deepEqual(marked.toSorted(), [
      "New revision detected! Scaling up podinfo.told",
      "Promotion completed! Scaling down podinfo.told",
    ]);
  });

  it("tell of a provider that is missing once", () => {
    const text = 'Alert nobody to missing.told failed: alertproviders "missing" not found';
    assert.equal(cluster.told.of("told").filter((message) => message === text).length, 1);
  });

  it("name nobody for a change that no webhook saw", async () => {
    await server.stop();
    await cluster.setImage("told", "6.0.2");
    await cluster.until("the next release", () => chat().length >= 4);
    const { revision, replicas, ...author } = cluster.canary("told").status?.release ?? {};
    assert.ok(revision !== undefined && replicas !== undefined);
    assert.deepEqual(author, {});
    assert.equal(
      chat()[3]?.fields.some(({ title }) => title === "Changed by"),
      false,
    );
  });
});
