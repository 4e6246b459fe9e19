"use strict";
/* What the page does beyond its HTML: sorts and filters tables, zooms charts into a part of the time, switches the theme.

   The document is the JSON in #data. Texts of it become text nodes only. Numbers are shown as `columns.py` shows them, and
   a test compares both. Charts are drawn by netmon; zooming looks at a part of a chart.

   An event "netmon-update" brings a newer document and its parts as HTML, as `render.parts` makes them. What was sorted,
   filtered, chosen and read stays as it is. */
(() => {
  const $ = (id) => document.getElementById(id);
  const VERSION = 1;
  const SVG = "http://www.w3.org/2000/svg";
  const FIRST = Number(document.querySelector("main").dataset.rows); // rows that are shown at first
  const PAGE = 100; // rows that "Show more" adds

  let data, clock, points, place, spansDays;
  const use = (document) => {
    data = document;
    ({ clock, points } = data);
    place = Object.fromEntries(points.names.map((name, at) => [name, at]));
    spansDays = clock.end - clock.start > 86400 || dated(clock.start).slice(0, 10) !== dated(clock.end).slice(0, 10);
  };

  // Numbers and times as text

  /** As Python rounds: a number halfway between two goes to the even one. */
  const fixed = (x, digits) => {
    const scaled = x * 10 ** digits, below = Math.floor(scaled);
    const isHalf = scaled - below === 0.5 && (x * 2 ** (digits + 1)) % 1 === 0;
    return isHalf ? ((below % 2 ? below + 1 : below) / 10 ** digits).toFixed(digits) : x.toFixed(digits);
  };
  const count = (n) => fixed(n, 0).replace(/\B(?=(\d{3})+$)/g, " ");
  const scaled = (value, unit) => {
    const prefixes = ["", "k", "M", "G", "T", "P", "E"];
    let at = 0;
    while (Math.abs(value) >= 999.95 && at < 6) { value /= 1000; at += 1; }
    return `${fixed(value, 1).replace(/\.0$/, "")} ${prefixes[at]}${unit}`.trimEnd();
  };
  const rate = (n) => (n > 0 && n < 0.05 ? "<0.1" : n > 0 && n < 99.95 ? fixed(n, 1) : n < 999999.5 ? count(n) : scaled(n, ""));
  const percent = (share) => {
    if (share <= 0) return "0 %";
    if (share < 0.001) return "<0.1 %";
    return share < 0.0995 ? `${fixed(share * 100, 1)} %` : `${fixed(share >= 1 ? 100 : Math.min(share * 100, 99), 0)} %`;
  };
  const latency = (seconds) => {
    const ms = seconds * 1000;
    if (ms < 0.0995) return seconds ? `${fixed(ms * 1000, 0)} us` : "0 ms";
    if (ms < 9.95) return `${fixed(ms, ms < 0.995 ? 2 : 1)} ms`;
    return ms < 999.5 ? `${fixed(ms, 0)} ms` : `${fixed(seconds, 1)} s`;
  };
  const duration = (seconds) => {
    if (seconds > 0 && seconds < 9.95 && Math.round(seconds * 10) !== Math.round(seconds) * 10) return `${fixed(seconds, 1)} s`;
    let rest = Number(fixed(seconds, 0));
    const parts = [];
    for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]]) {
      const amount = Math.floor(rest / size);
      rest -= amount * size;
      if (amount) parts.push(`${amount} ${unit}`);
    }
    return parts.slice(0, 2).join(" ") || "0 s";
  };
  const dated = (at) => new Date(Math.floor((at + clock.offset) * 1000)).toISOString().slice(0, 19).replace("T", " ");
  const moment = (at) => (spansDays ? dated(at) : dated(at).slice(11));
  const shown = (kind, value) => {
    if (value === null) return kind === "status" ? "none" : "-";
    switch (kind) {
      case "count": return count(value);
      case "share": return percent(value);
      case "latency": return latency(value / 1e6);
      case "size": return scaled(value, "B");
      case "time": return moment(value);
      default: return String(value) || "-";
    }
  };

  // The theme, which `early.js` has set already

  const setUpTheme = () => {
    const select = $("theme");
    select.value = document.documentElement.dataset.theme ?? "";
    select.closest("label").hidden = false;
    select.addEventListener("change", () => {
      if (select.value) document.documentElement.dataset.theme = select.value;
      else delete document.documentElement.dataset.theme;
      try {
        if (select.value) localStorage.setItem("netmon-theme", select.value);
        else localStorage.removeItem("netmon-theme");
      } catch { /* storage may be forbidden: the theme lasts as long as the page */ }
    });
  };

  // Tables

  class Listing {
    /** `before` is the listing that this one replaces, whose order and filter it takes over. */
    constructor(element, before) {
      this.name = element.dataset.table;
      this.body = element.querySelector("tbody");
      this.heads = [...element.querySelectorAll("thead th")];
      this.input = element.querySelector("input");
      this.found = element.querySelector(".found");
      this.more = element.querySelector(".more");
      this.left = element.querySelector(".left");
      this.atFirst = this.most = this.body.rows.length;
      this.use(data.tables[this.name]);
      this.at = this.columns.findIndex((column) => column.key === this.table.by);
      this.descending = true;
      this.heads.forEach((head, at) => this.makeSortable(head, at));
      if (before) this.takeOver(before);
      this.input.addEventListener("input", () => { this.most = this.atFirst; this.show(); });
      this.more.addEventListener("click", () => this.showMore());
      element.querySelector(".tools").hidden = false;
      element.querySelector(".without")?.remove();
      this.tell();
    }

    use(table) {
      this.table = table;
      this.columns = table.columns;
      this.time = this.columns.findIndex((column) => column.kind === "time");
      this.tops = this.columns.map((column, at) => (column.bar ? Math.max(0, ...table.rows.map((row) => row[at] ?? 0)) : 0));
      this.texts = this.columns.flatMap((column, at) => (column.kind === "text" || column.kind === "status" ? [at] : []));
    }

    takeOver(before) {
      const at = this.columns.findIndex((column) => column.key === before.columns[before.at].key);
      if (at >= 0) [this.at, this.descending] = [at, before.descending];
      this.input.value = before.input.value;
      this.atFirst = this.most = Math.max(before.most, Math.min(this.table.rows.length, FIRST));
      this.span = before.span;
      this.sayOrder();
      this.show();
    }

    /** Takes newer rows of the same columns; returns whether the columns are the same. */
    update(table) {
      if (table.columns.map((column) => column.key).join() !== this.columns.map((column) => column.key).join()) return false;
      this.atFirst = Math.max(this.atFirst, Math.min(table.rows.length, FIRST));
      this.most = Math.max(this.most, this.atFirst);
      this.use(table);
      this.left.textContent = table.left ? `${count(table.left)} more ${table.noun}s with lower figures are not in this page.` : "";
      this.show();
      return true;
    }

    isWithin(row) {
      return this.time < 0 || !this.span || (row[this.time] >= this.span[0] && row[this.time] < this.span[1]);
    }

    makeSortable(head, at) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const isText = this.columns[at].kind === "text";
        this.descending = this.at === at ? !this.descending : !isText;
        this.at = at;
        this.sayOrder();
        this.show();
      });
    }

    sayOrder() {
      this.heads.forEach((each) => each.removeAttribute("aria-sort"));
      this.heads[this.at].setAttribute("aria-sort", this.descending ? "descending" : "ascending");
    }

    /** The rows that match, sorted; rows without a value come last. */
    rows() {
      const wanted = this.input.value.trim().toLowerCase();
      const matches = (row) => !wanted || this.texts.some((at) => String(row[at]).toLowerCase().includes(wanted));
      const at = this.at, sign = this.descending ? -1 : 1;
      const compare = (a, b) => {
        if (a[at] === b[at]) return 0;
        if (a[at] === null || b[at] === null) return a[at] === null ? 1 : -1;
        return sign * (a[at] < b[at] ? -1 : 1);
      };
      return this.table.rows.filter((row) => matches(row) && this.isWithin(row)).sort(compare);
    }

    show() {
      const rows = this.rows(), focused = [...this.body.rows].indexOf(document.activeElement);
      this.body.replaceChildren(...rows.slice(0, this.most).map((row) => this.row(row)));
      this.focusRow(focused);
      this.tell(rows);
    }

    showMore() {
      const before = this.body.rows.length;
      this.most += PAGE;
      this.show();
      this.focusRow(before); // the focus goes on with the first new row
    }

    focusRow(at) {
      const row = this.body.rows[at];
      if (row) { row.tabIndex = -1; row.focus({ preventScroll: true }); }
    }

    tell(rows = this.table.rows) {
      const all = this.table.rows.length, left = rows.length - this.body.rows.length;
      const many = (n) => `${count(n)} ${this.table.noun}${n === 1 ? "" : "s"}`;
      this.found.textContent = rows.length === all ? many(all) : `${count(rows.length)} of ${many(all)}`;
      if (left > 0) this.found.textContent += `, ${count(this.body.rows.length)} shown`;
      this.more.hidden = left <= 0;
    }

    row(values) {
      const row = document.createElement("tr");
      row.append(...values.map((value, at) => this.cell(value, at)));
      return row;
    }

    cell(value, at) {
      const { kind, bar } = this.columns[at];
      const cell = document.createElement(at ? "td" : "th");
      if (!at) cell.scope = "row";
      cell.className = kind + (value === 0 ? " zero" : "") + (kind === "status" && value ? ` s${Math.floor(value / 100)}` : "");
      if (bar) cell.append(barOf(this.tops[at] ? fixed((100 * (value ?? 0)) / this.tops[at], 1) : "0"));
      cell.append(shown(kind, value));
      return cell;
    }
  }

  const barOf = (part) => {
    const svg = document.createElementNS(SVG, "svg"), rect = document.createElementNS(SVG, "rect");
    svg.setAttribute("class", "bar");
    svg.setAttribute("aria-hidden", "true");
    rect.setAttribute("width", `${part}%`);
    rect.setAttribute("height", "100%");
    svg.append(rect);
    return svg;
  };

  // Time

  const timeOf = (at) => points.start + at * points.step;

  /** Labels of the time axis, as `axes.py` makes them. */
  const labels = (start, seconds) => {
    const step = points.labels.find((each) => seconds / each <= points.most_labels) ?? points.labels.at(-1), made = [];
    for (let at = Math.ceil((start + clock.offset) / step) * step - clock.offset; at <= start + seconds; at += step) {
      const text = dated(at), time = text.slice(11, step < 60 ? 19 : 16);
      made.push([(at - start) / seconds, step >= 86400 ? text.slice(5, 10) : spansDays ? `${text.slice(5, 10)} ${time}` : time]);
    }
    return made;
  };

  /** A quantile of the latencies of some points, as `latencies.py` computes it. */
  const quantile = (chosen, q) => {
    const sums = new Map();
    let n = 0, least = Infinity, greatest = 0;
    for (const number of chosen) {
      const [first, ...counts] = points.latencies[number], row = points.rows[number];
      counts.forEach((k, at) => { if (k) { sums.set(first + at, (sums.get(first + at) ?? 0) + k); n += k; } });
      if (row[place.max] !== null) { least = Math.min(least, row[place.min]); greatest = Math.max(greatest, row[place.max]); }
    }
    if (!n) return null;
    let left = Math.max(1, Math.ceil(q * n));
    for (const bucket of [...sums.keys()].sort((a, b) => a - b)) {
      left -= sums.get(bucket);
      if (left <= 0) return Math.min(Math.max(2 ** ((bucket + 0.5) / 2 ** points.scale), least / 1e6), greatest / 1e6);
    }
    return greatest / 1e6;
  };

  /** What happened in the points from `from` up to `to`, in one line. */
  const told = (from, to) => {
    const chosen = points.rows.flatMap((row, number) => (row[0] >= from && row[0] < to ? [number] : []));
    const sum = (name) => chosen.reduce((total, number) => total + points.rows[number][place[name]], 0);
    const start = Math.max(timeOf(from), clock.start), end = Math.min(timeOf(to), clock.end); // the run may begin within a point
    const seconds = Math.max(end - start, 0) || points.step, responses = sum("responses"), errors = sum("errors"), lost = sum("lost");
    const parts = [`${moment(start)} to ${moment(end)} (${duration(seconds)}): ${count(sum("requests"))} requests, ${rate(sum("requests") / seconds)}/s`];
    parts.push(`${count(errors)} server errors (${percent(responses ? errors / responses : 0)})`);
    const [p50, p95, p99] = [0.5, 0.95, 0.99].map((q) => quantile(chosen, q));
    if (p50 !== null) parts.push(`p50 ${latency(p50)}, p95 ${latency(p95)}, p99 ${latency(p99)}`);
    if (lost) parts.push(`${count(lost)} packets lost`);
    return `${parts.join("; ")}.`;
  };

  class Time {
    constructor(listings) {
      [this.from, this.to, this.moment] = ["from", "to", "moment"].map($);
      this.listings = listings;
      for (const input of [this.from, this.to]) input.addEventListener("input", () => this.choose(Number(this.from.value), Number(this.to.value), input === this.from));
      this.moment.addEventListener("input", () => this.read(Number(this.moment.value)));
      const on = (id, act) => $(id).addEventListener("click", act);
      on("whole", () => this.choose(0, points.count));
      on("nearer", () => this.scale(0.5));
      on("farther", () => this.scale(2));
      this.span = [0, points.count];
      this.reading = null; // the point that is read off
      this.setUp();
    }

    /** Goes on with the charts and points that there are now. */
    setUp() {
      $("zoom").hidden = !points.count;
      this.charts = [...document.querySelectorAll(".chart")].map((figure) => this.setUpChart(figure));
      this.from.max = points.count - 1;
      this.to.max = points.count;
      if (points.count) this.show();
    }

    /** What was chosen, as times that hold for a newer document as well; null stands for an end. */
    get times() {
      const [from, to] = this.span;
      return [from === 0 ? null : timeOf(from), to === points.count ? null : timeOf(to), this.reading === null ? null : timeOf(this.reading)];
    }

    set times([from, to, reading]) {
      const at = (time) => Math.min(Math.max(Math.round((time - points.start) / points.step), 0), points.count - 1);
      const first = from === null ? 0 : at(from);
      this.span = [first, to === null ? points.count : Math.max(first + 1, at(to))];
      this.reading = reading === null ? null : at(reading);
      this.setUp();
    }

    setUpChart(figure) {
      const canvas = figure.querySelector(".canvas"), view = figure.querySelector(".view");
      const make = (name, attributes) => {
        const made = document.createElementNS(SVG, name);
        for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
        canvas.append(made);
        return made;
      };
      const chart = { view, height: view.getAttribute("height"), axis: figure.querySelector(".xaxis") };
      chart.chosen = make("rect", { class: "chosen", y: 0, height: "100%", width: 0 });
      chart.cursor = make("line", { class: "cursor", y1: 0, y2: "100%", visibility: "hidden" });
      let start = null;
      const at = (event) => {
        const box = canvas.getBoundingClientRect();
        return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
      };
      const point = (part) => this.span[0] + part * (this.span[1] - this.span[0]);
      canvas.addEventListener("pointerdown", (event) => {
        if (event.button) return;
        start = at(event);
        canvas.setPointerCapture(event.pointerId);
      });
      canvas.addEventListener("pointermove", (event) => {
        const part = at(event);
        this.read(Math.min(Math.floor(point(part)), this.span[1] - 1));
        if (start === null) return;
        chart.chosen.setAttribute("x", `${100 * Math.min(start, part)}%`);
        chart.chosen.setAttribute("width", `${100 * Math.abs(part - start)}%`);
      });
      const end = (event) => {
        const part = at(event), began = start;
        start = null;
        chart.chosen.setAttribute("width", 0);
        if (event.type === "pointerup" && began !== null && Math.abs(part - began) > 0.01) {
          this.choose(Math.floor(point(Math.min(began, part))), Math.ceil(point(Math.max(began, part))));
        }
      };
      canvas.addEventListener("pointerup", end);
      canvas.addEventListener("pointercancel", end);
      return chart;
    }

    scale(factor) {
      const [from, to] = this.span, middle = (from + to) / 2, half = ((to - from) * factor) / 2;
      this.choose(Math.floor(middle - half), Math.ceil(middle + half));
    }

    /** Chooses a part of the time. Where the ends cross, the one that was not moved gives way. */
    choose(from, to, isFrom = true) {
      from = Math.min(Math.max(from, 0), points.count - 1);
      to = Math.min(Math.max(to, 1), points.count);
      if (from >= to) { if (isFrom) to = from + 1; else from = to - 1; }
      this.span = [from, to];
      this.show();
    }

    show() {
      const [from, to] = this.span, start = timeOf(from), end = timeOf(to), isWhole = from === 0 && to === points.count;
      this.from.value = from;
      this.to.value = to;
      this.from.setAttribute("aria-valuetext", moment(start));
      this.to.setAttribute("aria-valuetext", moment(end));
      $("range").textContent = told(from, to);
      this.moment.min = from;
      this.moment.max = to - 1;
      if (this.reading !== null) this.reading = Math.min(Math.max(this.reading, from), to - 1);
      this.read(this.reading);
      const made = labels(start, end - start);
      for (const { view, height, axis } of this.charts) {
        view.setAttribute("viewBox", `${from} 0 ${to - from} ${height}`);
        axis.replaceChildren(...made.map(([part, text]) => {
          const label = document.createElementNS(SVG, "text");
          label.setAttribute("x", `${fixed(100 * part, 2)}%`);
          label.setAttribute("y", "14");
          if (part < 0.02 || part > 0.97) label.setAttribute("class", part < 0.02 ? "first" : "last");
          label.textContent = text;
          return label;
        }));
      }
      for (const listing of this.listings.values()) {
        if (listing.time < 0) continue;
        listing.span = isWhole ? null : [start, end];
        listing.show();
      }
      points.rows.forEach((row, number) => { $("points").tBodies[0].rows[number].hidden = row[0] < from || row[0] >= to; });
      this.showAlerts(start, end, isWhole);
    }

    showAlerts(start, end, isWhole) {
      const rows = $("alert-list")?.tBodies[0].rows;
      if (!rows) return;
      const within = data.alerts.map((alert) => isWhole || (alert.since < end && (alert.until ?? Infinity) >= start));
      within.forEach((isShown, number) => { rows[number].hidden = !isShown; });
      const n = within.filter(Boolean).length;
      $("alerts-found").textContent = isWhole ? "" : `${count(n)} of ${count(within.length)} in the chosen time.`;
    }

    /** Moves the line that all charts share to a point, and tells its figures; null takes the line away. */
    read(at) {
      const [from, to] = this.span, text = at === null ? "" : told(at, at + 1);
      this.reading = at;
      this.moment.value = at ?? from;
      this.moment.setAttribute("aria-valuetext", text || moment(timeOf(from)));
      $("reading").textContent = text;
      for (const { cursor } of this.charts) {
        const x = `${(100 * ((at ?? from) + 0.5 - from)) / (to - from)}%`;
        cursor.setAttribute("x1", x);
        cursor.setAttribute("x2", x);
        cursor.setAttribute("visibility", at === null ? "hidden" : "visible");
      }
    }
  }

  // A newer document

  const silence = () => {
    for (const status of document.querySelectorAll("[role=status]")) status.setAttribute("aria-live", "off");
  };

  const FOCUSABLE = "a, button, input, summary, [tabindex]";

  /** Replaces what is in a part; the focus, what is scrolled and what is open stay. */
  const replace = (part, html) => {
    const focused = [...part.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
    const scrolled = [...part.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
    const open = [...part.querySelectorAll("details")].map((each) => each.open);
    part.innerHTML = html; // escaped by the templates; the policy keeps scripts in it from running
    part.querySelectorAll("details").forEach((each, at) => { each.open = open[at] ?? false; });
    part.querySelectorAll(".scroll").forEach((each, at) => { each.scrollLeft = scrolled[at] ?? 0; });
    return () => { if (focused >= 0) part.querySelectorAll(FOCUSABLE)[focused]?.focus({ preventScroll: true }); };
  };

  const known = new Map(); // the HTML of parts that need no script, as it was set last

  /** Shows a newer document. Only what a person does is announced, so a page that is updated does not talk all the time. */
  const update = (page, { document: next, parts }) => {
    if (next.version !== VERSION) return;
    silence();
    const { times } = page.time;
    use(next);
    for (const [name, html] of Object.entries(parts)) {
      const part = document.querySelector(`[data-part="${CSS.escape(name)}"]`), listing = page.listings.get(name);
      if (!part || known.get(name) === html || (listing && listing.update(data.tables[name]))) continue;
      const focus = replace(part, html), element = part.querySelector(".listing");
      if (element) page.listings.set(name, new Listing(element, listing));
      else page.listings.delete(name);
      if (!element && !part.querySelector(".chart, #points, #alert-list")) known.set(name, html);
      focus();
    }
    silence(); // what came with the parts as well
    page.time.times = times;
  };

  const speakAgain = () => {
    for (const status of document.querySelectorAll("[role=status][aria-live]")) status.removeAttribute("aria-live");
  };

  use(JSON.parse($("data").textContent));
  if (data.version !== VERSION) return;
  setUpTheme();
  const listings = new Map([...document.querySelectorAll(".listing")].map((element) => [element.dataset.table, new Listing(element)]));
  const page = { listings, time: new Time(listings) };
  for (const kind of ["input", "click", "pointerup"]) document.addEventListener(kind, speakAgain, true);
  document.addEventListener("netmon-update", (event) => update(page, event.detail));
})();
