import assert from "node:assert/strict";
import { test } from "node:test";
import type { Analysis, Canary, RawObject, Severity } from "../../api/index.ts";
import type { Api } from "../../controller/kube/api.ts";
import { type Clock, systemClock } from "../../controller/kube/clock.ts";
import { createOutbox } from "../../controller/outbox.ts";
import { parseSettings, type Settings } from "../../controller/settings.ts";
import { createTellers, type Tellers } from "../../controller/tellers.ts";
import { aCanary } from "./aCanary.ts";
import { fakeClock } from "./fakeClock.ts";
import { type Answer, type FaultyServer, faults, says, startFaultyServer } from "./hooks/faultyServer.ts";

interface Run {
  readonly server: FaultyServer;
  readonly tellers: Tellers;
  /** What could not be told. */
  readonly complaints: string[];
  /** Resolves when everything is told or given up. */
  readonly told: () => Promise<void>;
}

interface World {
  readonly clock?: Clock;
  readonly answers?: readonly Answer[];
  /** By the address of the receiver. */
  readonly objects?: (url: string) => readonly RawObject[];
  readonly flags?: (url: string) => readonly string[];
}

async function telling(
  { answers = [says(200)], objects = () => [], flags = () => [], clock = fakeClock() }: World,
  test: (run: Run) => Promise<void>,
) {
  const server = await startFaultyServer(...answers);
  const complaints: string[] = [];
  const outbox = createOutbox(clock);
  const stored = objects(server.url);
  const api = {
    get: async ({ resource, namespace, name }) =>
      stored.find(
        ({ kind, metadata }) => kind === resource.kind && metadata.namespace === namespace && metadata.name === name,
      ),
  } as Pick<Api, "get"> as Api;
  const settings = parseSettings([...flags(server.url)]) as Settings;
  const complain = (_canary: Canary, text: string) => void complaints.push(text);
  const tellers = createTellers({ api, outbox, settings, dispatchers: server.dispatchers, clock, complain });
  try {
    await test({ server, tellers, complaints, told: () => outbox.stop(60_000) });
  } finally {
    await server.close();
  }
}

const provider = (name: string, spec: object, namespace = "demo"): RawObject => ({
  apiVersion: "flagger.app/v1beta1",
  kind: "AlertProvider",
  metadata: { name, namespace },
  spec,
});

const secret = (name: string, texts: Readonly<Record<string, string>>, namespace = "demo"): RawObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace },
  data: Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString("base64")])),
});

const canaryWith = (analysis: Partial<Analysis>): Canary => aCanary().analysis(analysis).build();
const alertTo = (name: string, severity?: "" | Severity, namespace?: string) => ({
  name: `to ${name}`,
  ...(severity === undefined ? {} : { severity }),
  providerRef: { name, ...(namespace === undefined ? {} : { namespace }) },
});
const news = (severity: Severity, message = "news") => ({ severity, message, detailed: false });
const pathsOf = (server: FaultyServer) => server.calls.map(({ path }) => path).toSorted();

test("an alert goes to those who want to hear of it; silent severity hears everything", () =>
  telling(
    {
      objects: (url) =>
        ["silent", "empty", "info", "warn", "error"].map((name) =>
          provider(name, { type: "rocket", address: `${url}/${name}` }),
        ),
    },
    async ({ server, tellers, told, complaints }) => {
      const canary = canaryWith({
        alerts: [
          alertTo("silent"),
          alertTo("empty", ""),
          alertTo("info", "info"),
          alertTo("warn", "warn"),
          alertTo("error", "error"),
        ],
      });
      for (const severity of ["info", "warn", "error"] as const) tellers.alert(canary, news(severity));
      await told();
      const count = (name: string) => server.calls.filter(({ path }) => path === `/${name}`).length;
      assert.deepEqual(["silent", "empty", "info", "warn", "error"].map(count), [3, 3, 3, 2, 1]);
      assert.deepEqual(complaints, []);
    },
  ));

test("a provider of another namespace is not even read where that is switched off", () =>
  telling(
    {
      objects: (url) => [
        provider("chat", { type: "rocket", address: `${url}/here` }),
        provider("chat", { type: "rocket", address: `${url}/elsewhere` }, "shared"),
      ],
      flags: () => ["-no-cross-namespace-refs"],
    },
    async ({ server, tellers, told, complaints }) => {
      const alerts = [alertTo("chat", "info", "shared"), alertTo("chat", "info", "demo"), alertTo("chat", "info")];
      tellers.alert(canaryWith({ alerts }), news("info"));
      await told();
      assert.deepEqual(pathsOf(server), ["/here", "/here"]);
      assert.deepEqual(complaints, []);
    },
  ));

test("address and token come from the Secret in the provider's namespace", () =>
  telling(
    {
      objects: (url) => [
        provider("chat", { type: "slack", channel: "ops", secretRef: { name: "login" } }, "shared"),
        secret("login", { address: `${url}/api/chat.postMessage\n`, token: "xoxb-1" }, "shared"),
      ],
    },
    async ({ server, tellers, told }) => {
      tellers.alert(canaryWith({ alerts: [alertTo("chat", "info", "shared")] }), news("info"));
      await told();
      const [call] = server.calls;
      assert.equal(call?.path, "/api/chat.postMessage");
      assert.equal(call?.headers["authorization"], "Bearer xoxb-1");
      const body = JSON.parse(call?.body ?? "") as Record<string, unknown>;
      assert.deepEqual([body["channel"], body["username"]], ["ops", "flagger"]);
    },
  ));

test("a proxy named by the provider is used", () =>
  telling(
    { objects: (url) => [provider("chat", { type: "gchat", address: "http://chat.demo/hook", proxy: url })] },
    async ({ server, tellers, told }) => {
      tellers.alert(canaryWith({ alerts: [alertTo("chat")] }), news("info"));
      await told();
      assert.equal(server.calls[0]?.path, "http://chat.demo/hook");
    },
  ));

test("canaries without alerts of their own use the global one; the others do not", () =>
  telling(
    {
      objects: (url) => [provider("own", { type: "rocket", address: `${url}/own` })],
      flags: (url) => [`-slack-url=${url}/slack`, "-slack-channel=ops", "-cluster-name=east"],
    },
    async ({ server, tellers, told }) => {
      tellers.alert(canaryWith({}), news("info"));
      tellers.alert(canaryWith({ alerts: [alertTo("own")] }), news("info"));
      await told();
      assert.deepEqual(pathsOf(server), ["/own", "/slack"]);
      assert.match(server.calls.find(({ path }) => path === "/slack")?.body ?? "", /"title":"Cluster","value":"east"/);
    },
  ));

const unsendable: readonly (readonly [string, object | undefined, RegExp])[] = [
  ["a provider that is missing", undefined, /^Alert to chat to chat\.demo failed: alertproviders "chat" not found$/],
  ["a Secret that is missing", { type: "slack", secretRef: { name: "no" } }, /failed: secrets "no" not found$/],
  ["a provider without an address", { type: "slack" }, /failed: it has no address$/],
  ["an address that is none, which may be a secret", { type: "slack", address: "T0KEN" }, /the address is no URL$/],
];
for (const [what, spec, text] of unsendable) {
  test(`${what} is told once, however often it fails`, () =>
    telling(
      { objects: () => (spec === undefined ? [] : [provider("chat", spec)]) },
      async ({ tellers, told, complaints }) => {
        const canary = canaryWith({ alerts: [alertTo("chat")] });
        for (let count = 0; count < 3; count++) tellers.alert(canary, news("info"));
        await told();
        assert.equal(complaints.length, 1);
        assert.match(complaints[0] ?? "", text);
        assert.doesNotMatch(complaints[0] ?? "", /T0KEN/);
      },
    ));
}

test("a chat that fails is tried three times, then it is told, without its address", () =>
  telling(
    {
      clock: systemClock,
      answers: [says(503, "try later", { "retry-after": "0" })],
      objects: (url) => [provider("chat", { type: "slack", address: `${url}/services/T0KEN` })],
    },
    async ({ server, tellers, told, complaints }) => {
      tellers.alert(canaryWith({ alerts: [alertTo("chat")] }), news("info"));
      await told();
      assert.equal(server.calls.length, 3);
      assert.deepEqual(complaints, [
        "Alert to chat to chat.demo failed: sending notification bad response 503: try later",
      ]);
    },
  ));

test("a receiver that hangs holds up nobody else, and is given up at its deadline", () => {
  const clock = fakeClock();
  const world: World = {
    clock,
    answers: [faults.hang],
    objects: (url) => [provider("chat", { type: "slack", address: `${url}/hangs` })],
  };
  return telling(world, async ({ server, tellers, told, complaints }) => {
    const event = { name: "log", type: "event", url: `${server.url}/events`, timeout: "1s" } as const;
    const canary = canaryWith({ alerts: [alertTo("chat")], webhooks: [event] });
    tellers.alert(canary, news("info"));
    tellers.event(canary, "Progressing", { type: "Normal", message: "one", at: 0 });
    await server.called(2);
    assert.deepEqual(pathsOf(server), ["/events", "/hangs"]);
    await clock.advance(1_000);
    while (complaints.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(complaints.length, 1);
    assert.match(complaints[0] ?? "", /^Event hook log failed POST .* no answer within 1s$/);
    const ended = told();
    await clock.advance(60_000);
    await ended;
  });
});

test("event hooks hear every event in order; all of them; and the global one only where there is none", () =>
  telling({ flags: (url) => [`-event-webhook=${url}/global`] }, async ({ server, tellers, told }) => {
    const hook = (name: string, metadata?: Record<string, string>) =>
      ({ name, type: "event", url: `${server.url}/${name}`, ...(metadata === undefined ? {} : { metadata }) }) as const;
    const own = canaryWith({ webhooks: [hook("a", { team: "shop", eventType: "forged" }), hook("b")] });
    for (const message of ["one", "two", "three"])
      tellers.event(own, "Progressing", { type: "Normal", message, at: 5 });
    tellers.event(canaryWith({}), "Failed", { type: "Warning", message: "four", at: 6 });
    await told();
    const heard = (path: string) =>
      server.calls.filter((call) => call.path === path).map(({ body }) => JSON.parse(body) as Record<string, unknown>);
    const metadata = { team: "shop", eventMessage: "one", eventType: "Normal", timestamp: "5" };
    assert.deepEqual(heard("/a")[0]?.["metadata"], metadata);
    for (const path of ["/a", "/b"])
      assert.deepEqual(
        heard(path).map((body) => (body["metadata"] as Record<string, string>)["eventMessage"]),
        ["one", "two", "three"],
      );
    const [global, ...others] = heard("/global");
    assert.deepEqual(others, []);
    assert.equal(global?.["phase"], "Failed");
    assert.deepEqual(global?.["metadata"], { eventMessage: "four", eventType: "Warning", timestamp: "6" });
  }));

test("a receiver that hangs for ever is owed a bounded number of calls; the rest is dropped and told once", () =>
  telling({ answers: [faults.hang] }, async ({ server, tellers, complaints }) => {
    const canary = canaryWith({ webhooks: [{ name: "log", type: "event", url: `${server.url}/` }] });
    for (let count = 0; count < 300; count++)
      tellers.event(canary, "Progressing", { type: "Normal", message: `${count}`, at: 0 });
    assert.deepEqual(complaints, ["Event hook log failed 100 calls wait already, this one is dropped"]);
  }));
