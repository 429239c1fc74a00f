import { fieldsOfMessage, type ProtobufField } from "./protobufKinds.ts";

/** The envelope of Kubernetes protobuf begins with this. */
const magic = Buffer.from("k8s\0");

/** Thrown for bytes that are no protobuf, or of a kind that has no table. */
export class UnreadableProtobuf extends Error {}

/** Reads a request body in `application/vnd.kubernetes.protobuf` as the JSON object it stands for. */
export function readKubernetesProtobuf(body: Buffer): Record<string, unknown> {
  if (!body.subarray(0, 4).equals(magic)) throw new UnreadableProtobuf("does not start with the k8s prefix");
  let apiVersion = "";
  let kind = "";
  let raw: Buffer = Buffer.alloc(0);
  for (const { number, bytes } of fieldsIn(body.subarray(4))) {
    if (number === 1) {
      for (const part of fieldsIn(bytes)) {
        if (part.number === 1) apiVersion = part.bytes.toString();
        if (part.number === 2) kind = part.bytes.toString();
      }
    }
    if (number === 2) raw = bytes;
  }
  const message = fieldsOfMessage(kind) === undefined ? `${kind} ${apiVersion}` : kind;
  return { apiVersion, kind, ...readMessage(raw, message) };
}

type Json = Record<string, unknown>;

function readMessage(bytes: Buffer, message: string): Json {
  const fields = fieldsOfMessage(message);
  if (fields === undefined) throw new UnreadableProtobuf(`no table for ${message}`);
  const object: Json = {};
  for (const part of fieldsIn(bytes)) {
    const field = fields.get(part.number);
    if (field !== undefined) place(object, field, part);
  }
  return object;
}

function place(object: Json, field: ProtobufField, part: Part): void {
  const { name, shape } = field;
  if (shape === "map") {
    const [key, value] = readEntry(part.bytes, field.type);
    object[name] = { ...(object[name] as Json | undefined), [key]: value };
  } else if (shape === "list") {
    object[name] = [...((object[name] as unknown[] | undefined) ?? []), readValue(part, field.type)];
  } else {
    const value = readValue(part, field.type);
    if (field.keepZero || !isZero(value)) object[name] = value;
  }
}

function readEntry(bytes: Buffer, type: string): [string, unknown] {
  let key = "";
  let value: unknown = type === "s" || type === "y" ? "" : undefined;
  for (const part of fieldsIn(bytes)) {
    if (part.number === 1) key = part.bytes.toString();
    if (part.number === 2) value = readValue(part, type);
  }
  return [key, value];
}

function readValue(part: Part, type: string): unknown {
  switch (type) {
    case "s":
      return part.bytes.toString();
    case "y":
      return part.bytes.toString("base64");
    case "i":
      return Number(BigInt.asIntN(64, part.varint));
    case "b":
      return part.varint !== 0n;
    case "Quantity":
      return readMessage(part.bytes, type)["string"] ?? "0";
    case "IntOrString": {
      const { type: isText, intVal = 0, strVal = "" } = readMessage(part.bytes, type);
      return isText === 1 ? strVal : intVal;
    }
    default:
      return readMessage(part.bytes, type);
  }
}

function isZero(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === "" || value === 0 || value === false;
}

interface Part {
  readonly number: number;
  readonly varint: bigint;
  readonly bytes: Buffer;
}

/** The fields of a message as they stand on the wire. */
function* fieldsIn(message: Buffer): Iterable<Part> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at++];
      if (byte === undefined) throw new UnreadableProtobuf("ends in the middle of a number");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new UnreadableProtobuf("a number has no end");
  };
  const take = (length: number): Buffer => {
    const bytes = message.subarray(at, at + length);
    if (bytes.length < length) throw new UnreadableProtobuf("ends in the middle of a field");
    at += length;
    return bytes;
  };
  const empty = Buffer.alloc(0);
  while (at < message.length) {
    const tag = varint();
    const number = Number(tag >> 3n);
    switch (tag & 7n) {
      case 0n:
        yield { number, varint: varint(), bytes: empty };
        break;
      case 1n:
        yield { number, varint: 0n, bytes: take(8) };
        break;
      case 2n:
        yield { number, varint: 0n, bytes: take(Number(varint())) };
        break;
      case 5n:
        yield { number, varint: 0n, bytes: take(4) };
        break;
      default:
        throw new UnreadableProtobuf(`wire type ${tag & 7n}`);
    }
  }
}
