"use strict";
/* Keeps a page up to date: reads the stream of states at "events", beside the page, and hands each one to `page.js`.

   Says when the stream is lost, since when, and why; tries again until netmon has ended. While text is selected or a chart
   is dragged, and while the page is paused, the newest state waits. */
(() => {
  const $ = (id) => document.getElementById(id);
  const SILENCE = 30_000; // milliseconds without a sign of life after which the stream is lost: three beats
  const WAITS = [1, 2, 5, 10, 15]; // seconds before each next try; the last one is repeated
  const REASONS = {
    403: "netmon was started anew, with another address for this page, which it prints when it starts",
    404: "nothing is served here",
    503: "too many people are looking at this page",
  };

  const box = $("live"), text = $("live-text"), pause = $("pause"), trouble = $("trouble");
  let { clock } = JSON.parse($("data").textContent);
  let number = Number(box.dataset.number); // of the newest state that has come
  let newest = null; // the newest state, as long as it is not shown
  let stream = null, heard = Date.now(), lostAt = null, tries = 0, retry = 0;
  let isOpen = false, isPaused = false, isDragging = false, hasEnded = false;

  /** A time as the page shows it: local to the machine that captures. */
  const time = (milliseconds) => new Date(milliseconds + 1000 * clock.offset).toISOString().slice(11, 19);
  const known = () => (clock.end ? `what was known at ${time(1000 * clock.end)}` : "nothing yet");

  const isSelecting = () => !getSelection().isCollapsed;

  const tell = () => {
    const at = clock.end ? ` ${time(1000 * clock.end)}` : "";
    box.dataset.state = hasEnded ? "ended" : lostAt !== null ? "lost" : isPaused ? "paused" : isOpen ? "live" : "opening";
    text.textContent = {
      ended: `Ended${at}`,
      lost: "Stream lost",
      paused: `Paused${at}`,
      opening: "Connecting",
      live: newest ? `Waits while text is selected${at}` : `Live${at}`,
    }[box.dataset.state];
    pause.textContent = isPaused ? "Resume" : "Pause";
    pause.hidden = hasEnded;
  };

  /** Says what is wrong, at the bottom of the window and to screen readers; nothing if all is well. */
  const say = (what) => {
    trouble.hidden = !what;
    if (trouble.textContent !== what) trouble.textContent = what;
  };

  const show = () => {
    if (newest && !((isPaused || isDragging || isSelecting()) && !hasEnded)) {
      const state = newest;
      newest = null;
      ({ clock } = state.document);
      document.dispatchEvent(new CustomEvent("netmon-update", { detail: state }));
      document.title = `${state.document.answer.headline} - netmon`;
    }
    tell();
  };

  const alive = () => {
    heard = Date.now();
    tries = 0;
    if (isOpen && lostAt === null) return;
    isOpen = true;
    lostAt = null;
    say("");
    tell();
  };

  const close = () => {
    stream?.close();
    stream = null;
    clearTimeout(retry);
  };

  const lost = (why) => {
    if (hasEnded) return;
    close();
    lostAt ??= Date.now();
    const wait = WAITS[Math.min(tries, WAITS.length - 1)];
    tries += 1;
    retry = setTimeout(again, 1000 * wait);
    tell();
    say(`The stream has been lost since ${time(lostAt)}${why ? `: ${why}` : ""}. This page shows ${known()}, and tries again.`);
  };

  const end = () => {
    hasEnded = true;
    close();
    show();
    say(`netmon has ended. This page shows ${known()}.`);
  };

  const address = () => {
    const url = new URL("events", location.href);
    url.search = location.search;
    url.searchParams.set("after", number);
    return url;
  };

  const open = () => {
    close();
    const made = (stream = new EventSource(address()));
    made.addEventListener("open", alive);
    made.addEventListener("beat", alive);
    made.addEventListener("state", (event) => {
      alive();
      number = Number(event.lastEventId);
      newest = JSON.parse(event.data);
      show();
    });
    made.addEventListener("end", end);
    made.addEventListener("error", () => { if (made === stream) lost(""); });
  };

  /** Asks first whether there is a stream, since an EventSource does not tell why there is none. */
  const again = async () => {
    clearTimeout(retry);
    try {
      const answer = await fetch(address(), { method: "HEAD" });
      if (hasEnded || stream) return;
      if (answer.ok) open();
      else lost(REASONS[answer.status] ?? `the server answers ${answer.status}`);
    } catch {
      if (!hasEnded && !stream) lost("netmon cannot be reached");
    }
  };

  const soon = () => { if (lostAt !== null && !hasEnded) again(); };

  pause.addEventListener("click", () => { isPaused = !isPaused; show(); });
  document.addEventListener("selectionchange", () => { if (newest) show(); });
  document.addEventListener("pointerdown", (event) => { isDragging = Boolean(event.target.closest?.(".canvas")); });
  for (const kind of ["pointerup", "pointercancel"]) document.addEventListener(kind, () => { isDragging = false; if (newest) show(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(); });
  addEventListener("online", soon);
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => { if (event.persisted && !hasEnded) open(); });
  setInterval(() => { if (stream && Date.now() - heard > SILENCE) lost("nothing has come for half a minute"); }, 5_000);

  box.hidden = false;
  tell();
  open();
})();
