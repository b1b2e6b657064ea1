// A node traded for one of another type: it keeps its name, its place, the params that both know, and its edges
// where the new type has a port for them. Pure.

import { batch } from "./edits";
import { isContainer, type Types } from "./frames";
import { mainPort } from "./structure";
import type { Flow, FlowEdge, FlowNode, JsonObject, NodeType, Op, Schema } from "./types";

export interface Replaced {
  op: Op;
  // How many edges found no port.
  lost: number;
}

const portsOfType = (type: NodeType, params: JsonObject): Set<string> => {
  const ids = type.ports.map((port) => port.id);
  const list = type.port_list === null ? undefined : params[type.port_list.param];
  for (const item of Array.isArray(list) ? list : []) {
    const id = (item as JsonObject | null)?.[type.port_list!.id_field];
    if (typeof id === "string") ids.push(id);
  }
  return new Set(ids);
};

const shape = (schema: Schema | undefined) => JSON.stringify([schema?.type, schema?.enum, schema?.["x-template"], schema?.widget, schema?.items?.type]);

function sharedParams(node: FlowNode, before: NodeType | undefined, after: NodeType): JsonObject {
  const params: JsonObject = structuredClone(after.defaults);
  for (const [name, schema] of Object.entries(after.params_schema.properties ?? {})) {
    const value = node.params?.[name];
    if (value !== undefined && shape(schema) === shape(before?.params_schema.properties?.[name])) params[name] = value;
  }
  return params;
}

export function replaced(flow: Flow, types: Types, id: string, type: NodeType): Replaced | null {
  const nodes = flow.nodes ?? [];
  const index = nodes.findIndex((node) => node.id === id);
  const node = nodes[index];
  if (node === undefined || node.type === type.key) return null;
  const before = types.get(node.type);
  const params = sharedParams(node, before, type);
  const fresh: FlowNode = { ...node, type: type.key, v: type.version, params };
  const ports = portsOfType(type, params);
  if (node.policy?.on_error === "port") ports.add("error");
  const carried = (edge: FlowEdge): FlowEdge | null => {
    if (edge.target === id) return type.has_input ? edge : null;
    const port = edge.source_port ?? "out";
    if (before?.container?.port === port) return type.container === null ? null : { ...edge, source_port: type.container.port };
    if (ports.has(port) && port !== type.container?.port) return edge;
    const main = mainPort(type, fresh);
    return port === mainPort(before, node) && main !== null ? { ...edge, source_port: main } : null;
  };
  const touched = (flow.edges ?? []).flatMap((edge, at) => (edge.source === id || edge.target === id ? [{ edge: carried(edge), at }] : []));
  const place = flow.view?.nodes?.[id];
  const body = nodes.filter((each) => each.parent === id);
  const stays = type.container !== null;
  const ops: Op[] = [];
  // What stood in a container that is none any more stands where the container stood.
  if (!stays) for (const each of body) ops.push({ op: "node.reparent", id: each.id, parent: node.parent ?? null });
  ops.push({ op: "node.remove", id, ...(body.length > 0 && stays && isContainer(node, types) ? { restore: true } : {}) });
  ops.push({ op: "node.add", node: fresh, index, ...(place === undefined ? {} : { position: stays ? place : { x: place.x, y: place.y } }) });
  for (const { edge, at } of touched) if (edge !== null) ops.push({ op: "edge.add", edge, index: at });
  for (const group of flow.view?.groups ?? []) {
    if (group.nodes?.includes(id)) ops.push({ op: "group.update", id: group.id, fields: { nodes: group.nodes } });
  }
  return { op: batch(ops)!, lost: touched.filter(({ edge }) => edge === null).length };
}
