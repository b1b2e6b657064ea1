// What pages do before or beside their state: import files, and move by keys.
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

  // Up and down through the rows, / to the search, N for a new flow.
  document.addEventListener("keydown", (event) => {
    if (!onList() || event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input, textarea, select, [role=dialog], [role=menu]");
    const search = document.querySelector('[data-testid="flow-search"]');
    const links = [...document.querySelectorAll(".pm-flow-link")];
    const at = links.indexOf(document.activeElement);
    if (event.key === "ArrowDown" && (!typing || event.target === search)) links[Math.min(at + 1, links.length - 1)]?.focus();
    else if (event.key === "ArrowUp" && !typing) (at <= 0 ? search : links[at - 1])?.focus();
    else if (event.key === "/" && !typing) search?.focus();
    else if (event.code === "KeyN" && !typing) document.querySelector('[data-testid="new-flow"]')?.click();
    else return;
    event.preventDefault();
  });
})();
