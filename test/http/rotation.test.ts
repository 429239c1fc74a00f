/** Two replicas rotate their authority while they are called by somebody who learns of a new bundle a minute late. */
import assert from "node:assert/strict";
import { Agent, type Server, request as send } from "node:https";
import { after, before, test } from "node:test";
import { type AuthorityStore, authorityOf, inSecret } from "../../certs/authorityStore.ts";
import { createAuthority } from "../../certs/issue.ts";
import { type Authority, bundleOf } from "../../certs/plan.ts";
import { createRotation, type Rotation } from "../../certs/serving.ts";
import { closeNow } from "../../server/drain.ts";
import { contextOf, createWebhookServer, listen } from "../../server/listen.ts";
import { secretsInMemory } from "./secrets.ts";

const hosts = ["127.0.0.1"];
const secondMs = 1000;
const yearMs = 365 * 86_400 * secondMs;
const learnsAfterMs = 60 * secondMs;

/** Four of its five years are over. */
let aged: Authority;
before(async () => {
  const authority = authorityOf(await createAuthority(new Date(Date.now() - 4 * yearMs)));
  assert.ok(authority);
  aged = authority;
});

class Crash extends Error {}

/** A cluster of two replicas; the first dies right after its step number `crashAfter`, and is started again. */
class World {
  readonly store: AuthorityStore = inSecret(secretsInMemory(), "weir-system", "weir-server-tls");
  readonly steps: string[] = [];
  readonly failures: string[] = [];
  calls = 0;
  nowMs = Date.now();
  #published: { readonly bundle: string; readonly atMs: number }[] = [];
  readonly #replicas: { readonly server: Server; readonly port: number; readonly open: Agent; rotation: Rotation }[] =
    [];
  readonly #crashAfter: number;
  #crashed = false;

  constructor(crashAfter: number) {
    this.#crashAfter = crashAfter;
  }

  get bundle(): string {
    return this.#published.at(-1)?.bundle ?? "";
  }

  async start(): Promise<void> {
    await this.store.write({ current: aged }, { authorities: undefined });
    this.#published = [{ bundle: bundleOf({ current: aged }), atMs: 0 }];
    for (const index of [0, 1]) {
      const server = createWebhookServer((_request, response) => response.end());
      const port = await listen(server, "127.0.0.1", 0, "--port");
      this.#replicas.push({
        server,
        port,
        open: new Agent({ keepAlive: true }),
        rotation: this.#rotation(index, server),
      });
    }
    for (const index of this.#replicas.keys()) await this.#settleReplica(index, false);
  }

  async #settleReplica(index: number, publishing: boolean): Promise<void> {
    const replica = this.#replicas[index];
    assert.ok(replica);
    try {
      await replica.rotation.settle(publishing);
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      if (publishing) await this.callAll();
      replica.rotation = this.#rotation(index, replica.server);
      await replica.rotation.settle(publishing);
    }
  }

  #rotation(index: number, server: Server): Rotation {
    const noted = (step: string) => {
      this.steps.push(step);
      if (index === 0 && !this.#crashed && this.#crashAfter > 0 && this.steps.length >= this.#crashAfter) {
        this.#crashed = true;
        throw new Crash(step);
      }
    };
    return createRotation({
      store: this.store,
      hosts,
      now: () => new Date(this.nowMs),
      publisher: {
        read: async () => [this.bundle],
        publish: async (bundle) => void this.#published.push({ bundle, atMs: this.nowMs }),
      },
      renewed: ({ pair }) => server.setSecureContext(contextOf(pair)),
      stepped: noted,
    });
  }

  /** Both replicas take what steps there are, while calls go on. */
  async settle(): Promise<void> {
    let over = false;
    const load = (async () => {
      do await this.callAll();
      while (!over);
    })();
    for (const index of this.#replicas.keys()) await this.#settleReplica(index, true);
    over = true;
    await load;
    await this.callAll();
  }

  /** Each replica by a connection that is open, and by a new one that trusts what was published a minute ago. */
  async callAll(): Promise<void> {
    const ca = this.#published.findLast(({ atMs }) => atMs <= this.nowMs - learnsAfterMs)?.bundle ?? "";
    for (const { port, open } of this.#replicas) {
      for (const agent of [open, new Agent({ keepAlive: false })]) {
        this.calls += 1;
        await call(port, agent, ca).catch((error: Error) => this.failures.push(error.message));
      }
    }
  }

  async stop(): Promise<void> {
    for (const { server, open } of this.#replicas) {
      open.destroy();
      await closeNow(server);
    }
  }
}

function call(port: number, agent: Agent, ca: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = send({ host: "127.0.0.1", port, agent, ca, timeout: 20_000 }, (answer) => {
      answer.resume().once("end", resolve);
    });
    asked.once("error", reject).end();
  });
}

async function rotate(crashAfter: number): Promise<World> {
  const world = new World(crashAfter);
  worlds.push(world);
  await world.start();
  await world.settle();
  world.nowMs += 121 * secondMs;
  await world.settle();
  // The last leaf of the old authority ends long after this test: its time is told to be over.
  const kept = await world.store.read();
  const { authorities } = kept;
  assert.ok(authorities?.previous, "the old authority stays trusted");
  await world.store.write(
    { ...authorities, previous: { ...authorities.previous, until: new Date(world.nowMs) } },
    kept,
  );
  await world.settle();
  return world;
}

const worlds: World[] = [];
after(() => Promise.all(worlds.map((world) => world.stop())));

const order = "reissue reissue prepare publish note promote reissue reissue drop publish".split(" ");

for (let crashAfter = 0; crashAfter <= order.length; crashAfter += 1) {
  const name = crashAfter === 0 ? "without a crash" : `with a crash after step ${crashAfter}, ${order[crashAfter - 1]}`;
  test(`an authority is rotated ${name}, and no call fails`, async () => {
    const world = await rotate(crashAfter);
    assert.deepEqual(world.failures, []);
    assert.ok(world.calls > 20);
    const { authorities } = await world.store.read();
    assert.ok(authorities && authorities.next === undefined && authorities.previous === undefined);
    assert.notEqual(authorities.current.cert, aged.cert);
    assert.equal(world.bundle.trim(), authorities.current.cert.trim());
    if (crashAfter === 0) assert.deepEqual(world.steps, order);
  });
}
