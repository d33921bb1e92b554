"use strict";
// Shows a line about failed days on Airflow's home page. Airflow's own counters do not include these days: they count
// runs by logical date, which runs with a partition key do not have, and by a time that for backfills is in the past.
(() => {
  const { createElement, useEffect, useState } = globalThis.React;
  const REFRESH_MS = 60000;
  const address = (path) => new URL(path, document.baseURI).href;
  const STYLE = {
    order: 1, // Airflow's alerts have 1, its heading 2.
    padding: "0.75rem 1rem",
    border: "1px solid #dc2626",
    borderLeftWidth: "0.5rem",
    borderRadius: "0.375rem",
  };

  const read = async () => {
    const answer = await fetch(address("mixpanel-aep/board/failed"), { credentials: "same-origin" }).catch(() => null);
    return answer?.ok ? answer.json() : null;
  };

  globalThis.MixpanelAepHome = () => {
    const [found, setFound] = useState(null);
    useEffect(() => {
      let isShown = true;
      const refresh = async () => {
        if (document.hidden) return;
        const fresh = await read();
        if (isShown && fresh) setFound(fresh);
      };
      refresh();
      const timer = setInterval(refresh, REFRESH_MS);
      return () => { isShown = false; clearInterval(timer); };
    }, []);
    if (!found?.sentence) return null;
    const link = createElement(
      "a", { href: address("plugin/mixpanel-aep-nav"), style: { textDecoration: "underline" } }, "Open the board"
    );
    return createElement("div", { role: "status", style: STYLE }, found.sentence, " ", link);
  };
})();
