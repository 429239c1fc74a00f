import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { Agent, request as send } from "node:https";
import { after, before, test } from "node:test";
import { type AuthorityStore, inMemory, inSecret } from "../../certs/authorityStore.ts";
import { createAuthority, issueServing } from "../../certs/issue.ts";
import { createRotation, type Serving } from "../../certs/serving.ts";
import { closeNow, drain } from "../../server/drain.ts";
import { contextOf, createWebhookServer, listen } from "../../server/listen.ts";
import { secretsInMemory } from "./secrets.ts";

const now = new Date();
const hosts = ["weir-server.weir-system.svc", "127.0.0.1"];
let serving: Serving;
before(async () => {
  serving = await servingFrom(inMemory());
});

async function servingFrom(store: AuthorityStore, at = now): Promise<Serving> {
  const publisher = { read: async () => [], publish: async () => undefined };
  const rotation = createRotation({ store, publisher, hosts, now: () => at });
  await rotation.settle(false);
  const obtained = rotation.serving();
  assert.ok(obtained);
  return obtained;
}

const agents: Agent[] = [];
after(() => {
  for (const agent of agents) agent.destroy();
});

function agentFor(ca: string): Agent {
  const agent = new Agent({ keepAlive: true, ca });
  agents.push(agent);
  return agent;
}

/** The status, and the header that says whether the connection stays. */
function get(
  port: number,
  agent: Agent,
  servername?: string,
): Promise<{ status: number; connection: string | undefined }> {
  return new Promise((resolve, reject) => {
    const name = servername === undefined ? {} : { servername };
    const call = send({ host: "127.0.0.1", port, path: "/", agent, timeout: 5_000, ...name }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, connection: answer.headers.connection }));
    });
    call.on("error", reject);
    call.end();
  });
}

test("callers that trust the published authority get through, by Service name and by address", async () => {
  const server = createWebhookServer((_request, response) => response.end(), contextOf(serving.pair));
  const port = await listen(server, "127.0.0.1", 0, "--port");
  assert.equal((await get(port, agentFor(serving.authority))).status, 200);
  assert.equal((await get(port, agentFor(serving.authority), hosts[0])).status, 200);
  await assert.rejects(get(port, agentFor(serving.authority), "example.com"));
  const stranger = await createAuthority(now);
  await assert.rejects(get(port, agentFor(stranger.cert)));
  await closeNow(server);
});

test("a certificate can be swapped while serving", async () => {
  const next = await servingFrom(inMemory());
  const server = createWebhookServer((_request, response) => response.end(), contextOf(serving.pair));
  const port = await listen(server, "127.0.0.1", 0, "--port");
  const open = agentFor(serving.authority);
  assert.equal((await get(port, open)).status, 200);
  server.setSecureContext(contextOf(next.pair));
  assert.equal((await get(port, open)).status, 200, "an open connection stays");
  assert.equal((await get(port, agentFor(next.authority))).status, 200);
  await closeNow(server);
});

test("a serving certificate is a leaf for servers, with a random serial, and never outlives its authority", async () => {
  const authority = await createAuthority(now);
  const fourAndAHalfYearsOn = new Date(now.getTime() + 4.9 * 365 * 86_400_000);
  const [one, two] = [
    await issueServing(authority, hosts, now),
    await issueServing(authority, hosts, fourAndAHalfYearsOn),
  ];
  const [leaf, late, issuer] = [one.cert, two.cert, authority.cert].map((pem) => new X509Certificate(pem));
  assert.ok(leaf && late && issuer);
  assert.ok(leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey));
  assert.equal(leaf.ca, false);
  assert.deepEqual(leaf.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
  assert.notEqual(leaf.serialNumber, late.serialNumber);
  assert.equal(leaf.serialNumber.length, 32);
  assert.ok(leaf.validFromDate < now, "clocks may be behind");
  assert.equal(late.validToDate.getTime(), issuer.validToDate.getTime());
  assert.ok(leaf.publicKey.asymmetricKeyDetails?.modulusLength === 2048);
});

test("replicas that start together share one authority", async () => {
  const api = secretsInMemory();
  const store = inSecret(api, "weir-system", "weir-server-tls");
  const [one, two] = await Promise.all([servingFrom(store), servingFrom(store)]);
  assert.equal(one.authority, two.authority);
  assert.notEqual(one.pair.cert, two.pair.cert, "each signs a leaf of its own");
  assert.equal((await servingFrom(store)).authority, one.authority, "and a restart finds it");
});

test("an authority whose time is over is replaced", async () => {
  const store = inSecret(secretsInMemory(), "weir-system", "weir-server-tls");
  const first = await servingFrom(store);
  const second = await servingFrom(store, new Date(now.getTime() + 6 * 365 * 86_400_000));
  assert.notEqual(first.authority, second.authority);
});

test("a port in use is told with the flag that chooses another", async () => {
  const server = createWebhookServer(() => undefined, contextOf(serving.pair));
  const port = await listen(server, "127.0.0.1", 0, "--port");
  const other = createWebhookServer(() => undefined, contextOf(serving.pair));
  await assert.rejects(listen(other, "127.0.0.1", port, "--port"), (error: Error) => {
    assert.equal(
      error.message,
      `port ${port} on 127.0.0.1 is in use: stop the other process, or choose another port with --port`,
    );
    return true;
  });
  await closeNow(server);
});

test("a call in flight is answered before the process goes down, and idle connections do not hold it", async () => {
  const { promise: called, resolve: noteCall } = Promise.withResolvers<void>();
  const { promise: release, resolve: letGo } = Promise.withResolvers<void>();
  const server = createWebhookServer((request, response) => {
    noteCall();
    void release.then(() => response.end());
    request.resume();
  }, contextOf(serving.pair));
  const port = await listen(server, "127.0.0.1", 0, "--port");
  const answer = get(port, agentFor(serving.authority));
  await called;
  const drained = drain(server, 0, new AbortController().signal);
  letGo();
  assert.equal((await answer).status, 200);
  await drained;
  await assert.rejects(get(port, agentFor(serving.authority)));
});
