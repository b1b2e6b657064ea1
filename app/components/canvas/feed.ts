// What the page's state pushes, handed on without rendering anything: a push reaches the one part that needs it.

import type { Live } from "./types";

const MOST_KEPT = 100;

export class Feed {
  private kept: Live[] = [];
  private listener: ((live: Live) => void) | null = null;

  push(live: Live): void {
    if (this.listener !== null) return this.listener(live);
    this.kept.push(live);
    if (this.kept.length > MOST_KEPT) this.kept.shift();
  }

  // One listener; what came before it is given to it first.
  listen(listener: (live: Live) => void): () => void {
    this.listener = listener;
    for (const live of this.kept.splice(0)) listener(live);
    return () => {
      if (this.listener === listener) this.listener = null;
    };
  }
}
