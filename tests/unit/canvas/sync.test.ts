import { afterEach, describe, expect, test } from "bun:test";
import { MemoryShelf, type Shelf } from "../../../app/components/canvas/shelf";
import { FlowStore } from "../../../app/components/canvas/sync";
import type { Flow, Op } from "../../../app/components/canvas/types";
import { Server } from "./server";

const FLOW: Flow = {
  schema: "flow/1",
  nodes: [{ id: "a", type: "t", title: "A", params: { text: "one" } }, { id: "b", type: "t", params: {} }],
  edges: [{ id: "e1", source: "a", target: "b" }],
  view: { nodes: { a: { x: 0, y: 0 } } },
};
const title = (id: string, text: string): Op => ({ op: "node.set_title", id, title: text });

const stores: FlowStore[] = [];
let clock = 0;

async function opened(server: Server, clientId = "c1", shelf: Shelf = new MemoryShelf()): Promise<FlowStore> {
  const store = new FlowStore({ flowId: "f", api: server, shelf: () => Promise.resolve(shelf), clientId: () => Promise.resolve(clientId), now: () => clock });
  stores.push(store);
  await store.load();
  return store;
}

afterEach(() => {
  for (const store of stores.splice(0)) store.dispose();
});

describe("edits", () => {
  test("show at once and arrive", async () => {
    const server = new Server(FLOW);
    const store = await opened(server);
    expect(store.dispatch(title("a", "New"))).toBe(true);
    expect(store.getSnapshot().flow.nodes![0]!.title).toBe("New");
    expect(store.getSnapshot().saveState).toBe("saving");
    await store.flush();
    expect(store.getSnapshot().saveState).toBe("saved");
    expect(server.document).toEqual(store.getSnapshot().flow);
  });

  test("that do not fit are refused at once", async () => {
    const server = new Server(FLOW);
    const store = await opened(server);
    expect(store.dispatch(title("nobody", "x"))).toBe(false);
    expect(server.edits).toEqual([]);
    expect(store.getSnapshot().canUndo).toBe(false);
  });

  test("typed quickly are one edit and one undo", async () => {
    const server = new Server(FLOW);
    const store = await opened(server);
    for (const text of ["N", "Ne", "New"]) {
      clock += 100;
      store.dispatch(title("a", text), { merge: "a.title" });
    }
    await store.flush();
    expect(server.edits.length).toBe(1);
    store.undo();
    expect(store.getSnapshot().flow.nodes![0]!.title).toBe("A");
    expect(store.getSnapshot().canUndo).toBe(false);
    store.redo();
    expect(store.getSnapshot().flow.nodes![0]!.title).toBe("New");
  });

  test("typed after a pause are another undo", async () => {
    const store = await opened(new Server(FLOW));
    store.dispatch(title("a", "One"), { merge: "a.title" });
    clock += 5_000;
    store.dispatch(title("a", "Two"), { merge: "a.title" });
    store.undo();
    expect(store.getSnapshot().flow.nodes![0]!.title).toBe("One");
  });
});

describe("nothing is lost", () => {
  test("while the server is out of reach", async () => {
    const server = new Server(FLOW);
    const store = await opened(server);
    server.reachable = false;
    store.dispatch(title("a", "Offline"));
    expect(store.flush()).rejects.toThrow();
    await Bun.sleep(10);
    expect(store.getSnapshot().saveState).toBe("offline");
    server.reachable = true;
    await store.flush();
    expect(server.document.nodes![0]!.title).toBe("Offline");
    expect(store.getSnapshot().saveState).toBe("saved");
  });

  test("when the page is loaded anew before anything was sent", async () => {
    const server = new Server(FLOW);
    const shelf = new MemoryShelf();
    server.reachable = true;
    const first = await opened(server, "c1", shelf);
    server.reachable = false;
    first.dispatch(title("a", "Kept"));
    first.dispose();
    server.reachable = true;
    const second = await opened(server, "c1", shelf);
    expect(second.getSnapshot().flow.nodes![0]!.title).toBe("Kept");
    await second.flush();
    expect(server.document.nodes![0]!.title).toBe("Kept");
    expect(await shelf.of("f")).toEqual([]);
  });

  test("and nothing twice, when only the answer was lost", async () => {
    const server = new Server(FLOW);
    const store = await opened(server);
    server.answersToLose = 1;
    const node = { id: "c", type: "t", params: {} };
    store.dispatch({ op: "node.add", node });
    expect(store.flush()).rejects.toThrow();
    await Bun.sleep(10);
    await store.flush();
    expect(server.edits.length).toBe(1);
    expect(store.getSnapshot().flow.nodes!.map(({ id }) => id)).toEqual(["a", "b", "c"]);
    expect(store.getSnapshot().refusal).toBe(null);
  });

  test("and nothing twice, when the page goes before the answer", async () => {
    const server = new Server(FLOW);
    const shelf = new MemoryShelf();
    const first = await opened(server, "c1", shelf);
    first.dispatch({ op: "node.add", node: { id: "c", type: "t", params: {} } });
    first.dispose(); // sends with its last breath, and keeps a copy
    await Bun.sleep(10);
    expect(server.edits.length).toBe(1);
    const second = await opened(server, "c1", shelf);
    await second.flush();
    expect(server.edits.length).toBe(1);
    expect(second.getSnapshot().flow.nodes!.length).toBe(3);
    expect(second.getSnapshot().refusal).toBe(null);
  });
});

describe("others", () => {
  test("edit beneath our edits, field by field", async () => {
    const server = new Server(FLOW);
    const [ours, theirs] = [await opened(server, "c1"), await opened(server, "c2")];
    server.listeners.add((operations) => ours.receive({ kind: "operations", operations }));
    ours.dispatch({ op: "node.set_param", id: "a", name: "text", value: "ours" });
    theirs.dispatch(title("a", "Theirs"));
    await theirs.flush();
    const { flow } = ours.getSnapshot();
    expect(flow.nodes![0]).toMatchObject({ title: "Theirs", params: { text: "ours" } });
    await ours.flush();
    expect(server.document).toEqual(ours.getSnapshot().flow);
  });

  test("may remove what we change: we are told, nothing else is lost", async () => {
    const server = new Server(FLOW);
    const [ours, theirs] = [await opened(server, "c1"), await opened(server, "c2")];
    theirs.dispatch({ op: "node.remove", id: "b" });
    await theirs.flush();
    ours.dispatch(title("b", "Too late"));
    ours.dispatch(title("a", "In time"));
    await ours.flush();
    expect(ours.getSnapshot().asides.map(({ why, by }) => [why, by])).toEqual([["gone", "c2"]]);
    expect(server.document.nodes!.map((node) => node.title)).toEqual(["In time"]);
    expect(ours.getSnapshot().flow).toEqual(server.document);
  });

  test("may make an undo pointless: it does nothing", async () => {
    const server = new Server(FLOW);
    const [ours, theirs] = [await opened(server, "c1"), await opened(server, "c2")];
    server.listeners.add((operations) => ours.receive({ kind: "operations", operations }));
    ours.dispatch(title("b", "Mine"));
    await ours.flush();
    await theirs.load();
    theirs.dispatch({ op: "node.remove", id: "b" });
    await theirs.flush();
    ours.undo();
    await ours.flush();
    expect(server.document.nodes!.map(({ id }) => id)).toEqual(["a"]);
    expect(ours.getSnapshot().flow).toEqual(server.document);
  });

  test("may replace the whole document: we fetch it", async () => {
    const server = new Server(FLOW);
    const ours = await opened(server);
    server.document = { schema: "flow/1", nodes: [{ id: "z", type: "t" }] };
    const edit = { revision: 1, op_id: "r", client_id: "api", actor: { id: null, name: "" }, op: { op: "document.replace" }, at: "" };
    server.edits.push(edit);
    ours.receive({ kind: "operations", operations: [edit] });
    await Bun.sleep(10);
    expect(ours.getSnapshot().flow).toEqual(server.document);
  });

  test("and we end with the same document, whatever we do", async () => {
    const server = new Server(FLOW);
    const shelf = new MemoryShelf();
    const editors = [await opened(server, "c1", shelf), await opened(server, "c2", shelf), await opened(server, "c3", shelf)];
    for (const editor of editors) server.listeners.add((operations) => Math.random() < 0.7 && editor.receive({ kind: "operations", operations }));
    let made = 0;
    for (let step = 0; step < 300; step += 1) {
      const editor = editors[Math.floor(Math.random() * 3)]!;
      const ids = editor.getSnapshot().flow.nodes!.map(({ id }) => id);
      const id = ids[Math.floor(Math.random() * ids.length)] ?? "a";
      const dice = Math.random();
      if (dice < 0.3) editor.dispatch(title(id, `t${step}`));
      else if (dice < 0.5) editor.dispatch({ op: "node.add", node: { id: `n${(made += 1)}`, type: "t" }, position: { x: step, y: 0 } });
      else if (dice < 0.6) editor.dispatch({ op: "node.remove", id });
      else if (dice < 0.75) editor.dispatch({ op: "node.move", id, x: step, y: step });
      else if (dice < 0.85) editor.undo();
      else if (dice < 0.9) editor.redo();
      else {
        server.answersToLose = Math.random() < 0.3 ? 1 : 0;
        await editor.flush().catch(() => undefined);
      }
    }
    server.answersToLose = 0;
    for (const editor of editors) await editor.flush();
    for (const editor of editors) editor.receive({ kind: "gap" });
    await Bun.sleep(20);
    for (const editor of editors) expect(editor.getSnapshot().flow).toEqual(server.document);
    expect(new Set(server.edits.map(({ op_id }) => op_id)).size).toBe(server.edits.length);
  });
});

test("a deleted flow is a conflict, and what was typed stays on the page", async () => {
  const server = new Server(FLOW);
  const store = await opened(server);
  server.gone = true;
  store.dispatch(title("a", "Mine"));
  expect(store.flush()).rejects.toThrow();
  await Bun.sleep(10);
  expect(store.getSnapshot().saveState).toBe("conflict");
  expect(store.getSnapshot().flow.nodes![0]!.title).toBe("Mine");
});
