// The icons of node types, by the names the catalogue uses.

import {
  Bell, Bot, Box, CalendarClock, ClipboardList, Clock, Flag, GitBranch, Globe, Headset, ListOrdered, Merge, MessageCircle,
  MessageCircleQuestion, OctagonX, Play, RefreshCw, Repeat, Send, Sparkles, Split, Table, UserCheck, Variable, Webhook, Workflow,
  type LucideIcon,
} from "lucide-react";

export const NODE_ICONS: { readonly [name: string]: LucideIcon } = {
  bell: Bell,
  bot: Bot,
  "calendar-clock": CalendarClock,
  "clipboard-list": ClipboardList,
  clock: Clock,
  flag: Flag,
  "git-branch": GitBranch,
  globe: Globe,
  headset: Headset,
  "list-ordered": ListOrdered,
  merge: Merge,
  "message-circle": MessageCircle,
  "message-circle-question": MessageCircleQuestion,
  "octagon-x": OctagonX,
  play: Play,
  "refresh-cw": RefreshCw,
  repeat: Repeat,
  send: Send,
  sparkles: Sparkles,
  split: Split,
  table: Table,
  "user-check": UserCheck,
  variable: Variable,
  webhook: Webhook,
  workflow: Workflow,
};

export function nodeIcon(name: string | undefined): LucideIcon {
  return (name === undefined ? undefined : NODE_ICONS[name]) ?? Box;
}

// The Radix scale that tints the icon square of a category.
const CATEGORY_SCALES: { readonly [category: string]: string } = {
  trigger: "jade",
  ai: "violet",
  kb: "blue",
  logic: "slate",
  time: "cyan",
  human: "pink",
  code: "gold",
  kommo: "grass",
  http: "grass",
  channel: "indigo",
  output: "sand",
};

export function categoryScale(category: string | undefined): string {
  return (category === undefined ? undefined : CATEGORY_SCALES[category]) ?? "sand";
}
