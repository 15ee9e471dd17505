"use strict";
// distributions: one strip per contrast, one dot per session
(() => {
  const names = Object.keys(cohort.scores);
  if (!names.length) return;
  document.getElementById("scores-section").hidden = false;
  const select = document.getElementById("score");
  const place = document.getElementById("strips");
  const HEIGHT = 76;
  const MARGIN = 12;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const shorten = (value) => Number(value.toPrecision(3)).toString();
  let strips = [];

  for (const name of names) select.add(new Option(name, name));
  select.addEventListener("change", build);

  function build() {
    place.replaceChildren();
    const columns = cohort.scores[select.value];
    const range = extent(Object.values(columns));
    const order = [...cohort.contrasts, "all"].filter((contrast) => columns[contrast]);
    const others = Object.keys(columns).filter((contrast) => !order.includes(contrast));
    strips = [...order, ...others].map((contrast) => makeStrip(contrast, columns[contrast], range));
    strips.forEach(draw);
  }

  function extent(columns) {
    let low = Infinity;
    let high = -Infinity;
    for (const column of columns) {
      for (const value of column) {
        if (value === null) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    return high > low ? [low, high] : [low - 0.5, high + 0.5];
  }

  function makeStrip(contrast, values, range) {
    const ranked = values.flatMap((value, i) => (value === null ? [] : [i])).sort((a, b) => values[a] - values[b]);
    const box = document.createElement("div");
    box.className = "strip";
    const title = document.createElement("h3");
    const median = values[ranked[Math.floor(ranked.length / 2)]];
    title.textContent = contrast === "all" ? "session" : contrast;
    const facts = document.createElement("span");
    facts.className = "muted";
    facts.textContent = ` ${ranked.length} sessions, median ${shorten(median)}`;
    title.append(facts);
    const canvas = document.createElement("canvas");
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "slider");
    canvas.setAttribute("aria-label", `${select.value}, ${title.textContent}: sessions in the order of their score`);
    canvas.setAttribute("aria-describedby", "strips-help");
    canvas.setAttribute("aria-valuemin", "1");
    canvas.setAttribute("aria-valuemax", String(ranked.length));
    const pointed = document.createElement("p");
    pointed.className = "pointed muted";
    const strip = { contrast, values, ranked, range, canvas, pointed, at: -1 };
    const ends = document.createElement("p");
    ends.className = "muted ends";
    ends.append("lowest: ", ...links(strip, ranked.slice(0, 3)));
    if (ranked.length > 3) ends.append("; highest: ", ...links(strip, ranked.slice(-Math.min(3, ranked.length - 3)).reverse()));
    const line = document.createElement("div");
    line.className = "strip-head";
    line.append(title, pointed);
    box.append(line, canvas, ends);
    place.append(box);
    canvas.addEventListener("pointermove", (event) => point(strip, nearest(strip, event)));
    canvas.addEventListener("pointerleave", () => point(strip, -1));
    canvas.addEventListener("click", (event) => follow(strip, nearest(strip, event)));
    canvas.addEventListener("focus", () => strip.at < 0 && point(strip, 0));
    canvas.addEventListener("blur", () => point(strip, -1));
    canvas.addEventListener("keydown", (event) => key(strip, event));
    canvas.setAttribute("aria-valuenow", "1");
    canvas.setAttribute("aria-valuetext", describe(strip, ranked[0]));
    return strip;
  }

  function links(strip, sessions) {
    return sessions.flatMap((i, n) => {
      const text = describe(strip, i);
      let part = text;
      if (cohort.pages[i]) {
        part = document.createElement("a");
        part.href = encodeURI(pageOf(cohort.sessions[i]));
        part.textContent = text;
      }
      return n ? [", ", part] : [part];
    });
  }

  const describe = (strip, i) => `${cohort.sessions[i]} ${shorten(strip.values[i])}`;

  function stateOf(strip, i) {
    const cells = cohort.cells[strip.contrast];
    return cells ? cohort.states[cells[i]] : "";
  }

  // dots of one pixel column are stacked from the middle outwards
  function layOut(strip, width) {
    const [low, high] = strip.range;
    const columns = new Map();
    const middle = (HEIGHT - 18) / 2;
    strip.points = strip.ranked.map((i, rank) => {
      const x = MARGIN + ((strip.values[i] - low) / (high - low)) * (width - 2 * MARGIN);
      const column = Math.round(x / 5);
      const n = columns.get(column) ?? 0;
      columns.set(column, n + 1);
      const away = Math.min(Math.ceil(n / 2) * 4.5, middle - 4);
      return { x, y: middle + (n % 2 ? -away : away), i, rank };
    });
  }

  function draw(strip) {
    const { canvas } = strip;
    const scale = devicePixelRatio || 1;
    const width = canvas.clientWidth;
    canvas.width = width * scale;
    canvas.height = HEIGHT * scale;
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    layOut(strip, width);
    const colours = { flagged: colour("--flagged"), failed: colour("--failed"), unusable: colour("--unusable") };
    const plain = colour("--accent");
    pen.globalAlpha = strip.points.length > 500 ? 0.35 : 0.8;
    for (const dot of strip.points) {
      const special = colours[stateOf(strip, dot.i)];
      pen.fillStyle = special ?? plain;
      pen.beginPath();
      pen.arc(dot.x, dot.y, special ? 4.5 : 3, 0, 7);
      pen.fill();
    }
    pen.globalAlpha = 1;
    pen.fillStyle = colour("--soft");
    pen.strokeStyle = colour("--line");
    pen.font = "12px system-ui, sans-serif";
    pen.beginPath();
    pen.moveTo(MARGIN, HEIGHT - 17.5);
    pen.lineTo(width - MARGIN, HEIGHT - 17.5);
    pen.stroke();
    const [low, high] = strip.range;
    for (const [part, align] of [[0, "left"], [0.5, "center"], [1, "right"]]) {
      pen.textAlign = align;
      pen.fillText(shorten(low + part * (high - low)), MARGIN + part * (width - 2 * MARGIN), HEIGHT - 4);
    }
    if (strip.at >= 0) {
      const dot = strip.points[strip.at];
      pen.strokeStyle = colour("--focus");
      pen.lineWidth = 2.5;
      pen.beginPath();
      pen.arc(dot.x, dot.y, 6.5, 0, 7);
      pen.stroke();
    }
  }

  function nearest(strip, event) {
    let best = -1;
    let least = 12 ** 2;
    for (const dot of strip.points) {
      const distance = (dot.x - event.offsetX) ** 2 + (dot.y - event.offsetY) ** 2;
      if (distance < least) {
        least = distance;
        best = dot.rank;
      }
    }
    return best;
  }

  function point(strip, rank) {
    if (rank === strip.at) return;
    strip.at = rank;
    strip.canvas.style.cursor = rank >= 0 ? "pointer" : "";
    if (rank >= 0) {
      const text = describe(strip, strip.ranked[rank]);
      strip.canvas.setAttribute("aria-valuenow", String(rank + 1));
      strip.canvas.setAttribute("aria-valuetext", text);
      strip.pointed.textContent = text;
    } else strip.pointed.textContent = "";
    draw(strip);
  }

  function follow(strip, rank) {
    if (rank < 0) return;
    const i = strip.ranked[rank];
    if (cohort.pages[i]) location.href = encodeURI(pageOf(cohort.sessions[i]));
    else strip.pointed.textContent = `${describe(strip, i)} has no page`;
  }

  function key(strip, event) {
    const last = strip.ranked.length - 1;
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 };
    if (event.key === "Enter") follow(strip, strip.at);
    else if (event.key === "Home") point(strip, 0);
    else if (event.key === "End") point(strip, last);
    else if (event.key in steps) point(strip, Math.min(last, Math.max(0, strip.at + steps[event.key])));
    else return;
    event.preventDefault();
  }

  addEventListener("resize", () => strips.forEach(draw));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => strips.forEach(draw));
  build();
})();
