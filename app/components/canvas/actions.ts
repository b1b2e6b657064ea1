// What can be done to a selection: one list for the bar above it, the context menu and the keyboard.

import {
  AlignCenterHorizontal, AlignCenterVertical, AlignEndHorizontal, AlignEndVertical, AlignHorizontalSpaceAround, AlignStartHorizontal,
  AlignStartVertical, AlignVerticalSpaceAround, Ban, CheckCircle2, Copy, Group, LogOut, Plus, Replace, ScanSearch, Trash2, Ungroup, Wand2,
  Workflow, type LucideIcon,
} from "lucide-react";
import { aligned, distributed, type Axis, type Side } from "./align";
import { rectOf, type CanvasInstance } from "./dropTargets";
import { batch, fragment, paste, remove } from "./edits";
import { inside, type Types } from "./frames";
import { GROUP_PREFIX, NOTE_PREFIX } from "./groups";
import { arranged } from "./layout";
import { dropped, enabledAll, setEnabled, shifted, type Move } from "./structure";
import type { FlowStore } from "./sync";
import type { Translate } from "./text";
import type { Flow, Op, Position } from "./types";
import type { AnyNode, CanvasModel } from "./useCanvas";

export interface Selection {
  nodes: string[];
  notes: string[];
  groups: string[];
  edges: string[];
}

export interface Action {
  id: string;
  label: string;
  icon: LucideIcon;
  run: () => void;
  keys?: string;
  // Actions of one part stand together.
  part: "node" | "align" | "arrange" | "flow" | "remove";
}

export interface Hands {
  canvas: CanvasInstance;
  model: CanvasModel;
  store: FlowStore;
  types: Types;
  t: Translate;
  say: (message: string) => void;
  onSelect: (ids: string[]) => void;
  // Ask for a node type, at a place on the screen or where the thing itself is.
  askReplace: (id: string, screen?: Position) => void;
  askInsert: (edge: string, screen?: Position) => void;
  peek: (id: string) => void;
  extract: (ids: string[]) => void;
}

export function selectionOf(all: readonly AnyNode[], edges: readonly { id: string; selected?: boolean }[]): Selection {
  const chosen = all.filter((node) => node.selected);
  const of = (type: AnyNode["type"], prefix = "") => chosen.filter((node) => node.type === type).map((node) => node.id.slice(prefix.length));
  return {
    nodes: [...of("frame"), ...of("card")],
    notes: of("note", NOTE_PREFIX),
    groups: of("cluster", GROUP_PREFIX),
    edges: edges.filter((edge) => edge.selected).map((edge) => edge.id),
  };
}

// Without what is inside of a chosen container: it goes along anyway.
export function outermost(flow: Flow, ids: readonly string[]): string[] {
  const within = new Set(ids.flatMap((id) => [...inside(flow, id)]));
  return ids.filter((id) => !within.has(id));
}

const SIDES: readonly { side: Side; icon: LucideIcon; keys: string }[] = [
  { side: "left", icon: AlignStartVertical, keys: "Alt A" },
  { side: "centre", icon: AlignCenterVertical, keys: "Alt H" },
  { side: "right", icon: AlignEndVertical, keys: "Alt D" },
  { side: "top", icon: AlignStartHorizontal, keys: "Alt W" },
  { side: "middle", icon: AlignCenterHorizontal, keys: "Alt V" },
  { side: "bottom", icon: AlignEndHorizontal, keys: "Alt S" },
];

export function tidy({ canvas, model, store }: Pick<Hands, "canvas" | "model" | "store">, only?: readonly string[]): boolean {
  const { flow } = store.getSnapshot();
  const measured = (node: { id: string }) => rectOf(canvas, node.id) ?? { width: 248, height: 84 };
  const places = arranged(flow, { sizeOf: measured, ...(only === undefined ? {} : { only: new Set(only) }) });
  const ops = [...places].flatMap(([id, { x, y }]): Op[] => {
    const now = flow.view?.nodes?.[id];
    const sized = now?.width !== undefined || now?.height !== undefined;
    if (now !== undefined && now.x === x && now.y === y && !sized) return [];
    return [{ op: "node.move", id, x, y, ...(sized ? { width: null, height: null } : {}) }];
  });
  const op = batch(ops);
  if (op === null) return false;
  model.glide();
  return store.dispatch(op);
}

export function duplicate({ model, store, onSelect }: Pick<Hands, "model" | "store" | "onSelect">, ids: readonly string[]): void {
  const { flow } = store.getSnapshot();
  const part = fragment(flow, ids);
  const places = Object.values(part.places);
  if (places.length === 0) return;
  const at = { x: Math.min(...places.map(({ x }) => x)) + 40, y: Math.min(...places.map(({ y }) => y)) + 60 };
  const pasted = paste(flow, part, at, true);
  if (pasted === null) return;
  model.select(pasted.ids);
  if (store.dispatch(pasted.op)) onSelect(pasted.ids);
}

export function actionsFor(selection: Selection, hands: Hands): Action[] {
  const { store, t, canvas, types } = hands;
  const { flow } = store.getSnapshot();
  const { nodes, notes, groups, edges } = selection;
  const found: Action[] = [];
  const add = (part: Action["part"], id: string, icon: LucideIcon, run: () => void, keys?: string) =>
    found.push({ id, label: t(`action.${id}`), icon, run, part, ...(keys === undefined ? {} : { keys }) });
  const [only] = nodes.length === 1 && notes.length + groups.length === 0 ? nodes : [];
  const node = (flow.nodes ?? []).find((each) => each.id === only);
  const [edge] = edges.length === 1 && nodes.length + notes.length + groups.length === 0 ? edges : [];
  if (edge !== undefined) add("node", "insert", Plus, () => hands.askInsert(edge));
  if (node?.type === "logic.subflow" && typeof node.params?.["flow"] === "string" && node.params["flow"] !== "") add("node", "peek", ScanSearch, () => hands.peek(node.id), "Alt Enter");
  if (nodes.length > 0) {
    const on = enabledAll(flow, nodes);
    const op = () => setEnabled(store.getSnapshot().flow, nodes, !on);
    add("node", on ? "disable" : "enable", on ? Ban : CheckCircle2, () => dispatch(hands, op()), "D");
    if (node !== undefined) add("node", "replace", Replace, () => hands.askReplace(node.id), "R");
    add("node", "duplicate", Copy, () => duplicate(hands, nodes), "Ctrl D");
    const inFrame = outermost(flow, nodes).filter((id) => (flow.nodes ?? []).find((each) => each.id === id)?.parent);
    if (inFrame.length > 0) add("node", "take_out", LogOut, () => takeOut(hands, inFrame));
  }
  const movable = [...outermost(flow, nodes), ...notes.map((id) => NOTE_PREFIX + id)];
  if (movable.length > 1) {
    const boxes = () => movable.flatMap((id) => { const rect = rectOf(canvas, id); return rect === null ? [] : [{ id, rect }]; });
    for (const { side, icon, keys } of SIDES) add("align", `align_${side}`, icon, () => shift(hands, aligned(boxes(), side)), keys);
    const spread = (axis: Axis) => () => shift(hands, distributed(boxes(), axis));
    if (movable.length > 2) {
      add("align", "distribute_across", AlignHorizontalSpaceAround, spread("across"), "Alt Shift H");
      add("align", "distribute_down", AlignVerticalSpaceAround, spread("down"), "Alt Shift V");
    }
  }
  if (nodes.length > 1 || (node !== undefined && types.get(node.type)?.container)) add("arrange", "tidy_selection", Wand2, () => tidy(hands, nodes), "Shift L");
  if (nodes.length > 0) {
    add("arrange", "group", Group, () => group(hands, nodes), "Ctrl G");
    if (nodes.some((id) => !types.get((flow.nodes ?? []).find((each) => each.id === id)?.type ?? "")?.trigger)) add("arrange", "extract", Workflow, () => hands.extract(nodes), "Ctrl Alt G");
  }
  const around = (flow.view?.groups ?? []).filter((each) => groups.includes(each.id) || nodes.some((id) => each.nodes?.includes(id)));
  if (around.length > 0) add("arrange", "ungroup", Ungroup, () => dispatch(hands, batch(around.map(({ id }) => ({ op: "group.remove", id })))), "Ctrl Shift G");
  if (nodes.length + notes.length + groups.length + edges.length === 0) add("flow", "tidy_all", Wand2, () => tidy(hands), "Shift L");
  else add("remove", "remove", Trash2, () => dispatch(hands, removal(store.getSnapshot().flow, selection)), "Del");
  return found;
}

export function removal(flow: Flow, { nodes, notes, groups, edges }: Selection): Op | null {
  const gone = remove(flow, nodes, edges, notes);
  return batch([...(gone === null ? [] : [gone]), ...groups.map((id): Op => ({ op: "group.remove", id }))]);
}

function dispatch({ store }: Pick<Hands, "store">, op: Op | null): void {
  if (op !== null) store.dispatch(op);
}

function shift(hands: Hands, moves: Move[]): void {
  const op = batch(shifted(hands.store.getSnapshot().flow, moves));
  if (op === null) return;
  hands.model.glide();
  hands.store.dispatch(op);
}

function group({ store }: Hands, nodes: readonly string[]): void {
  const taken = new Set((store.getSnapshot().flow.view?.groups ?? []).map((each) => each.color ?? "sand"));
  const color = ["blue", "jade", "violet", "amber", "red", "sand"].find((each) => !taken.has(each)) ?? "blue";
  store.dispatch({ op: "group.add", group: { id: `group_${crypto.randomUUID().slice(0, 8)}`, title: "", nodes: [...nodes], color } });
}

// Out of its frame, to the right of it, into what is around.
function takeOut({ store, types, canvas, model, say, t }: Hands, ids: readonly string[]): void {
  const { flow } = store.getSnapshot();
  const nodes = new Map((flow.nodes ?? []).map((each) => [each.id, each]));
  const [first] = ids;
  const frame = first === undefined ? undefined : nodes.get(first)?.parent;
  if (frame == null) return;
  const [rect, own] = [rectOf(canvas, frame), rectOf(canvas, first!)];
  if (rect === null || own === null) return;
  const by = { x: Math.round((rect.x + rect.width + 60 - own.x) / 20) * 20, y: 0 };
  const { op, cut } = dropped(flow, types, ids.map((id) => ({ id, by })), nodes.get(frame)?.parent ?? null);
  if (op === null) return;
  model.glide();
  store.dispatch(op);
  if (cut > 0) say(t("frame.cut", { count: cut }));
}
