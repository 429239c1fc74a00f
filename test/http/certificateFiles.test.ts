import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { Agent, request as send } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { certificateFromFiles } from "../../certs/files.ts";
import { createAuthority, issueServing, type Pair } from "../../certs/issue.ts";
import type { Serving } from "../../certs/serving.ts";
import { createAuthority as createClients } from "../../sandbox/apiserver/x509.ts";
import { readCallers } from "../../server/callers.ts";
import { closeNow } from "../../server/drain.ts";
import { contextOf, createWebhookServer, listen } from "../../server/listen.ts";
import { type Options, readOptions } from "../../server/options.ts";

const now = new Date();
let folder: string;
let authority: Pair;
let pairs: readonly [Pair, Pair];
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "weir-files-"));
  authority = await createAuthority(now);
  pairs = await Promise.all([issueServing(authority, ["127.0.0.1"], now), issueServing(authority, ["127.0.0.1"], now)]);
});
after(() => rm(folder, { recursive: true }));

/** As the kubelet does: a new folder, and a link that is renamed over the old one. */
async function mount(version: string, { cert, key }: Pair): Promise<void> {
  await mkdir(join(folder, version));
  await writeFile(join(folder, version, "tls.crt"), cert);
  await writeFile(join(folder, version, "tls.key"), key);
  await symlink(version, join(folder, "..next"));
  await rename(join(folder, "..next"), join(folder, "..data"));
}

test("a certificate from files is read again when its link is swapped, and a pair that does not fit is not taken", async () => {
  const seen: Serving[] = [];
  const [certFile, keyFile] = [join(folder, "..data", "tls.crt"), join(folder, "..data", "tls.key")];
  const certificates = certificateFromFiles({ certFile, keyFile, renewed: (serving) => void seen.push(serving) });
  await assert.rejects(certificates.settle(false), /are no certificate with its key: ENOENT/);
  const [one, two] = pairs;
  await mount("one", one);
  await certificates.settle(false);
  await certificates.settle(false);
  await mount("mixed", { cert: two.cert, key: one.key });
  await assert.rejects(certificates.settle(false), /are no certificate with its key: /);
  assert.equal(certificates.serving()?.pair.cert, one.cert, "the old one stays");
  await mount("two", two);
  await certificates.settle(false);
  assert.deepEqual(
    seen.map(({ pair }) => pair),
    [one, two],
  );
});

function optionsFor(flags: readonly string[]): Options {
  const options = readOptions(flags);
  assert.ok(options);
  return options;
}

/** Status of a call with this client certificate. */
function call(port: number, client?: Pair): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ keepAlive: false, ca: authority.cert, ...client });
    const asked = send({ host: "127.0.0.1", port, agent, timeout: 20_000 }, (answer) => {
      answer.resume().once("end", () => resolve(answer.statusCode));
    });
    asked.once("error", reject).end();
  });
}

test("with --client-ca-file only holders of its certificates may call, under an allowed name if there are some", async () => {
  const file = join(folder, "clients.pem");
  const clientOf = (clients: ReturnType<typeof createClients>): Pair => {
    const { certificate: cert, key } = clients.issueClient("kube-apiserver", []);
    return { cert, key };
  };
  const clients = createClients("clients", now);
  await writeFile(file, clients.certificate);
  const stranger = clientOf(createClients("others", now));
  for (const [name, want] of [
    ["kube-apiserver", 200],
    ["somebody", 403],
  ] as const) {
    const callers = await readCallers(optionsFor(["--client-ca-file", file, "--client-name", name]));
    assert.ok(callers);
    const server = createWebhookServer(
      (request, response) => response.writeHead(callers.mayCall(request) ? 200 : 403).end(),
      contextOf(pairs[0], callers.ca),
    );
    const port = await listen(server, "127.0.0.1", 0, "--port");
    assert.equal(await call(port, clientOf(clients)), want);
    await assert.rejects(call(port), "without a certificate");
    await assert.rejects(call(port, stranger), "with one of another authority");
    server.setSecureContext(contextOf(pairs[1], callers.ca));
    await assert.rejects(call(port), "nor after the serving certificate was swapped");
    await closeNow(server);
  }
});

test("flags that mean nothing without each other are refused", () => {
  assert.throws(() => readOptions(["--tls-cert-file", "a"]), /belong together/);
  assert.throws(() => readOptions(["--client-name", "a"]), /--client-name needs --client-ca-file/);
  const both = ["--tls-cert-file", "a", "--tls-key-file", "b", "--publish-url", "https://x"];
  assert.throws(() => readOptions(both), /leave out --tls-cert-file/);
});
