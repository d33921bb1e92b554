"use strict";
// The page uses the theme of the Airflow page that contains it; without such a page, the theme of the system.
(() => {
  const dark = () => {
    try {
      const around = window.parent !== window ? window.parent.document.documentElement : null;
      if (around?.classList.contains("dark")) return "dark";
      if (around?.classList.contains("light")) return "light";
      return localStorage.getItem("theme");
    } catch { return null; }
  };
  const paint = () => {
    const theme = dark();
    if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  };
  paint();
  try {
    if (window.parent !== window)
      new MutationObserver(paint).observe(window.parent.document.documentElement, { attributes: true });
  } catch { /* a page of another origin contains this page: the theme of the system is used */ }

  const REFRESH_MS = 3000;
  const WATCH_AFTER_START_MS = 60000;
  let watchUntil = 0;
  let timer = 0;

  const say = (text, link) => {
    const news = document.getElementById("news");
    news.textContent = text;
    if (link) {
      const anchor = document.createElement("a");
      anchor.href = link.href;
      anchor.dataset.leave = "here";
      anchor.textContent = link.text;
      news.append(" ", anchor);
    }
    news.scrollIntoView({ block: "nearest" });
  };

  const call = async (method, path, body) => {
    const answer = await fetch(`${document.body.dataset.root}/api/v2${path}`, {
      method,
      credentials: "same-origin",
      headers: { Accept: "application/json", "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const json = await answer.json().catch(() => ({}));
    if (answer.ok) return json;
    const detail = typeof json.detail === "string" ? json.detail : JSON.stringify(json.detail ?? "");
    if (answer.status === 409 && path === "/backfills") {
      const error = new Error("Airflow runs one backfill of a DAG at a time, and another backfill of this DAG has not ended. Wait until it has ended, or cancel it in Airflow. Then start this backfill again.");
      error.link = { href: `${document.body.dataset.root}/dags/${encodeURIComponent(body.dag_id)}/backfills`, text: "Open the backfills in Airflow" };
      throw error;
    }
    const reasons = { 401: "Your session has expired. Log in again.", 403: "You do not have permission to start runs of this DAG." };
    throw new Error(reasons[answer.status] ?? `Airflow responded with HTTP ${answer.status}: ${detail}`.slice(0, 400));
  };

  const bodies = {
    run: (form, given) => ["/dags/" + encodeURIComponent(form.dataset.dag) + "/dagRuns", {
      dag_run_id: `manual__${form.dataset.day}__${new Date().toISOString()}`,
      logical_date: null,
      partition_key: form.dataset.day,
      conf: { reprocess: given.get("reprocess"), export_again: given.get("export_again") === "on" },
    }],
    backfill: (form, given) => ["/backfills", {
      dag_id: form.dataset.dag,
      from_date: `${given.get("from")}T00:00:00Z`,
      to_date: `${given.get("to")}T00:00:00Z`,
      reprocess_behavior: given.get("which"),
      max_active_runs: Number(form.dataset.most),
      dag_run_conf: { reprocess: given.get("reprocess") },
    }],
  };

  const send = async (form) => {
    const button = form.querySelector("button");
    const [path, body] = bodies[form.dataset.call](form, new FormData(form));
    button.disabled = true;
    try {
      const made = await call("POST", path, body);
      const dag = encodeURIComponent(form.dataset.dag);
      const run = made.dag_run_id;
      const { is_paused: isPaused } = await call("GET", `/dags/${dag}`);
      const what = run ? `The ${form.dataset.what ?? "run"} is started.` : `The backfill ${made.id} is started.`;
      const waits = isPaused ? " It waits, because the DAG is paused. Unpause the DAG." : "";
      const href = `${document.body.dataset.root}/dags/${dag}` + (run ? `/runs/${encodeURIComponent(run)}` : "/backfills");
      say(what + waits, { href, text: "Open it in Airflow" });
      watchUntil = Date.now() + WATCH_AFTER_START_MS;
      watch();
    } catch (error) {
      say(`The ${form.dataset.what ?? form.dataset.call} was not started. ${error.message}`, error.link);
    } finally {
      button.disabled = false;
    }
  };

  // The content of the page is replaced by a new copy from the server, unless the user is filling in a form.
  const refresh = async () => {
    const main = document.getElementById("main");
    if (main.querySelector("form :focus")) return;
    const answer = await fetch(location.href, { credentials: "same-origin" }).catch(() => null);
    if (!answer?.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const open = [...main.querySelectorAll("details")].map((each) => each.open);
    const focused = main.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    const fresh = page.getElementById("main");
    main.replaceChildren(...fresh.childNodes);
    main.dataset.atWork = fresh.dataset.atWork;
    main.querySelectorAll("details").forEach((each, number) => { each.open = open[number] ?? each.open; });
    if (focused) main.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
    calendars();
  };

  const watch = () => {
    clearTimeout(timer);
    const main = document.getElementById("main");
    if (main.dataset.atWork !== "yes" && Date.now() > watchUntil) return;
    timer = setTimeout(async () => { await refresh(); watch(); }, REFRESH_MS);
  };

  // Airflow shows this page in a frame whose links may not open other pages, so the page that contains it opens them.
  const leave = (event, anchor) => {
    const isNew = anchor.dataset.leave === "new" || event.ctrlKey || event.metaKey;
    const around = window.parent === window ? document : window.parent.document;
    const twin = around.createElement("a");
    twin.href = anchor.href;
    if (isNew) { twin.target = "_blank"; twin.rel = "noopener noreferrer"; }
    event.preventDefault();
    around.body.append(twin);
    twin.click();
    twin.remove();
  };

  // The Tab key stops once at each calendar. In a calendar, the arrow keys move by a day or by a week.
  const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
  const cells = (calendar) =>
    [...calendar.querySelectorAll(".month")].reverse().flatMap((month) => [...month.querySelectorAll("a")]);
  const calendars = () => document.querySelectorAll("[data-calendar]").forEach((calendar) => {
    const all = cells(calendar);
    all.forEach((cell, number) => { cell.tabIndex = number === all.length - 1 ? 0 : -1; });
  });
  const move = (event, cell) => {
    const all = cells(cell.closest("[data-calendar]"));
    const next = all[all.indexOf(cell) + STEPS[event.key]];
    if (!next) return;
    event.preventDefault();
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  };

  document.addEventListener("click", (event) => {
    const anchor = event.target.closest?.("a[data-leave]");
    if (anchor) leave(event, anchor);
  });
  document.addEventListener("submit", (event) => {
    event.preventDefault();
    send(event.target);
  });
  document.addEventListener("keydown", (event) => {
    const cell = event.target.closest?.("[data-calendar] a");
    if (cell && event.key in STEPS) move(event, cell);
  });
  document.addEventListener("DOMContentLoaded", () => { calendars(); watch(); });
})();
