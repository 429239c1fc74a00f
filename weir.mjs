#!/usr/bin/env node
// Plain JavaScript on purpose: the compiled form of every TypeScript file is kept from here on, so that after the first start the type
// stripper (20 MB of memory) is not loaded any more. A file in TypeScript would need it before it could say so.
import { enableCompileCache } from "node:module";
import { join } from "node:path";

enableCompileCache(process.env.NODE_COMPILE_CACHE ?? join(import.meta.dirname, ".weir", "compile-cache"));
await import("./weir.ts");
