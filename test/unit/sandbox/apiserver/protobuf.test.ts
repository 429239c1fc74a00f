import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { readKubernetesProtobuf, UnreadableProtobuf } from "../../../../sandbox/apiserver/protobuf.ts";

function field(number: number, value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
}

function varint(number: number, value: number): Buffer {
  return Buffer.from([number * 8, value]);
}

function envelope(apiVersion: string, kind: string, raw: Buffer): Buffer {
  const type = Buffer.concat([field(1, apiVersion), field(2, kind)]);
  return Buffer.concat([Buffer.from("k8s\0"), field(1, type), field(2, raw), field(3, ""), field(4, "")]);
}

describe("protobuf bodies", () => {
  it("are read as the objects they stand for", () => {
    const label = field(11, Buffer.concat([field(1, "team"), field(2, "web")]));
    const metadata = Buffer.concat([field(1, "demo"), field(2, ""), label, field(8, "")]);
    const body = envelope("v1", "Namespace", Buffer.concat([field(1, metadata), field(2, ""), field(3, "")]));
    assert.deepEqual(readKubernetesProtobuf(body), {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "demo", labels: { team: "web" } },
    });
  });

  it("keep a zero where zero is not the same as absent", () => {
    const spec = Buffer.concat([varint(1, 0), varint(5, 0), varint(7, 0)]);
    const body = envelope("apps/v1", "Deployment", field(2, spec));
    assert.deepEqual(readKubernetesProtobuf(body)["spec"], { replicas: 0 });
  });

  it("give bytes in base64 and ports by number or name", () => {
    const data = field(2, Buffer.concat([field(1, "key"), field(2, Buffer.from([0, 255]))]));
    const secret = readKubernetesProtobuf(envelope("v1", "Secret", data));
    assert.deepEqual(secret["data"], { key: "AP8=" });
    const named = field(4, Buffer.concat([varint(1, 1), varint(2, 0), field(3, "http")]));
    const numbered = field(4, Buffer.concat([varint(1, 0), varint(2, 80), field(3, "")]));
    const spec = Buffer.concat([field(1, named), field(1, numbered)]);
    const service = readKubernetesProtobuf(envelope("v1", "Service", field(2, spec)));
    assert.deepEqual(service["spec"], { ports: [{ targetPort: "http" }, { targetPort: 80 }] });
  });

  it("are refused, not misread, when they are of an unknown kind or no protobuf", () => {
    assert.throws(() => readKubernetesProtobuf(envelope("v1", "Nope", Buffer.alloc(0))), UnreadableProtobuf);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        for (const body of [Buffer.from(bytes), envelope("apps/v1", "Deployment", Buffer.from(bytes))]) {
          try {
            readKubernetesProtobuf(body);
          } catch (error) {
            assert.ok(error instanceof UnreadableProtobuf, String(error));
          }
        }
      }),
    );
  });
});
