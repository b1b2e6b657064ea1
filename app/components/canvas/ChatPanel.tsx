// The test chat: talks to the flow as it stands in the editor, streams the answer and says how it came about.

import { ArrowUp, ChevronRight, History, MessageSquarePlus, Square } from "lucide-react";
import { useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { AnswerFacts, ChatBubble } from "./ChatBubble";
import { useEditor, useFlow } from "./context";
import { useChat, type Said } from "./useChat";
import { moment } from "./text";
import type { ConversationView } from "./api";
import { IconButton, Pop } from "./ui";

export function ChatPanel({ visible }: { visible: boolean }): ReactNode {
  const { t } = useEditor();
  const { flow } = useFlow();
  const chat = useChat(visible);
  const [typed, setTyped] = useState("");
  const end = useRef<HTMLDivElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const stuck = useRef(true);
  useEffect(() => {
    if (stuck.current) end.current?.scrollIntoView({ block: "end" });
  }, [chat.messages]);
  const say = async (text: string) => {
    if (text === "" || chat.busy) return;
    stuck.current = true;
    if (!(await chat.send(text))) setTyped((now) => now || text);
  };
  const send = async () => {
    if (chat.busy) return;
    setTyped("");
    await say(typed.trim());
  };
  const last = chat.messages.at(-1);
  const keys = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    void send();
  };
  const trigger = (flow.nodes ?? []).find((node) => node.type === "trigger.chat");
  const greeting = trigger?.params?.["greeting"];
  return (
    <div className="pm-chat">
      <div className="pm-chat-tools">
        <span>{t("chat.draft")}</span>
        <Pop trigger={<button type="button" className="pm-icon-button" aria-label={t("chat.history")} title={t("chat.history")}><History size={15} /></button>} label={t("chat.history")}>
          {(close) => <Conversations onPick={(id) => { chat.open(id); close(); }} />}
        </Pop>
        <IconButton label={t("chat.new")} data-testid="chat-new" onClick={chat.restart}>
          <MessageSquarePlus size={15} />
        </IconButton>
      </div>
      <div className="pm-chat-messages" ref={scroller} role="log" aria-live="polite" onScroll={({ currentTarget: box }) => { stuck.current = box.scrollHeight - box.scrollTop - box.clientHeight < 40; }}>
        {chat.messages.length === 0 && !chat.loading && (
          <div className="pm-chat-empty">
            <p>{typeof greeting === "string" && greeting !== "" ? greeting : t(trigger === undefined ? "chat.no_trigger" : "chat.empty")}</p>
          </div>
        )}
        {chat.messages.map((message) => (
          <Message key={message.key} message={message} onDetails={() => void chat.details(message)} />
        ))}
        {last?.role === "assistant" && !last.pending && (last.buttons ?? []).length > 0 && (
          <div className="pm-answers" role="group" aria-label={t("chat.answers")}>
            {last.buttons?.map((text) => (
              <button key={text} type="button" className="pm-button" data-look="plain" disabled={chat.busy} onClick={() => void say(text)}>
                {text}
              </button>
            ))}
          </div>
        )}
        <div ref={end} />
      </div>
      <form className="pm-chat-form" onSubmit={(event) => { event.preventDefault(); void send(); }}>
        <textarea data-testid="chat-input" rows={2} value={typed} placeholder={t("chat.placeholder")} aria-label={t("chat.placeholder")} maxLength={32000} onChange={(event) => setTyped(event.target.value)} onKeyDown={keys} />
        <div className="pm-chat-send">
          <kbd>Enter</kbd>
          {chat.busy ? (
            <button type="button" className="pm-send" aria-label={t("chat.stop")} title={t("chat.stop")} onClick={() => void chat.stop()}>
              <Square size={12} fill="currentColor" />
            </button>
          ) : (
            <button type="submit" className="pm-send" data-testid="chat-send" disabled={typed.trim() === ""} aria-label={t("chat.send")} title={t("chat.send")}>
              <ArrowUp size={16} />
            </button>
          )}
        </div>
      </form>
    </div>
  );
}

function Message({ message, onDetails }: { message: Said; onDetails: () => void }): ReactNode {
  const { t } = useEditor();
  return (
    <div className="pm-message" data-testid="chat-message" data-role={message.role} data-pending={message.pending}>
      <ChatBubble message={message} />
      {message.role === "assistant" && message.facts !== undefined && <AnswerFacts facts={message.facts} />}
      {message.role === "assistant" && message.facts === undefined && message.runId !== null && !message.pending && (
        <button type="button" className="pm-mini-button" onClick={onDetails}>
          {t("chat.details")} <ChevronRight size={12} />
        </button>
      )}
    </div>
  );
}

function Conversations({ onPick }: { onPick: (sessionId: string) => void }): ReactNode {
  const { api, flowId, locale, t } = useEditor();
  const [items, setItems] = useState<ConversationView[] | null>(null);
  useEffect(() => {
    api.conversations(flowId).then(setItems, () => setItems([]));
  }, [api, flowId]);
  if (items === null) return <p className="pm-nothing">{t("loading")}</p>;
  if (items.length === 0) return <p className="pm-nothing">{t("chat.no_history")}</p>;
  return (
    <div className="pm-menu-list">
      {items.map((item) => (
        <button key={item.id} type="button" className="pm-menu-item" onClick={() => onPick(item.session_id)}>
          <span>{item.title || t("chat.untitled")}</span>
          <code>{moment(item.updated_at, locale)}</code>
        </button>
      ))}
    </div>
  );
}
