/** The example with certificates of cert-manager, as kubectl makes it of its parts. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { loadAll } from "js-yaml";
import { fieldsOf, itemsOf, type RawObject } from "../../api/index.ts";
import { readOptions } from "../../server/options.ts";
import { findProgram, run } from "./program.ts";
import { skipLoudly } from "./target.ts";

const program = findProgram("kubectl");
const skip = program === undefined && skipLoudly("the example of cert-manager", "install kubectl");

describe("the example of cert-manager", { skip }, () => {
  let objects: readonly RawObject[];
  const named = (kind: string, name: string): RawObject => {
    const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
    assert.ok(found, `${kind} ${name}`);
    return found;
  };
  const specOf = (kind: string, name: string) => fieldsOf(named(kind, name)["spec"]);
  const pod = () => fieldsOf(fieldsOf(specOf("Deployment", "weir-server")["template"])["spec"]);

  before(async () => {
    const folder = join(import.meta.dirname, "../../examples/cert-manager");
    const { stdout, stderr, exit } = await run({ program: program ?? "", args: ["kustomize", folder] });
    assert.equal(exit, 0, stderr);
    objects = loadAll(stdout) as RawObject[];
  });

  test("the server takes its flags, and reads the files where the Secret of the certificate is mounted", () => {
    const [container] = itemsOf(pod()["containers"]);
    assert.ok(container);
    const [command, ...flags] = container["args"] as string[];
    assert.equal(command, "server");
    const { tlsFiles } = readOptions(flags) ?? {};
    const [volume] = itemsOf(pod()["volumes"]);
    const [mount] = itemsOf(container["volumeMounts"]);
    assert.equal(mount?.["name"], volume?.["name"]);
    assert.deepEqual(tlsFiles, {
      certFile: `${mount?.["mountPath"]}/tls.crt`,
      keyFile: `${mount?.["mountPath"]}/tls.key`,
    });
    assert.equal(fieldsOf(volume?.["secret"])["secretName"], specOf("Certificate", "weir-server")["secretName"]);
  });

  test("the certificate has the name that webhooks are called by, and both configurations get its authority", () => {
    const { dnsNames } = specOf("Certificate", "weir-server");
    for (const kind of ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"]) {
      const { metadata, webhooks } = named(kind, "weir");
      assert.equal(metadata.annotations?.["cert-manager.io/inject-ca-from"], "weir-system/weir-server");
      for (const webhook of itemsOf(webhooks)) {
        const { name, namespace } = fieldsOf(fieldsOf(webhook["clientConfig"])["service"]);
        assert.ok((dnsNames as string[]).includes(`${name}.${namespace}.svc`));
      }
    }
  });

  test("every issuer that is named is there", () => {
    for (const { kind, metadata } of objects.filter((object) => object.kind === "Certificate"))
      named("Issuer", String(fieldsOf(specOf(kind, metadata.name)["issuerRef"])["name"]));
  });
});
