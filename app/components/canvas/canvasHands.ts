// What an edge on the canvas may ask of the canvas itself.

import { createContext, useContext } from "react";
import type { Position } from "./types";

export interface EdgeHands {
  insert: (edgeId: string, screen: Position) => void;
}

const Context = createContext<EdgeHands>({ insert: () => undefined });
export const EdgeHandsProvider = Context.Provider;
export const useEdgeHands = (): EdgeHands => useContext(Context);
