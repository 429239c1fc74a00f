/** A worker that answers reviews, as Weir does or as little as can be. It tells its port, and ends with its parent. */
import { once } from "node:events";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import express from "express";
import type { Pair } from "../../certs/issue.ts";
import { createLogger } from "../../controller/kube/log.ts";
import { createApp } from "../../server/app.ts";
import { contextOf, createWebhookServer } from "../../server/listen.ts";
import { createMetrics } from "../../server/metrics.ts";
import { routes } from "../../server/routes.ts";
import { aCanary, anIndex } from "../unit/mutators/builders.ts";
import { mutatePath } from "./reviews.ts";

export interface Target {
  readonly kind: "weir" | "express" | "https";
  readonly pair: Pair;
}

const answerTo = (uid: string) => ({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  response: { uid, allowed: true },
});

const listeners: Readonly<Record<Target["kind"], () => RequestListener>> = {
  weir: () => {
    const index = anIndex([aCanary()]);
    const log = createLogger({ level: "info", write: () => undefined });
    return createApp({
      routes,
      index: () => index,
      log,
      metrics: createMetrics(),
      mostInFlight: 200,
      draining: () => false,
    });
  },
  express: () => {
    const app = express();
    app.post(mutatePath, express.json({ limit: "7mb" }), (request, response) => {
      response.json(answerTo(request.body.request.uid));
    });
    return app;
  },
  https: () => (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const review = JSON.parse(Buffer.concat(chunks).toString("utf8")) as { request: { uid: string } };
      response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(answerTo(review.request.uid)));
    });
  },
};

const { kind, pair } = workerData as Target;
const server = createWebhookServer(listeners[kind](), contextOf(pair));
server.listen(0, "127.0.0.1");
await once(server, "listening");
parentPort?.postMessage((server.address() as AddressInfo).port);
