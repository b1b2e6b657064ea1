// What stands in the editor's place while it loads, and when it cannot.

import type { ReactNode } from "react";
import type { ApiProblem } from "./api";

// The editor's own outline, so that nothing jumps when it comes.
export function EditorSkeleton(): ReactNode {
  return (
    <div className="pm-frame" aria-busy="true" data-testid="editor-loading">
      <header className="pm-header" />
      <div className="pm-body">
        <div className="pm-canvas">
          <div className="pm-palette pm-blank" />
        </div>
        <aside className="pm-panel pm-blank" style={{ width: 372 }} />
      </div>
    </div>
  );
}

export function EditorFailure({ failure }: { failure: ApiProblem }): ReactNode {
  return (
    <div className="pm-failure" role="alert" data-testid="editor-failure" data-code={failure.code}>
      <p>{failure.detail}</p>
      <a className="pm-button" data-look="plain" href="/flows">
        ←
      </a>
    </div>
  );
}
