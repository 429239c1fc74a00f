/**
 * The same with a kubectl of 2020, as Debian 11 and 12 have it. It knows no aggregated discovery, no OpenAPI 3 and no
 * streaming lists, and checks manifests by itself.
 */
import { join } from "node:path";
import { describeStories } from "./kubectl/suite.ts";
import { findProgram, tools } from "./program.ts";

const remedy = "let WEIR_KUBECTL_120 name a kubectl 1.20 (that of the kubernetes-client of Debian 11 or 12)";
const path = findProgram(process.env["WEIR_KUBECTL_120"] ?? join(tools, "usr/bin/kubectl"));
describeStories("kubectl 1.20", path, remedy);
