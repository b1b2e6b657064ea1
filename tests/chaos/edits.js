// Runs inside an editor's page: random edits through the store that the canvas itself uses. Called with the seed of
// this turn, how many edits to make and the mark of the tab; gives the marks of those the editor accepted.
async ({ seed, count, tab }) => {
  const store = (() => {
    const root = document.querySelector(".pm-frame");
    for (let fiber = root[Object.keys(root).find((key) => key.startsWith("__reactFiber$"))]; fiber; fiber = fiber.return) {
      if (fiber.memoizedProps?.value?.store?.dispatch) return fiber.memoizedProps.value.store;
    }
    throw new Error("no editor here");
  })();
  let state = seed;
  const roll = (sides) => {
    state = (Math.imul(state ^ (state >>> 15), 1 | state) + 0x6d2b79f5) | 0;
    const mixed = Math.imul(state ^ (state >>> 7), 61 | state) ^ state;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides;
  };
  const free = (items, stem) => {
    const taken = new Set(items.map(({ id }) => id));
    let number = taken.size + 1;
    while (taken.has(`${stem}${number}`)) number += 1;
    return `${stem}${number}`;
  };
  const edit = (flow, mark) => {
    const nodes = flow.nodes ?? [];
    const any = () => nodes[roll(nodes.length)]?.id ?? "start";
    const [id, other] = [any(), any()];
    const what = nodes.length > 40 && roll(2) === 0 ? 2 : roll(16);
    const fresh = free(nodes, "n");
    const node = { id: fresh, type: "logic.set", v: 1, title: mark, params: {} };
    const join = (target) => ({ op: "edge.add", edge: { id: free(flow.edges ?? [], "e"), source: id, target } });
    const notes = flow.view?.notes ?? [];
    if (what === 0) return { op: "batch", ops: [{ op: "node.add", node, position: { x: roll(2000), y: roll(1200) } }, join(fresh)] };
    if (what === 1) return { op: "node.add", node, position: { x: roll(2000), y: roll(1200) } };
    if (what === 2) return { op: "node.remove", id };
    if (what === 3) return { op: "node.move", id, x: roll(2000), y: roll(1200) };
    if (what === 4) return { op: "node.rename_id", id, new_id: `r${roll(60)}` };
    if (what === 5) return join(other);
    if (what === 6 && flow.edges?.length) return { op: "edge.remove", id: flow.edges[roll(flow.edges.length)].id };
    if (what === 7) return { op: "note.add", note: { id: free(notes, "note"), text: mark, x: roll(2000), y: roll(1200) } };
    if (what === 8 && notes.length) return roll(2) ? { op: "note.update", id: notes[roll(notes.length)].id, fields: { text: mark } } : { op: "note.remove", id: notes[roll(notes.length)].id };
    if (what === 9) return { op: "flow.set", name: "description", value: mark };
    if (what === 10) return { op: "batch", ops: [{ op: "node.set_title", id, title: mark }, { op: "node.set_param", id: other, name: "output", value: mark }] };
    if (what < 13) return { op: "node.set_title", id, title: mark };
    return { op: "node.set_param", id, name: "output", value: `${mark} {{ nodes.${other}.text }}` };
  };
  const marks = [];
  for (let number = 0; number < count; number += 1) {
    const mark = `${tab}.${seed}.${number};`;
    const turn = roll(12);
    if (turn === 0) store.undo();
    else if (turn === 1) store.redo();
    else {
      const op = edit(store.getSnapshot().flow, mark);
      if (store.dispatch(op) && JSON.stringify(op).includes(mark)) marks.push(mark);
    }
    if (roll(3) === 0) await new Promise((resolve) => setTimeout(resolve, roll(40)));
  }
  return marks;
};
