// Everything that is not right yet, one click from its place.

import { CircleAlert, CircleCheck, TriangleAlert } from "lucide-react";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { useEditor, useFlow } from "./context";
import { titleOf } from "./describe";

export function ProblemsPill({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }): ReactNode {
  const { types, reveal, t } = useEditor();
  const { flow, problems } = useFlow();
  const place = useRef<HTMLDivElement>(null);
  const [shown, setShown] = useState(false);
  useEffect(() => setShown(open && problems.length > 0), [open, problems.length]);
  useEffect(() => {
    if (!shown) return;
    const away = (event: Event) => {
      if (event instanceof KeyboardEvent ? event.key === "Escape" : !place.current?.contains(event.target as Node)) onOpenChange(false);
    };
    document.addEventListener("pointerdown", away);
    document.addEventListener("keydown", away);
    return () => {
      document.removeEventListener("pointerdown", away);
      document.removeEventListener("keydown", away);
    };
  }, [shown, onOpenChange]);
  const errors = problems.filter((problem) => problem.severity === "error").length;
  const severity = errors > 0 ? "error" : problems.length > 0 ? "warning" : "none";
  const nodes = new Map((flow.nodes ?? []).map((node) => [node.id, node]));
  return (
    <div className="pm-problems" ref={place}>
      <button type="button" className="pm-pill" data-testid="problems" data-count={problems.length} data-severity={severity} aria-expanded={shown} disabled={problems.length === 0} onClick={() => onOpenChange(!shown)}>
        {severity === "none" ? <CircleCheck size={14} /> : severity === "error" ? <CircleAlert size={14} /> : <TriangleAlert size={14} />}
        {problems.length === 0 ? t("problems.none") : t("problems.count", { count: problems.length })}
      </button>
      {shown && (
        <ol className="pm-problem-list pm-pop">
          {problems.map((problem, index) => {
            const node = problem.node === null ? undefined : nodes.get(problem.node);
            return (
              <li key={index}>
                <button
                  type="button"
                  data-testid={`problem-${index}`}
                  data-severity={problem.severity}
                  onClick={() => {
                    if (problem.node !== null) reveal(problem.node, problem.param);
                    onOpenChange(false);
                  }}
                >
                  {problem.severity === "error" ? <CircleAlert size={14} /> : <TriangleAlert size={14} />}
                  <span>
                    {node !== undefined && <strong>{titleOf(node, types.get(node.type))}</strong>}
                    {problem.message}
                  </span>
                </button>
              </li>
            );
          })}
        </ol>
      )}
    </div>
  );
}
