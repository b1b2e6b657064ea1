// A few node types as the catalogue describes them, for tests of the editor's edits.

import type { JsonObject, NodeType } from "../../../app/components/canvas/types";

function type(key: string, ports: string[], more: Partial<NodeType> = {}): NodeType {
  return {
    key, version: 1, category: key.split(".")[0]!, icon: "box", effects: "none", tool: false, trigger: false, has_input: true, passes_input: false,
    title: key, summary: "", sentence: "", params_schema: { properties: {} }, output_schema: null, ports: ports.map((id) => ({ id, label: id })), port_list: null,
    container: null, defaults: {} as JsonObject, ...more,
  };
}

const text = { type: "string", "x-template": "text" as const };

export const TYPES = new Map(
  [
    type("trigger.call", ["out"], { trigger: true, has_input: false }),
    type("trigger.chat", ["out"], { trigger: true, has_input: false }),
    type("ai.llm", ["out"], { params_schema: { properties: { model: { type: "string", widget: "model" }, prompt: text } }, defaults: { model: "demo", prompt: "" } }),
    type("channel.send", ["out", "failed"], { params_schema: { properties: { text } }, defaults: { text: "Hello" } }),
    type("channel.ask", ["answered", "invalid", "timeout"], { params_schema: { properties: { question: text } } }),
    type("logic.set", ["out"]),
    type("logic.if", ["else"], { passes_input: true, port_list: { param: "cases", id_field: "id", label_field: "" } }),
    type("logic.map", ["item", "done"], { container: { port: "item", done: "done" } }),
    type("logic.loop", ["body", "done", "exhausted"], { container: { port: "body", done: "done" } }),
    type("logic.subflow", ["out"], { defaults: { flow: "", input: {} } }),
    type("output.result", [], { params_schema: { properties: { value: {} } } }),
  ].map((each) => [each.key, each]),
);
