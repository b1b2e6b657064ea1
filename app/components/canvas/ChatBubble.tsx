// One message of the chat, and how an answer came about: model, tokens, price, and the way through the flow.

import Markdown from "markdown-to-jsx";
import { ChevronRight, Route, Sparkles, TriangleAlert } from "lucide-react";
import { Fragment, type ReactNode } from "react";
import { useEditor, useFlow } from "./context";
import { titleOf } from "./describe";
import { cost, duration } from "./text";
import type { Facts, Said } from "./useChat";

// Answers are text of models and people: no HTML of theirs reaches the page.
const SAFE = { disableParsingRawHTML: true, forceBlock: true };

export function ChatBubble({ message }: { message: Said }): ReactNode {
  const { t } = useEditor();
  if (message.role === "user") return <div className="pm-bubble">{message.text}</div>;
  return (
    <div className="pm-answer">
      {message.speaker !== undefined && (
        <div className="pm-speaker">
          <Sparkles size={13} /> {message.speaker}
        </div>
      )}
      {message.text !== "" && (
        <div className="pm-markdown">
          <Markdown options={SAFE}>{message.text}</Markdown>
          {message.pending && <span className="pm-caret" />}
        </div>
      )}
      {message.text === "" && message.pending && (
        <div className="pm-thinking" role="status">
          <span className="pm-spinner" /> {t("chat.working")}
        </div>
      )}
      {message.text === "" && !message.pending && message.error === undefined && (
        <p className="pm-quiet">
          {t(message.waiting ? "chat.waits" : "chat.said_nothing")}{" "}
          {message.waiting && (
            <a className="pm-inline-link" href={`/runs/${message.runId}`}>
              {t("chat.waits_where")}
            </a>
          )}
        </p>
      )}
      {message.error !== undefined && (
        <div className="pm-error" role="alert">
          <p>
            <TriangleAlert size={13} /> {message.error}
          </p>
        </div>
      )}
    </div>
  );
}

export function AnswerFacts({ facts }: { facts: Facts }): ReactNode {
  const { types, reveal, t } = useEditor();
  const { flow } = useFlow();
  const known = new Map((flow.nodes ?? []).map((node) => [node.id, node]));
  const words = [facts.model, facts.tokens > 0 ? t("run.tokens", { count: facts.tokens }) : "", cost(facts.costUsd), duration(facts.durationMs)].filter(Boolean);
  return (
    <div className="pm-facts">
      {words.length > 0 && (
        <p className="pm-mono" data-testid="chat-facts">
          {words.join(" · ")}
        </p>
      )}
      {facts.path.length > 0 && (
        <nav className="pm-path" aria-label={t("chat.path")} data-testid="chat-path">
          <Route size={13} />
          {facts.path.map((id, index) => {
            const node = known.get(id);
            return (
              <Fragment key={`${id}${index}`}>
                {index > 0 && <ChevronRight size={11} />}
                <button type="button" disabled={node === undefined} onClick={() => reveal(id)}>
                  {node === undefined ? id : titleOf(node, types.get(node.type))}
                </button>
              </Fragment>
            );
          })}
        </nav>
      )}
    </div>
  );
}
