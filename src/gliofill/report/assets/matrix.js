"use strict";
// the list of sessions: only the rows that can be seen are in the page, so ten thousand sessions scroll and sort at once
const cohort = JSON.parse(document.getElementById("data").textContent);
const pageOf = (session) => `${session.replaceAll("/", "_")}.html`;

(() => {
  const ROW = 42; // pixels; the style sheet says the same
  const SPARE = 8; // rows beyond the edges, for the keyboard and for fast scrolling
  const PRINTED = 2000;
  const frame = document.getElementById("matrix");
  const head = document.getElementById("matrix-head");
  const body = document.getElementById("matrix-body");
  const table = document.getElementById("sessions-table");
  const count = document.getElementById("count");
  const find = document.getElementById("find");
  const attention = document.getElementById("attention");
  const total = cohort.sessions.length;
  const searched = cohort.sessions.map((name, i) => `${name} ${cohort.remarks[i]}`.toLowerCase());
  const columns = [
    { key: "session", label: "Session" },
    ...cohort.contrasts.map((contrast) => ({ key: contrast, label: contrast, contrast })),
    { key: "remarks", label: "Remarks" },
  ];
  const selects = {};
  const drawn = new Map();
  let sorted = { key: "session", ascending: true };
  let order = [];
  let above;
  let below;

  function buildHead() {
    for (const column of columns) {
      const cell = document.createElement("th");
      cell.scope = "col";
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.textContent = column.label;
      button.addEventListener("click", () => {
        sorted = { key: column.key, ascending: sorted.key === column.key ? !sorted.ascending : true };
        update();
      });
      cell.append(button);
      column.cell = cell;
      head.append(cell);
    }
  }

  function buildFilters() {
    const place = document.getElementById("state-filters");
    for (const contrast of cohort.contrasts) {
      const label = document.createElement("label");
      const select = document.createElement("select");
      select.id = `state-${contrast}`;
      select.add(new Option("any", ""));
      cohort.labels.forEach((label, i) => {
        if (cohort.cells[contrast].includes(i)) select.add(new Option(label, String(i)));
      });
      label.append(`${contrast} `, select);
      place.append(label);
      selects[contrast] = select;
    }
    const form = document.getElementById("filters");
    form.addEventListener("input", update);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(update));
  }

  function matches(i, wanted, words) {
    for (const [contrast, state] of wanted) if (cohort.cells[contrast][i] !== state) return false;
    if (attention.checked && !cohort.remarks[i]) return false;
    return words.every((word) => searched[i].includes(word));
  }

  function sortKeys() {
    if (sorted.key === "session") return null;
    if (sorted.key === "remarks") return cohort.remarks.map((text) => (text ? 0 : 1));
    return cohort.cells[sorted.key];
  }

  function update() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = Object.entries(selects).flatMap(([c, s]) => (s.value === "" ? [] : [[c, Number(s.value)]]));
    order = [];
    for (let i = 0; i < total; i++) if (matches(i, wanted, words)) order.push(i);
    const keys = sortKeys();
    // sessions come in the order of their names; ties keep it
    if (keys) order.sort((a, b) => (keys[a] - keys[b]) * (sorted.ascending ? 1 : -1) || a - b);
    else if (!sorted.ascending) order.reverse();
    for (const column of columns) {
      const active = column.key === sorted.key;
      if (active) column.cell.setAttribute("aria-sort", sorted.ascending ? "ascending" : "descending");
      else column.cell.removeAttribute("aria-sort");
    }
    count.textContent = order.length === total ? `${total} sessions` : `${order.length} of ${total} sessions`;
    table.setAttribute("aria-rowcount", String(order.length + 1));
    frame.scrollTop = 0;
    for (const row of drawn.values()) row.remove();
    drawn.clear();
    paint();
  }

  function spacer() {
    const row = document.createElement("tr");
    row.setAttribute("aria-hidden", "true");
    row.className = "spacer";
    const cell = document.createElement("td");
    cell.colSpan = columns.length;
    row.append(cell);
    body.append(row);
    return cell;
  }

  function paint(all = false) {
    const first = all ? 0 : Math.max(0, Math.floor(frame.scrollTop / ROW) - SPARE);
    const seen = Math.ceil(frame.clientHeight / ROW) + 2 * SPARE;
    const last = Math.min(order.length, all ? PRINTED : first + seen);
    for (const [position, row] of drawn) {
      if (position >= first && position < last) continue;
      // a row that has the focus stays, or the keyboard would lose its place
      if (row.contains(document.activeElement)) continue;
      row.remove();
      drawn.delete(position);
    }
    let previous = above.parentElement;
    for (let position = first; position < last; position++) {
      let row = drawn.get(position);
      if (!row) {
        row = makeRow(position);
        drawn.set(position, row);
      }
      if (previous.nextElementSibling !== row) previous.after(row);
      previous = row;
    }
    above.style.height = `${first * ROW}px`;
    below.style.height = `${(order.length - last) * ROW}px`;
  }

  function makeRow(position) {
    const i = order[position];
    const row = document.createElement("tr");
    row.setAttribute("aria-rowindex", String(position + 2));
    const name = document.createElement("th");
    name.scope = "row";
    name.title = cohort.sessions[i];
    if (cohort.pages[i]) {
      const link = document.createElement("a");
      link.href = encodeURI(pageOf(cohort.sessions[i]));
      link.textContent = cohort.sessions[i];
      name.append(link);
    } else name.textContent = cohort.sessions[i];
    row.append(name);
    for (const contrast of cohort.contrasts) row.append(makeCell(contrast, i));
    const remarks = document.createElement("td");
    remarks.className = "remarks";
    remarks.textContent = cohort.remarks[i];
    remarks.title = cohort.remarks[i];
    row.append(remarks);
    return row;
  }

  function makeCell(contrast, i) {
    const state = cohort.cells[contrast][i];
    const cell = document.createElement("td");
    const text = document.createElement("span");
    text.className = `state state-${cohort.states[state]}`;
    const mark = document.createElement("span");
    mark.className = "mark";
    mark.setAttribute("aria-hidden", "true");
    mark.textContent = cohort.marks[state];
    text.append(mark, cohort.labels[state]);
    cell.append(text);
    if (cohort.codes[contrast][i]) {
      const code = document.createElement("span");
      code.className = "code muted";
      code.textContent = cohort.codes[contrast][i];
      cell.append(code);
    }
    return cell;
  }

  buildHead();
  buildFilters();
  above = spacer();
  below = spacer();
  let waiting = false;
  frame.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      paint();
    });
  });
  addEventListener("resize", () => paint());
  addEventListener("beforeprint", () => {
    paint(true);
    const note = document.getElementById("print-note");
    note.textContent = order.length > PRINTED ? `The first ${PRINTED} of ${order.length} sessions.` : "";
    below.style.height = "0";
  });
  addEventListener("afterprint", () => paint());
  update();
})();
