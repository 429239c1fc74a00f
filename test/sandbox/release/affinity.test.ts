import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Browser, openBrowser } from "./clients.ts";
import { type ReleaseCluster, startWeirCluster } from "./cluster.ts";
import { aRelease } from "./manifests.ts";

const [old, good, bad] = ["6.0.0", "6.0.1", "6.0.2-error"];

async function untilNobodyCarriesOne(people: readonly Browser[]): Promise<void> {
  await Promise.all(people.map((one) => one.until("no cookie", () => Object.keys(one.cookies()).length === 0)));
}

describe("session affinity behind the gateway", () => {
  let cluster: ReleaseCluster;
  before(async () => {
    cluster = await startWeirCluster();
  });
  after(() => cluster.stop());

  const browsers = (host: string): readonly Browser[] =>
    Array.from({ length: 8 }, () => openBrowser(cluster, { host }));

  it("who met the canary stays on it while weights rise, and afterwards the cookie is taken away", async () => {
    const sessionAffinity = {
      cookieName: "flagger-cookie",
      maxAge: 21600,
      httpOnly: true,
      path: "/",
      sameSite: "Lax",
      domain: "sticky.example.com",
      partitioned: true,
      secure: true,
    } as const;
    await cluster.bootstrap(aRelease("sticky", { sessionAffinity, maxWeight: 60, stepWeight: 20 }));
    const people = browsers("sticky.example.com");
    const strangers = cluster.visit("sticky.example.com");
    await cluster.setImage("sticky", good);
    await cluster.until("the first share", () => cluster.routed("sticky") === 20);
    const cookie = cluster.canary("sticky").status?.sessionAffinityCookie ?? "";
    assert.match(cookie, /^flagger-cookie=[0-9a-f]{20}$/);
    await cluster.untilPhase("sticky", "Promoting");
    const promoting = Date.now();
    assert.equal(cluster.canary("sticky").status?.sessionAffinityCookie, cookie, "one cookie for the whole release");
    const { status } = await cluster.untilOver("sticky");
    assert.equal(status?.phase, "Succeeded");
    assert.equal(status?.previousSessionAffinityCookie, cookie);
    await untilNobodyCarriesOne(people);
    await Promise.all([strangers.stop(), ...people.map((one) => one.stop())]);

    const converts = people.filter(({ replies }) => replies.some(({ setCookie }) => setCookie.length > 0));
    assert.ok(converts.length > 0, "nobody met the canary");
    for (const { replies } of people) {
      const versions = replies.map(({ version }) => version);
      const first = versions.indexOf(good);
      assert.deepEqual([...new Set(versions.slice(0, first))], [old]);
      assert.deepEqual([...new Set(versions.slice(first))], [good], "nobody goes back to the old version");
    }
    const handedOut = new Set(people.flatMap(({ replies }) => replies.flatMap(({ setCookie }) => setCookie)));
    const attributes = "Domain=sticky.example.com; HttpOnly; Partitioned; Path=/; SameSite=Lax; Secure";
    assert.deepEqual([...handedOut], [`${cookie}; Max-Age=21600; ${attributes}`, `${cookie}; Max-Age=-1`]);
    // Who carries no cookie is split by the weights, up to the end.
    const late = strangers.hits.filter(({ sentAt }) => sentAt > promoting - 1000 && sentAt < promoting);
    assert.deepEqual([...new Set(late.map(({ version }) => version))].sort(), [old, good]);
    assert.ok(strangers.hits.every(({ ok }) => ok));
  });

  it("the next release has another cookie; a rollback takes it away with the version", async () => {
    const before = cluster.canary("sticky").status?.previousSessionAffinityCookie;
    const people = browsers("sticky.example.com");
    const check = { name: "error-rate", url: "http://flagger-loadtester.sticky/gate/halt" };
    await cluster.apply(
      aRelease("sticky", { sessionAffinity: { cookieName: "flagger-cookie" }, stepWeight: 50, webhooks: [check] }),
    );
    await cluster.setImage("sticky", bad);
    await cluster.until("the share", () => cluster.routed("sticky") === 50);
    const during = cluster.canary("sticky").status?.sessionAffinityCookie ?? "";
    assert.notEqual(during, before);
    await cluster.untilOver("sticky");
    await cluster.until("all traffic on the primary", () => cluster.routed("sticky") === 0);
    const turned = Date.now();
    await cluster.untilTargetIsEmpty("sticky");
    await untilNobodyCarriesOne(people);
    await Promise.all(people.map((one) => one.stop()));
    const carriers = people.filter(({ replies }) => replies.some(({ setCookie }) => setCookie[0]?.startsWith(during)));
    assert.ok(carriers.length > 0, "nobody met the canary");
    const later = people.flatMap(({ replies }) => replies.filter(({ sentAt }) => sentAt >= turned));
    assert.deepEqual(
      later.filter(({ version }) => version !== good),
      [],
    );
  });

  it("GW-6: with a cookie of the primary both sides stay, each as long as its cookie lives; the canary's is taken away in the end", async () => {
    const sessionAffinity = { cookieName: "sid", primaryCookieName: "psid" };
    await cluster.bootstrap(aRelease("both", { sessionAffinity }));
    const people = browsers("both.example.com");
    await cluster.setImage("both", good);
    await cluster.untilPhase("both", "Promoting");
    const promoting = Date.now();
    const { status } = await cluster.untilOver("both");
    await Promise.all(people.map((one) => one.until("no cookie of the canary", () => !("sid" in one.cookies()))));
    await Promise.all(people.map((one) => one.stop()));
    const takenAway = people.flatMap((one) => one.replies).flatMap(({ setCookie }) => setCookie);
    assert.ok(takenAway.includes(`${status?.previousSessionAffinityCookie}; Max-Age=-1`));
    const replies = people.flatMap((one) => one.replies).filter(({ sentAt }) => sentAt < promoting);
    const [onCanary, onPrimary] = [
      replies.filter(({ carried }) => "sid" in carried),
      replies.filter(({ carried }) => "psid" in carried && !("sid" in carried)),
    ];
    assert.ok(onCanary.length > 0 && onPrimary.length > 0, `${onCanary.length} and ${onPrimary.length}`);
    assert.deepEqual([...new Set(onCanary.map(({ version }) => version))], [good]);
    assert.deepEqual([...new Set(onPrimary.map(({ version }) => version))], [old]);
    const primary = replies.flatMap(({ setCookie }) => setCookie).find((line) => line.startsWith("psid="));
    assert.equal(primary, `${status?.primarySessionAffinityCookie}; Max-Age=1`);
  });
});
