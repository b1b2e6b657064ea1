// The others on the canvas: their cursors, and rings around what they have selected. And who they are, in the header.

import { useInternalNode, useReactFlow, useStore, ViewportPortal } from "@xyflow/react";
import { useEffect, useSyncExternalStore, type ReactNode } from "react";
import { useEditor } from "./context";
import { initials, type Other } from "./people";
import { Hint } from "./ui";

function useOthers(): readonly Other[] {
  const { people } = useEditor();
  return useSyncExternalStore(people.subscribe, people.get);
}

// Inside the canvas. Also tells the others where this hand is.
export function PresenceLayer({ selected }: { selected: readonly string[] }): ReactNode {
  usePointing(selected);
  const others = useOthers();
  if (others.length === 0) return null;
  return (
    <ViewportPortal>
      {others.map((each) => (
        <Shown key={each.id} other={each} />
      ))}
    </ViewportPortal>
  );
}

function usePointing(selected: readonly string[]): void {
  const { people } = useEditor();
  const { screenToFlowPosition } = useReactFlow();
  const area = useStore((state) => state.domNode);
  useEffect(() => people.point({ selected: selected.slice(0, 100) }), [people, selected]);
  useEffect(() => {
    if (area === null) return;
    const move = (event: PointerEvent) => {
      const { x, y } = screenToFlowPosition({ x: event.clientX, y: event.clientY }, { snapToGrid: false });
      people.point({ cursor: { x: Math.round(x), y: Math.round(y) } });
    };
    const leave = () => people.point({ cursor: null });
    area.addEventListener("pointermove", move);
    area.addEventListener("pointerleave", leave);
    return () => {
      area.removeEventListener("pointermove", move);
      area.removeEventListener("pointerleave", leave);
    };
  }, [people, area, screenToFlowPosition]);
}

function Shown({ other }: { other: Other }): ReactNode {
  const zoom = useStore((state) => state.transform[2]);
  return (
    <>
      {other.selected.map((id, index) => (
        <Ring key={id} id={id} other={other} named={index === 0} zoom={zoom} />
      ))}
      {other.cursor !== null && (
        <div
          className="pm-cursor"
          data-testid="cursor"
          data-person={other.name}
          data-hue={other.color}
          style={{ transform: `translate(${other.cursor.x}px, ${other.cursor.y}px) scale(${1 / zoom})` }}
        >
          <svg width="16" height="18" viewBox="0 0 16 18" aria-hidden="true">
            <path d="M1 1l5.2 15 2.3-6.2L15 7.4z" />
          </svg>
          <span>{other.name}</span>
        </div>
      )}
    </>
  );
}

function Ring({ id, other, named, zoom }: { id: string; other: Other; named: boolean; zoom: number }): ReactNode {
  const node = useInternalNode(id);
  if (node === undefined) return null;
  const { x, y } = node.internals.positionAbsolute;
  const { width = 0, height = 0 } = node.measured;
  return (
    <div className="pm-ring" data-testid={`ring-${id}`} data-hue={other.color} style={{ transform: `translate(${x}px, ${y}px)`, width, height }}>
      {named && <span style={{ transform: `scale(${1 / zoom})` }}>{other.name}</span>}
    </div>
  );
}

const MOST_SHOWN = 3;

export function PeopleHere({ narrow }: { narrow: boolean }): ReactNode {
  const { people, t } = useEditor();
  const others = useOthers();
  if (others.length === 0) return null;
  const shown = others.slice(0, narrow ? 1 : MOST_SHOWN);
  const rest = others.slice(shown.length);
  const called = ({ account, name }: Other) => (account === people.me ? t("people.other_tab", { name }) : name);
  return (
    <ul className="pm-people" aria-label={t("people.label")} data-testid="people">
      {shown.map((each) => (
        <li key={each.id}>
          <Hint label={called(each)}>
            <span className="pm-face" role="img" tabIndex={0} aria-label={called(each)} data-hue={each.color}>
              {initials(each.name)}
            </span>
          </Hint>
        </li>
      ))}
      {rest.length > 0 && (
        <li>
          <Hint label={rest.map(called).join(", ")}>
            <span className="pm-face" role="img" tabIndex={0} aria-label={rest.map(called).join(", ")}>
              +{rest.length}
            </span>
          </Hint>
        </li>
      )}
    </ul>
  );
}
