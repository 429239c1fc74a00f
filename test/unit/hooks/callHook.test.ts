import assert from "node:assert/strict";
import { createServer } from "node:https";
import { describe, it } from "node:test";
import type { CanaryHook } from "../../../api/index.ts";
import { createAuthority, issueServing } from "../../../certs/issue.ts";
import { callHook, type HookResult, redacted } from "../../../controller/hooks/callHook.ts";
import { createDispatchers } from "../../../controller/hooks/dispatchers.ts";
import { eventPayload, hookPayload } from "../../../controller/hooks/payload.ts";
import { aCanary } from "../aCanary.ts";
import { type FakeClock, fakeClock } from "../fakeClock.ts";
import { type Answer, type FaultyServer, faults, says, startFaultyServer } from "./faultyServer.ts";

const payload = hookPayload(aCanary().build(), "Progressing", { type: "cmd" });
const forever = new AbortController().signal;

interface Run {
  readonly server: FaultyServer;
  readonly clock: WatchedClock;
  readonly call: (hook?: Partial<CanaryHook>, signal?: AbortSignal) => Promise<HookResult>;
}

async function against(answers: readonly Answer[], test: (run: Run) => Promise<void>): Promise<void> {
  const server = await startFaultyServer(...answers);
  const clock = watchedClock();
  try {
    await test({
      server,
      clock,
      call: (hook = {}, signal = forever) =>
        callHook({ name: "gate", url: `${server.url}/gate`, ...hook }, payload, { ...server, clock }, signal),
    });
  } finally {
    await server.close();
  }
}

describe("the body of a hook", () => {
  const canary = aCanary().status({ lastAppliedSpec: "w1:a" }).build();

  it("has the known keys in the known order, and no metadata when there is none", () => {
    assert.deepEqual(Object.keys(hookPayload(canary, "Progressing", { a: "b" })), [
      "name",
      "namespace",
      "phase",
      "checksum",
      "metadata",
    ]);
    assert.equal("metadata" in hookPayload(canary, "Progressing", undefined), false);
    assert.equal("metadata" in hookPayload(canary, "Progressing", {}), false);
  });

  it("tells who made the change beside the user's own metadata, whose keys win; nobody is guessed", () => {
    const release = { revision: "w1:b", user: "jane", groups: ["team-a", "team-b"], manager: "helm" };
    const told = hookPayload(aCanary().status({ release }).build(), "Progressing", { changedBy: "mine", cmd: "true" });
    assert.deepEqual(told.metadata, {
      revision: "w1:b",
      changedBy: "mine",
      changedByGroups: "team-a,team-b",
      changedWith: "helm",
      cmd: "true",
    });
    const unseen = hookPayload(
      aCanary()
        .status({ release: { revision: "w1:c" } })
        .build(),
      "Progressing",
      undefined,
    );
    assert.deepEqual(unseen.metadata, { revision: "w1:c" });
    const next = hookPayload(aCanary().status({ release }).build(), "Waiting", undefined, { revision: "w1:d" });
    assert.deepEqual(next.metadata, { revision: "w1:d" });
  });

  it("has a checksum that follows the revision and the configuration only", () => {
    const checksum = (status: object) => hookPayload(aCanary().status(status).build(), "Waiting", {}).checksum;
    const first = checksum({ lastAppliedSpec: "w1:a" });
    assert.match(first, /^[4-9bcdf]{1,10}$/);
    assert.equal(checksum({ lastAppliedSpec: "w1:a", phase: "Progressing", canaryWeight: 10 }), first);
    assert.notEqual(checksum({ lastAppliedSpec: "w1:b" }), first);
    assert.notEqual(checksum({ lastAppliedSpec: "w1:a", trackedConfigs: { "configmap/a": "1" } }), first);
  });

  it("of an event cannot be spoofed by the user's metadata", () => {
    const event = { type: "Warning", message: "Halt", at: 1767225600000.7 } as const;
    assert.deepEqual(eventPayload(canary, "Progressing", event, { eventType: "Normal", team: "a" }).metadata, {
      team: "a",
      eventMessage: "Halt",
      eventType: "Warning",
      timestamp: "1767225600000",
    });
  });
});

describe("a hook that answers", () => {
  it("gets the payload as JSON by POST", () =>
    against([says(200)], async ({ server, call }) => {
      assert.deepEqual(await call(), { ok: true, message: "" });
      const [seen] = server.calls;
      assert.equal(seen?.method, "POST");
      assert.equal(seen?.headers["content-type"], "application/json");
      assert.equal(seen?.body, JSON.stringify(payload));
    }));

  const verdicts: Record<string, { answer: Answer; want: HookResult | ((url: string) => HookResult) }> = {
    "202 is a yes": { answer: says(202), want: { ok: true, message: "" } },
    "204 is a yes": { answer: says(204), want: { ok: true, message: "" } },
    "403 is a no with its words": {
      answer: says(403, "gate is closed\n"),
      want: { ok: false, message: "gate is closed" },
    },
    "a no without words shows its status": { answer: says(404), want: { ok: false, message: "status 404" } },
    "501 is final, and keeps its words": { answer: says(501, "no"), want: { ok: false, message: "no" } },
    "500 keeps its words too": {
      answer: says(500, "disk full"),
      want: (url) => ({ ok: false, message: `POST ${url}/gate giving up after 1 attempt(s): disk full` }),
    },
    "a redirect to nowhere is a no": { answer: says(304), want: { ok: false, message: "status 304" } },
  };
  for (const [name, { answer, want }] of Object.entries(verdicts)) {
    it(name, () =>
      against([answer], async ({ server, call }) => {
        assert.deepEqual(await call(), typeof want === "function" ? want(server.url) : want);
      }),
    );
  }

  it("with an endless body is cut off", () =>
    against([faults.endlessBody], async ({ call }) => {
      const { ok, message } = await call();
      assert.equal(ok, false);
      assert.equal(message, `${"x".repeat(512)}…`);
    }));

  it("is followed when it moved: with its body for 307, as a GET for 302", () =>
    against(
      [says(307, "", { location: "/one" }), says(302, "", { location: "/two" }), says(200)],
      async ({ server, call }) => {
        assert.equal((await call()).ok, true);
        assert.deepEqual(
          server.calls.map(({ method, path, body }) => [method, path, body.length > 0]),
          [
            ["POST", "/gate", true],
            ["POST", "/one", true],
            ["GET", "/two", false],
          ],
        );
      },
    ));

  it("is not followed in circles", () =>
    against([says(307, "", { location: "/gate" })], async ({ server, call }) => {
      assert.match((await call({ retries: 5 })).message, /stopped after 10 redirects$/);
      assert.equal(server.calls.length, 11);
    }));
});

describe("a hook that fails", () => {
  const broken: Record<string, { answer: Answer; want: RegExp }> = {
    "closes the connection": {
      answer: faults.reset,
      want: /giving up after 1 attempt\(s\): Post ".*": other side closed$/,
    },
    "closes it in the middle": { answer: faults.resetMidBody, want: /giving up after 1 attempt\(s\): Post ".*": / },
  };
  for (const [name, { answer, want }] of Object.entries(broken)) {
    it(`and ${name}, in words`, () =>
      against([answer], async ({ call }) => {
        const { ok, message } = await call();
        assert.equal(ok, false);
        assert.match(message, want);
      }));
  }

  for (const [name, answer] of [
    ["never answers", faults.hang],
    ["never ends its body", faults.slowBody],
  ] as const) {
    it(`and ${name}, is given up at its timeout`, () =>
      against([answer], async ({ server, clock, call }) => {
        const result = call({ timeout: "15s" });
        await server.called(1);
        await clock.advance(14_999);
        assert.equal(clock.pending, 1);
        await clock.advance(1);
        const url = `${server.url}/gate`;
        assert.deepEqual(await result, {
          ok: false,
          message: `POST ${url} giving up after 1 attempt(s): Post "${url}": no answer within 15s`,
        });
      }));
  }

  it("is tried again after 1 s, 2 s, 4 s, and the last words count", () =>
    against([says(503), faults.reset, says(500, "b"), says(500, "last")], async ({ server, clock, call }) => {
      const result = call({ retries: 3 });
      for (const [tries, ms] of [
        [1, 1000],
        [2, 2000],
        [3, 4000],
      ] as const) {
        await clock.pausing(tries);
        await clock.advance(ms - 1);
        assert.equal(server.calls.length, tries);
        await clock.advance(1);
      }
      assert.match((await result).message, /giving up after 4 attempt\(s\): last$/);
      assert.equal(server.calls.length, 4);
    }));

  it("may mend itself", () =>
    against([says(500), says(200)], async ({ clock, call }) => {
      const result = call({ retries: 1 });
      await clock.pausing(1);
      await clock.advance(1000);
      assert.deepEqual(await result, { ok: true, message: "" });
    }));

  const asked: Record<string, { header: string; waitMs: number }> = {
    "in seconds": { header: "7", waitMs: 7000 },
    "as a date": { header: "Thu, 01 Jan 2026 00:00:12 GMT", waitMs: 12_000 },
    "for ever, which is too long": { header: "999999", waitMs: 30_000 },
    "in nonsense": { header: "soon", waitMs: 1000 },
  };
  for (const [name, { header, waitMs }] of Object.entries(asked)) {
    it(`waits as the hook asks ${name}`, () =>
      against([says(429, "", { "retry-after": header }), says(200)], async ({ server, clock, call }) => {
        const result = call({ retries: 1 });
        await clock.pausing(1);
        await clock.advance(waitMs - 1);
        assert.equal(server.calls.length, 1);
        await clock.advance(1);
        assert.equal((await result).ok, true);
      }));
  }

  it("is left at once when we are told to stop during a try", () =>
    against([faults.hang], async ({ server, clock, call }) => {
      const stop = new AbortController();
      const result = call({}, stop.signal);
      await server.called(1);
      stop.abort();
      assert.match((await result).message, /was stopped$/);
      assert.equal(clock.pending, 0);
    }));

  it("is left at once when we are told to stop between two tries", () =>
    against([says(500)], async ({ clock, call }) => {
      const stop = new AbortController();
      const result = call({ retries: 9 }, stop.signal);
      await clock.pausing(1);
      stop.abort();
      assert.equal((await result).ok, false);
      assert.equal(clock.pending, 0);
    }));

  it("and speaks no TLS, in words", () =>
    against([says(200)], async ({ server, call }) => {
      const { message } = await call({ url: server.url.replace("http:", "https:"), retries: 9 });
      assert.match(message, /giving up after 1 attempt\(s\): Post "https:.*": TLS: wrong version number$/);
    }));

  const hopeless: Record<string, string> = {
    "ftp://a.example/": 'unsupported protocol scheme "ftp"',
    nonsense: '"nonsense" is not a URL',
  };
  for (const [url, want] of Object.entries(hopeless)) {
    it(`is not tried again at ${url}`, () =>
      against([], async ({ call }) => {
        const { message } = await call({ url, retries: 50 });
        assert.equal(message, `POST ${url} giving up after 1 attempt(s): Post "${url}": ${want}`);
      }));
  }
});

describe("credentials", () => {
  it("in a URL are sent, and never shown", () =>
    against([says(500)], async ({ server, call }) => {
      const url = server.url.replace("http://", "http://user:s3cret@");
      const { message } = await call({ url });
      assert.doesNotMatch(message, /s3cret/);
      assert.match(message, /user:xxxxx@/);
      assert.equal(server.calls[0]?.headers.authorization, `Basic ${btoa("user:s3cret")}`);
      assert.equal(redacted("http://a.example/x"), "http://a.example/x");
    }));

  it("stay with their host when another one is redirected to", () =>
    against([says(200)], async ({ server: other }) =>
      against([says(307, "", { location: `${other.url}/elsewhere` })], async ({ server, call }) => {
        assert.equal((await call({ url: server.url.replace("http://", "http://user:s3cret@") })).ok, true);
        assert.equal(other.calls[0]?.headers.authorization, undefined);
      }),
    ));
});

describe("the certificate of a hook", () => {
  const payloadOf = hookPayload(aCanary().build(), "Progressing", undefined);

  it("is verified, unless the hook says not to; and a bad one is not tried again", async () => {
    const now = new Date();
    const pair = await issueServing(await createAuthority(now), ["127.0.0.1"], now);
    const server = createServer({ cert: pair.cert, key: pair.key }, (_request, response) => response.end());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const url = `https://127.0.0.1:${typeof address === "object" ? address?.port : 0}/`;
    const outside = { dispatchers: createDispatchers({}), clock: fakeClock() };
    try {
      const strict = await callHook({ name: "gate", url, retries: 9 }, payloadOf, outside, forever);
      assert.equal(strict.ok, false);
      assert.match(strict.message, /giving up after 1 attempt\(s\): Post ".*": .*certificate/);
      const lax = await callHook({ name: "gate", url, disableTLS: true }, payloadOf, outside, forever);
      assert.deepEqual(lax, { ok: true, message: "" });
    } finally {
      await outside.dispatchers.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

describe("a proxy of the environment", () => {
  it("is used for hooks, but not for hosts that are excepted", () =>
    against([says(200)], async ({ server, clock }) => {
      const dispatchers = createDispatchers({ HTTP_PROXY: server.url, NO_PROXY: "127.0.0.1" });
      try {
        const outside = { dispatchers, clock };
        const far = { name: "far", url: "http://gate.demo/check" };
        assert.equal((await callHook(far, payload, outside, forever)).ok, true);
        assert.equal(server.calls[0]?.path, "http://gate.demo/check");
        assert.equal((await callHook({ name: "near", url: `${server.url}/near` }, payload, outside, forever)).ok, true);
        assert.equal(server.calls[1]?.path, "/near");
      } finally {
        await dispatchers.close();
      }
    }));
});

/** A fake clock that also tells when a timer is armed: every try arms one for its deadline and, if there is another, one for the pause. */
interface WatchedClock extends FakeClock {
  /** Resolves once the pause after the given try is armed. */
  pausing(afterTry: number): Promise<void>;
}

function watchedClock(): WatchedClock {
  const clock = fakeClock();
  let armed = 0;
  let waiters: { count: number; resolve: () => void }[] = [];
  return {
    now: clock.now,
    monotonicMs: clock.monotonicMs,
    advance: clock.advance,
    armed: clock.armed,
    get pending() {
      return clock.pending;
    },
    setTimer(ms, run) {
      const cancel = clock.setTimer(ms, run);
      armed++;
      for (const waiter of waiters.filter(({ count }) => armed >= count)) waiter.resolve();
      waiters = waiters.filter(({ count }) => armed < count);
      return cancel;
    },
    pausing: (afterTry) =>
      armed >= 2 * afterTry
        ? Promise.resolve()
        : new Promise((resolve) => waiters.push({ count: 2 * afterTry, resolve })),
  };
}
