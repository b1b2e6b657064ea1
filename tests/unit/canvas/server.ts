// A server of one flow in memory: it numbers edits, forgets no op_id and tells nobody. It can be out of reach.

import { ApiProblem, Offline } from "../../../app/components/canvas/api";
import { apply, OperationRefused } from "../../../app/components/canvas/reducer";
import type { FlowApi } from "../../../app/components/canvas/sync";
import type { Edit, Flow, FlowView, Op, SubmitAnswer } from "../../../app/components/canvas/types";

export class Server implements FlowApi {
  edits: Edit[] = [];
  reachable = true;
  // The next answers are lost on their way, though the edits arrived.
  answersToLose = 0;
  gone = false;
  // What the server could not even read.
  isUnreadable: (op: Op) => boolean = () => false;
  listeners = new Set<(edits: Edit[]) => void>();

  constructor(public document: Flow) {}

  private async answer<T>(make: () => T): Promise<T> {
    await Promise.resolve();
    if (!this.reachable) throw new Offline("no route");
    if (this.gone) throw new ApiProblem(404, "flow.not_found", "There is no such flow.");
    const made = make();
    if (this.answersToLose > 0) {
      this.answersToLose -= 1;
      throw new Offline("the answer was lost");
    }
    return made;
  }

  getFlow = (id: string): Promise<FlowView> =>
    this.answer(() => ({
      id, kind: "task", name: "", description: "", revision: this.edits.length, published_version: null, updated_at: "",
      document: structuredClone(this.document), problems: [],
    }));

  operationsSince = (_id: string, revision: number) =>
    this.answer(() => ({ revision: this.edits.length, operations: structuredClone(this.edits.slice(revision)) }));

  submit = (_id: string, clientId: string, base: number, operations: { op_id: string; op: Op; base?: number }[]): Promise<SubmitAnswer> =>
    this.answer(() => {
      const others = this.edits.slice(base).filter((edit) => edit.client_id !== clientId);
      const [accepted, rejected, made]: [string[], SubmitAnswer["rejected"], Edit[]] = [[], [], []];
      if (operations.some(({ op }) => this.isUnreadable(op))) throw new ApiProblem(422, "request.invalid", "It cannot be read.");
      for (const { op_id, op, base: seen } of structuredClone(operations)) {
        if (this.edits.some((edit) => edit.op_id === op_id)) {
          accepted.push(op_id);
          continue;
        }
        try {
          this.document = apply(this.document, op);
        } catch (error) {
          if (!(error instanceof OperationRefused)) throw error;
          rejected.push({ op_id, code: error.code, detail: "It does not fit." });
          break;
        }
        const edit = { revision: this.edits.length + 1, op_id, client_id: clientId, actor: { id: clientId, name: clientId }, op, at: "" };
        this.edits.push(edit);
        made.push({ ...edit, base: seen ?? null });
        accepted.push(op_id);
      }
      const looked = new Set([...accepted, ...rejected.map((each) => each.op_id)]);
      const deferred = operations.map(({ op_id }) => op_id).filter((id) => !looked.has(id));
      for (const listener of this.listeners) listener(structuredClone(made));
      return { revision: this.edits.length, problems: [], accepted, rejected, deferred, operations: structuredClone(others) };
    });
}
