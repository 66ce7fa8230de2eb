// Tools of all of nacre's pages that draw: axes, frames, tips, and tables that sort. A page has this script first; it leaves one
// name behind. Nothing is loaded; text enters a page by textContent only.
"use strict";
const nacrePlot = (() => {
  // --- small tools ---------------------------------------------------------------------------------------------------

  const SVG = "http://www.w3.org/2000/svg";  // a name, not an address: nothing is fetched

  function make(tag, attributes = {}, text = null, parent = null) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== null) node.textContent = text;
    if (parent) parent.append(node);
    return node;
  }

  function draw(tag, attributes, parent, text = null) {
    const node = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== null) node.textContent = text;
    parent.append(node);
    return node;
  }

  const isShare = (spec) => spec.name.includes("accuracy");

  // The unit that fits numbers up to `size`: [scale, suffix].
  function unitFor(spec, size) {
    if (isShare(spec)) return [0.01, "%"];
    const steps = spec.unit === "s" ? [[3600, "h"], [60, "min"], [1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]]
      : spec.unit === "J" ? [[1, "J"], [1e-3, "mJ"], [1e-6, "µJ"], [1e-9, "nJ"]]
      : spec.unit === "B" ? [[1 << 30, "GiB"], [1 << 20, "MiB"], [1 << 10, "KiB"], [1, "B"]]
      : spec.unit === "" ? [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]] : [[1, spec.unit]];
    return steps.find(([scale]) => size >= 2 * scale) || (spec.unit === "" ? [1, ""] : steps[steps.length - 1]);
  }

  function numberText(spec, value, size = Math.abs(value)) {
    const [scale, suffix] = unitFor(spec, size);
    return `${+(value / scale).toPrecision(4)}${suffix ? " " + suffix : ""}`;
  }

  // Axes: maps values to pixels and gives ticks, round numbers in the unit shown. Logarithmic when asked for, all values are
  // positive, and they span a factor of 20. `whole`: of things that are counted.
  function axis(spec, values, from, to, { logarithmic = false, count = 5, padding = 0.05, whole = false } = {}) {
    let low = Math.min(...values), high = Math.max(...values);
    const isLog = logarithmic && low > 0 && high / low > 20;
    const forth = isLog ? Math.log : (x) => x;
    if (low === high) { const pad = Math.abs(low) * 0.1 || 1; low -= pad; high += pad; }
    let [a, b] = [forth(low), forth(high)];
    [a, b] = [a - padding * (b - a), b + padding * (b - a)];
    const map = (value) => from + (forth(value) - a) / (b - a) * (to - from);
    const size = Math.max(Math.abs(low), Math.abs(high)), [scale] = unitFor(spec, size);
    const ticks = [];
    if (isLog) {
      const factors = (b - a) > Math.log(200) ? [1] : [1, 2, 5];
      for (let power = Math.floor(a / Math.LN10); power <= Math.ceil(b / Math.LN10); ++power) {
        for (const factor of factors) ticks.push(factor * 10 ** power);
      }
    } else {
      const raw = (b - a) / scale / count, power = 10 ** Math.floor(Math.log10(raw));
      const step = [1, 2, 2.5, 5, 10].map((f) => f * power).find((s) => s >= raw && (!whole || Number.isInteger(s * scale))) || 1;
      for (let i = Math.ceil(a / scale / step); i * step * scale <= b; ++i) ticks.push(i * step * scale);
    }
    const text = isLog ? (value) => numberText(spec, value) : (value) => numberText(spec, value, size);
    return { map, low, high, text, ticks: ticks.filter((t) => forth(t) >= a && forth(t) <= b) };
  }

  function quantile(values, share) {
    const sorted = [...values].sort((x, y) => x - y);
    return sorted[Math.floor(share * (sorted.length - 1))];
  }

  // --- the frame of a plot -------------------------------------------------------------------------------------------

  // Draws axes and returns the drawing area. `options`: x, y (specs), xs, ys (values that must be seen), height, label; logY,
  // linearX: logarithmic where that helps, or not.
  function frame(holder, options) {
    const width = Math.max(260, holder.clientWidth), height = options.height || Math.round(Math.min(340, Math.max(230, width * 0.62)));
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "group", "aria-label": options.label }, holder);
    const box = { left: 54, right: width - 10, top: 24, bottom: height - 40 };
    const x = axis(options.x, options.xs, box.left, box.right, { logarithmic: !options.linearX, count: width < 420 ? 4 : 6, padding: options.padX ?? 0.05, whole: options.whole });
    const y = axis(options.y, options.ys, box.bottom, box.top, { count: 6, logarithmic: options.logY });
    const grid = draw("g", { class: "grid", "aria-hidden": "true" }, svg);
    let right = -Infinity;
    for (const tick of x.ticks) {
      const at = x.map(tick), text = x.text(tick), half = text.length * 3.3;
      draw("line", { x1: at, x2: at, y1: box.top, y2: box.bottom }, grid);
      if (at - half < right + 8) continue;  // would touch the one before
      draw("text", { x: Math.min(at, width - half), y: box.bottom + 16, "text-anchor": "middle" }, grid, text);
      right = at + half;
    }
    for (const tick of y.ticks) {
      const at = y.map(tick);
      draw("line", { x1: box.left, x2: box.right, y1: at, y2: at }, grid);
      draw("text", { x: box.left - 7, y: at + 4, "text-anchor": "end" }, grid, y.text(tick));
    }
    draw("rect", { class: "frame", x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top }, svg);
    draw("text", { class: "axis-title", x: 0, y: 12 }, svg, options.yTitle || options.y.name);
    draw("text", { class: "axis-title", x: box.right, y: height - 5, "text-anchor": "end" }, svg, options.xTitle || options.x.name);
    return { svg, x, y, box, width, height };
  }

  // What a mark is, beside it. One tip per plot; `area` gives its place.
  function tipFor(holder) {
    const tip = make("div", { class: "tip", role: "status", hidden: "" }, null, holder);
    return {
      show(fill, x, y, width) {
        tip.replaceChildren();
        fill(tip);
        tip.hidden = false;
        const offset = holder.querySelector(":scope > svg").offsetTop || holder.querySelector(":scope > svg").getBoundingClientRect().top - holder.getBoundingClientRect().top;
        const left = x + 14 + tip.offsetWidth > width ? Math.max(0, x - 14 - tip.offsetWidth) : x + 14;
        tip.style.left = `${left}px`;
        tip.style.top = `${offset + Math.max(0, y - tip.offsetHeight / 2)}px`;
      },
      hide() { tip.hidden = true; },
    };
  }

  // Follows the pointer: the nearest of `marks` ({x, y, fill}) within reach is circled and described.
  function follow(area, marks, tip) {
    const cursor = draw("circle", { class: "cursor", r: 8, visibility: "hidden" }, area.svg);
    const show = (mark) => {
      cursor.setAttribute("cx", mark.x);
      cursor.setAttribute("cy", mark.y);
      cursor.setAttribute("visibility", "visible");
      tip.show(mark.fill, mark.x, mark.y, area.width);
    };
    const hide = () => { cursor.setAttribute("visibility", "hidden"); tip.hide(); };
    const nearest = (event) => {
      const place = area.svg.getBoundingClientRect(), scale = area.width / place.width;
      const x = (event.clientX - place.left) * scale, y = (event.clientY - place.top) * scale;
      let best = null, least = 28 ** 2;
      for (const mark of marks) {
        const distance = (mark.x - x) ** 2 + (mark.y - y) ** 2 - (mark.weight || 0);
        if (distance < least) { least = distance; best = mark; }
      }
      if (best) show(best); else hide();
    };
    area.svg.addEventListener("pointermove", nearest);
    area.svg.addEventListener("pointerdown", nearest);
    area.svg.addEventListener("pointerleave", hide);
    return { show, hide };
  }

  // Draws again when the width changes. `paint(holder)` fills an empty holder.
  function responsive(holder, paint) {
    let width = -1;
    const again = () => {
      if (holder.clientWidth === width || holder.clientWidth === 0) return;
      width = holder.clientWidth;
      holder.replaceChildren();
      paint(holder);
    };
    new ResizeObserver(again).observe(holder);
    again();
    return () => { width = -1; again(); };
  }

  function choices(holder, names, current, chosen) {
    const bar = make("div", { class: "choices" });
    const buttons = names.map((name) => make("button", { type: "button", "aria-pressed": String(name === current) }, name, bar));
    buttons.forEach((button, i) => button.addEventListener("click", () => {
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      chosen(names[i]);
    }));
    holder.before(bar);
  }

  // --- tables: a click on a heading sorts ----------------------------------------------------------------------------

  function sortKey(cell) {
    const value = cell.querySelector("data");
    const number = parseFloat(value ? value.value : cell.textContent);
    return Number.isNaN(number) ? cell.textContent : number;
  }

  // Every table with data-sortable.
  function sortable() {
    for (const table of document.querySelectorAll("table[data-sortable]")) {
      const headings = [...table.tHead.rows[0].cells];
      headings.forEach((heading, column) => {
        const button = make("button", { type: "button", class: "sort" });
        button.append(...heading.childNodes);
        heading.append(button);
        button.addEventListener("click", () => {
          const rising = heading.getAttribute("aria-sort") !== "ascending";
          headings.forEach((other) => other.removeAttribute("aria-sort"));
          heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
          const rows = [...table.tBodies[0].rows].map((row, i) => [sortKey(row.cells[column]), i, row]);
          const compare = (a, b) => typeof a === typeof b ? (typeof a === "number" ? a - b : a.localeCompare(b)) : (typeof a === "number" ? -1 : 1);
          rows.sort((p, q) => (rising ? 1 : -1) * compare(p[0], q[0]) || p[1] - q[1]);
          table.tBodies[0].append(...rows.map((row) => row[2]));
        });
      });
    }
  }

  return { make, draw, unitFor, numberText, quantile, frame, tipFor, follow, responsive, choices, sortable };
})();
