// The editor's libraries lie beside the environment, where `scripts/tsc` installs them, not beside its sources.

import { mock } from "bun:test";
import { resolve } from "node:path";

const dagre = require(resolve(import.meta.dir, "../../../.venv/typescript/node_modules/@dagrejs/dagre")) as { default?: unknown };
mock.module("@dagrejs/dagre", () => ({ default: dagre.default ?? dagre }));
