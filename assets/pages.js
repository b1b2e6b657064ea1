// What pages do before or beside their state: import files, move by keys, tell the time.
(() => {
  const problem = (text) => {
    const box = document.getElementById("import-problem");
    if (!box) return;
    box.hidden = text === "";
    box.textContent = text;
  };

  // A file goes to the API as it is: its text is kept byte for byte while nobody edits the flow.
  const importFile = async (file) => {
    problem("");
    let answer;
    try {
      answer = await fetch("/api/flows/import", {
        method: "POST",
        credentials: "same-origin",
        headers: { "content-type": "application/json", "accept-language": document.documentElement.lang },
        body: file,
      });
    } catch {
      return problem(document.documentElement.lang === "ru" ? "Сервер не ответил. Повторите." : "The server did not answer. Try again.");
    }
    const body = await answer.json().catch(() => ({}));
    if (answer.ok) window.location.assign(`/flows/${body.id}`);
    else problem(`${file.name}: ${body.detail || answer.status}`);
  };

  document.addEventListener("change", (event) => {
    if (event.target.id !== "import-input") return;
    const [file] = event.target.files;
    event.target.value = "";
    if (file) importFile(file);
  });

  const onList = () => document.getElementById("import-input") !== null;
  document.addEventListener("dragover", (event) => {
    if (onList() && event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    const file = event.dataTransfer?.files[0];
    if (!onList() || !file) return;
    event.preventDefault();
    importFile(file);
  });

  // Pages that show what goes on elsewhere look again while somebody sees them, but not under a person's hands.
  setInterval(() => {
    if (document.hidden || document.activeElement?.closest("select, [role=dialog]")) return;
    document.querySelector("[data-refresh]")?.click();
  }, 3000);

  // Up and down through the rows (arrows, or j and k), / to the search, N for a new flow. A row that is chosen shows
  // its details beside the list: Enter leads into them, Escape back.
  const wide = () => window.matchMedia("(min-width: 901px)").matches;
  const step = (rows, by) => {
    const at = rows.indexOf(document.activeElement);
    const current = rows.findIndex((row) => row.getAttribute("aria-current") === "true");
    const next = rows[at < 0 ? Math.max(current, 0) : Math.min(Math.max(at + by, 0), rows.length - 1)];
    next?.focus();
    if (next?.dataset.row === "choose" && wide()) next.click();
  };
  const into = () => document.querySelector("[data-detail] :is(input, select, textarea, article button)");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const rows = [...document.querySelectorAll("[data-row]")];
    const search = document.querySelector("[data-search]");
    if ((rows.length === 0 && !search) || event.target.closest("[role=dialog], [role=menu], .pm-editor")) return;
    const typing = event.target.closest("input, textarea, select");
    const chosen = event.target.closest("[data-row=choose]");
    const down = event.key === "ArrowDown" || (event.code === "KeyJ" && !typing);
    const up = event.key === "ArrowUp" || (event.code === "KeyK" && !typing);
    if (down && (!typing || event.target === search)) step(rows, 1);
    else if (up && !typing) document.activeElement === rows[0] && search ? search.focus() : step(rows, -1);
    else if (event.key === "Enter" && chosen && wide()) into()?.focus();
    else if (event.key === "Escape" && event.target.closest("[data-detail]")) {
      document.querySelector(".pm-back-to-list")?.click();
      (rows.find((row) => row.getAttribute("aria-current") === "true") ?? rows[0])?.focus();
    } else if (event.key === "/" && !typing && search) search.focus();
    else if (event.code === "KeyN" && !typing && onList()) document.querySelector('[data-testid="new-flow"]')?.click();
    else return;
    event.preventDefault();
  });

  // Moments in the viewer's own zone and words. React leaves the inside of a <time> alone: it renders none.
  const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
  const language = () => document.documentElement.lang || "en";
  const formats = new Map();
  const format = (kind, options) => {
    const key = `${kind.name} ${language()} ${JSON.stringify(options)}`;
    if (!formats.has(key)) formats.set(key, new kind(language(), options));
    return formats.get(key);
  };
  const amount = (count, unit) => format(Intl.NumberFormat, { style: "unit", unit, unitDisplay: "short" }).format(count);
  const ago = (ms) => {
    const said = format(Intl.RelativeTimeFormat, { numeric: "auto", style: "short" });
    if (ms < MINUTE) return said.format(0, "second");
    if (ms < HOUR) return said.format(-Math.floor(ms / MINUTE), "minute");
    if (ms < DAY) return said.format(-Math.floor(ms / HOUR), "hour");
    return said.format(-Math.floor(ms / DAY), "day");
  };
  const left = (ms) => {
    if (ms < HOUR) return amount(Math.max(1, Math.round(ms / MINUTE)), "minute");
    if (ms < 2 * DAY) return `${amount(Math.floor(ms / HOUR), "hour")} ${amount(Math.floor((ms % HOUR) / MINUTE), "minute")}`;
    return `${amount(Math.floor(ms / DAY), "day")} ${amount(Math.floor((ms % DAY) / HOUR), "hour")}`;
  };
  const date = (at) => format(Intl.DateTimeFormat, { dateStyle: "medium" }).format(at);
  const hour = (at) => format(Intl.DateTimeFormat, { timeStyle: "short" }).format(at);
  const tell = (element) => {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) return (element.textContent = "");
    const passed = Date.now() - at.getTime();
    const mode = element.dataset.time;
    let words;
    if (mode === "left") {
      words = passed > 0 ? element.dataset.over : (element.dataset.pattern ?? "{left}").replace("{left}", left(-passed));
      element.dataset.soon = String(passed > -HOUR);
    } else if (mode === "clock") words = at.toDateString() === new Date().toDateString() ? hour(at) : `${date(at)}, ${hour(at)}`;
    else words = passed < 30 * DAY ? ago(Math.max(passed, 0)) : date(at);
    if (element.textContent !== words) element.textContent = words;
    element.title = format(Intl.DateTimeFormat, { dateStyle: "full", timeStyle: "medium" }).format(at);
  };
  const tellAll = (root) => root.querySelectorAll?.("time[data-time]").forEach(tell);
  const told = (changes) => {
    for (const { type, target, addedNodes } of changes) {
      if (type === "attributes") target === document.documentElement ? tellAll(document) : tell(target);
      else for (const node of addedNodes) node.matches?.("time[data-time]") ? tell(node) : tellAll(node);
    }
  };
  // Before anything is painted, so that nothing moves.
  const watched = { childList: true, subtree: true, attributeFilter: ["datetime", "data-pattern", "lang"] };
  new MutationObserver(told).observe(document.documentElement, watched);
  tellAll(document);
  setInterval(() => document.hidden || tellAll(document), 15_000);
  document.addEventListener("visibilitychange", () => document.hidden || tellAll(document));

  // A conversation is read from its end; what is new comes into view unless somebody scrolled back.
  new MutationObserver((changes) => {
    for (const { target, addedNodes } of changes) {
      const threads = target.matches?.("[data-thread]") ? [target] : [...addedNodes].flatMap((node) => [...(node.querySelectorAll?.("[data-thread]") ?? [])]);
      for (const thread of threads) {
        const lastHeight = Number(thread.dataset.height ?? 0);
        if (!lastHeight || thread.scrollTop + thread.clientHeight > lastHeight - 60) thread.scrollTop = thread.scrollHeight;
        thread.dataset.height = thread.scrollHeight;
      }
    }
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
