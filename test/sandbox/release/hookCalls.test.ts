import assert from "node:assert/strict";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { type CanaryHook, canaryResource } from "../../../api/index.ts";
import { createAuthority } from "../../../sandbox/apiserver/x509.ts";
import { type Answer, type FaultyServer, faults, says, startFaultyServer } from "../../unit/hooks/faultyServer.ts";
import { type ReleaseCluster, startWeirCluster } from "./cluster.ts";
import { aRelease } from "./manifests.ts";

/** How hooks are called: what a release makes of retries, timeouts, certificates and muted alerts. */
describe("hooks of a release", { concurrency: true }, () => {
  let cluster: ReleaseCluster;
  before(async () => {
    cluster = await startWeirCluster();
  });
  after(() => cluster.stop());

  async function answering(...answers: readonly Answer[]): Promise<FaultyServer> {
    const server = await startFaultyServer(...answers);
    cluster.atEnd.push(() => server.close());
    return server;
  }

  it("one that hangs, then breaks, then answers has answered when its retries allow for it", async () => {
    const namespace = "patient";
    const server = await answering(faults.hang, says(503), says(200));
    const hook: CanaryHook = { name: "load", url: `${server.url}/load`, timeout: "2s", retries: 2 };
    await cluster.bootstrap(aRelease(namespace, { threshold: 1, stepWeight: 50, webhooks: [hook] }));
    await cluster.setImage(namespace, "6.0.1");
    const { status } = await cluster.untilOver(namespace);
    assert.deepEqual([status?.phase, status?.failedChecks], ["Succeeded", 0]);
    const [first, second, third] = server.calls;
    assert.ok(third !== undefined);
    assert.deepEqual(
      [second, third].map((call) => call?.body),
      [first?.body, first?.body],
    );
    assert.ok(!cluster.told.of(namespace).some((message) => message.includes("external check")));
  });

  it("one that breaks oftener than its retries allow for is a failed check, and says how often it was called", async () => {
    const namespace = "hasty";
    const server = await answering(says(503, "starting"));
    const hook: CanaryHook = { name: "load", url: `${server.url}/load`, retries: 1 };
    await cluster.bootstrap(aRelease(namespace, { threshold: 1, stepWeight: 50, webhooks: [hook] }));
    await cluster.setImage(namespace, "6.0.1");
    assert.equal((await cluster.untilOver(namespace)).status?.phase, "Failed");
    const text = `Halt podinfo.${namespace} advancement external check load failed POST ${server.url}/load giving up after 2 attempt(s)`;
    await cluster.untilTold(namespace, text);
    assert.equal(server.calls.length, 2);
  });

  it("one that refuses is not called again before the next round, whatever its retries", async () => {
    const namespace = "refusing";
    const server = await answering(says(403, "not today"), says(200));
    const hook: CanaryHook = { name: "load", url: `${server.url}/load`, retries: 5 };
    await cluster.bootstrap(aRelease(namespace, { stepWeight: 50, webhooks: [hook] }));
    await cluster.setImage(namespace, "6.0.1");
    await cluster.untilOver(namespace);
    await cluster.untilTold(namespace, `Halt podinfo.${namespace} advancement external check load failed not today`);
  });

  it("a gate with a certificate that nobody vouches for stays closed, until the hook says that it need not be verified", async () => {
    const namespace = "unverified";
    const identity = createAuthority("nobody knows", new Date()).issueServer([], ["127.0.0.1"]);
    let calls = 0;
    const server = createServer({ cert: identity.certificate, key: identity.key }, (_request, response) => {
      calls += 1;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cluster.atEnd.push(
      () => new Promise((resolve) => server.close(resolve)),
      async () => server.closeAllConnections(),
    );
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/gate`;
    const gate: CanaryHook = { name: "gate", type: "confirm-rollout", url };
    await cluster.bootstrap(aRelease(namespace, { stepWeight: 50, webhooks: [gate] }));
    await cluster.setImage(namespace, "6.0.1");
    await cluster.untilPhase(namespace, "Waiting");
    assert.equal(calls, 0);
    const ref = { resource: canaryResource, namespace, name: "podinfo" };
    await cluster.api.mergePatch(ref, { spec: { analysis: { webhooks: [{ ...gate, disableTLS: true }] } } });
    assert.equal((await cluster.untilOver(namespace)).status?.phase, "Succeeded");
    assert.ok(calls > 0);
  });

  const gates = ["confirm-rollout", "confirm-traffic-increase", "confirm-promotion"] as const;
  for (const muteAlert of [false, true])
    it(`closed gates are ${muteAlert ? "not told to a chat when their alerts are muted" : "told to a chat, each once"}`, async () => {
      const namespace = muteAlert ? "muted" : "loud";
      const told: string[] = [];
      const over = Promise.withResolvers<void>();
      const server = await answering(
        closedAtFirst((text) => {
          told.push(text);
          if (text.endsWith("promotion finished.")) over.resolve();
        }),
      );
      await cluster.addNamespace(namespace);
      await cluster.apply({
        apiVersion: "flagger.app/v1beta1",
        kind: "AlertProvider",
        metadata: { name: "chat", namespace },
        spec: { type: "msteams", address: `${server.url}/chat` },
      });
      const webhooks = gates.map((type) => ({ name: type, type, url: `${server.url}/${type}`, muteAlert }));
      const alerts = [{ name: "chat", providerRef: { name: "chat" } }];
      await cluster.bootstrap(aRelease(namespace, { stepWeight: 50, webhooks, alerts }));
      await cluster.setImage(namespace, "6.0.1");
      assert.equal((await cluster.untilOver(namespace)).status?.phase, "Succeeded");
      await over.promise;
      for (const gate of gates) assert.ok(server.calls.filter(({ path }) => path === `/${gate}`).length >= 2, gate);
      const waits = [
        "Canary is waiting for approval.",
        "Canary traffic increase is waiting for approval.",
        "Canary promotion is waiting for approval.",
      ];
      assert.deepEqual(
        told.filter((text) => text.includes("waiting")),
        muteAlert ? [] : waits,
      );
    });
});

/** Gates refuse their first call; a chat listens. */
function closedAtFirst(listen: (text: string) => void): Answer {
  const known = new Set(["/chat"]);
  return (call, response) => {
    if (call.path === "/chat") listen(JSON.parse(call.body).sections[0].activityTitle);
    const isOpen = known.has(call.path);
    known.add(call.path);
    says(isOpen ? 200 : 403)(call, response);
  };
}
