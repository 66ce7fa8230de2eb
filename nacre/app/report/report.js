// Draws the plots of a report with the tools of nacre/app/page/plot.js. Everything comes from the JSON in #report-data, which
// nacre/app/report/plot_data.cpp writes; nothing is loaded. Text enters the page by textContent only.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const { make, draw, unitFor, numberText, quantile, frame, tipFor, follow, responsive, choices, sortable } = nacrePlot;
  const quality = data.quality;  // {name, unit, maximize, description}, like each of data.costs

  // --- marks ---------------------------------------------------------------------------------------------------------

  function symbol(kind, x, y, parent, size = 5) {
    if (kind === "random") {
      return draw("path", { class: "mark-random", d: `M${x} ${y - size}l${size} ${size}l${-size} ${size}l${-size} ${-size}z` }, parent);
    }
    return draw("circle", { class: kind === "front" ? "mark-front" : "mark-trial", cx: x, cy: y, r: kind === "front" ? size + 0.5 : size - 2 }, parent);
  }

  const legendDrawings = {
    front: (svg) => symbol("front", 11, 6, svg),
    random: (svg) => symbol("random", 11, 6, svg),
    trial: (svg) => symbol("trial", 11, 6, svg),
    step: (svg) => draw("path", { class: "step", d: "M1 9H11V3H21" }, svg),
    faint: (svg) => draw("path", { class: "step-faint", d: "M1 9H11V3H21" }, svg),
    limit: (svg) => draw("path", { class: "limit", d: "M1 6H21" }, svg),
    randomLine: (svg) => draw("path", { class: "random-line", d: "M1 6H21" }, svg),
    curveFront: (svg) => draw("path", { class: "curve-front", d: "M1 6H21" }, svg),
    curveFinal: (svg) => draw("path", { class: "curve-front curve-final", d: "M1 6H21" }, svg),
    curveOther: (svg) => draw("path", { class: "curve-other", d: "M1 6H21" }, svg),
  };

  function legend(holder, entries) {
    const list = make("ul", { class: "legend" }, null, holder);
    for (const [kind, text] of entries) {
      const item = make("li", {}, null, list);
      legendDrawings[kind](draw("svg", { viewBox: "0 0 22 12", "aria-hidden": "true" }, item));
      item.append(text);
    }
  }

  function describe(tip, title, rows, text, drawing = null) {
    make("strong", {}, title, tip);
    const list = make("dl", {}, null, tip);
    for (const [name, value] of rows) {
      make("dt", {}, name, list);
      make("dd", {}, value, list);
    }
    if (drawing) drawNetwork(drawing, tip, 300, 74, false);
    if (text) make("p", { class: "decisions" }, text, tip);
  }

  // --- networks as drawings ------------------------------------------------------------------------------------------

  // data.drawings[trial]: {layers: [[kind, kernel, stride, channels, side, macs, params], ...], from, places, ops}; see
  // network_drawing.hpp. A box is a layer, its height its channels, a bow a connection that passes layers by.
  const kinds = ["convolution", "depthwise", "pointwise", "linear", "pool", "join", "other"];
  const kindWords = { convolution: "convolution", depthwise: "depthwise convolution", pointwise: "1×1 convolution", linear: "linear layer", pool: "pooling", join: "joined paths", other: "other" };

  function layerText(drawing, i) {
    const [kind, kernel, stride, channels, side, macs, params] = drawing.layers[i], word = kinds[kind];
    const parts = [kernel > 1 ? `${kernel}×${kernel} ` : "", word === "other" || word === "join" || word === "pool" ? drawing.ops[i] || kindWords[word] : kindWords[word]];
    const facts = [channels ? `${channels} channels` : "", side ? `${side}×${side}` : "", stride > 1 ? `stride ${stride}` : "", macs ? `${numberText({ name: "", unit: "" }, macs)} MACs` : "", params ? `${numberText({ name: "", unit: "" }, params)} parameters` : ""];
    const place = drawing.places[i] ? `${drawing.places[i]}: ` : "";
    return `${place}${parts.join("")}; ${facts.filter(Boolean).join(", ")}`;
  }

  function drawNetwork(drawing, parent, width, height, titles) {
    const count = drawing.layers.length, step = Math.min(26, (width - 12) / count), left = (width - step * count) / 2;
    const top = 18, bottom = height - 13, middle = (top + bottom) / 2;
    const svg = draw("svg", { class: titles ? "net" : "net drawing-small", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, parent);
    if (titles) { svg.setAttribute("width", width); svg.setAttribute("height", height); }
    const at = (i) => left + step * (i + 0.5), widest = Math.max(2, ...drawing.layers.map((layer) => layer[3]));
    const size = (i) => (kinds[drawing.layers[i][0]] === "join" ? 5 : 6 + (bottom - top - 6) * Math.log2(1 + drawing.layers[i][3]) / Math.log2(1 + widest));
    for (let i = 0; i < count; ++i) {
      for (const from of drawing.from[i] || [i - 1]) {
        const x = from < 0 ? Math.max(0, left - 4) : at(from);
        if (i - from <= 1) { draw("path", { class: "net-line", d: `M${x} ${middle}H${at(i)}` }, svg); continue; }
        const rise = Math.min(12, 4 + 1.5 * (i - from)), high = top - 2;
        const start = from < 0 ? middle : middle - size(from) / 2, end = middle - size(i) / 2;
        draw("path", { class: "net-line", d: `M${x} ${start}C${x} ${high - rise} ${at(i)} ${high - rise} ${at(i)} ${end}` }, svg);
      }
    }
    let side = -1, free = -Infinity;
    for (let i = 0; i < count; ++i) {
      const word = kinds[drawing.layers[i][0]], h = size(i), w = Math.max(1.5, step * 0.68);
      const node = word === "join" ? draw("circle", { class: "net-join", cx: at(i), cy: middle, r: Math.min(2.5, Math.max(1.2, step / 2)) }, svg)
        : draw("rect", { class: `net-${word}`, x: at(i) - w / 2, y: middle - h / 2, width: w, height: h, rx: Math.min(2, w / 4) }, svg);
      if (titles) draw("title", {}, node, layerText(drawing, i));
      const own = drawing.layers[i][4];
      if (own && own !== side && word !== "join") {
        side = own;
        const text = `${own}×${own}`;
        if (at(i) - w / 2 < free) continue;
        draw("text", { x: Math.min(at(i) - w / 2, width - text.length * 5), y: height - 2 }, svg, text);
        free = at(i) - w / 2 + text.length * 5 + 4;
      }
    }
    return svg;
  }

  for (const holder of document.querySelectorAll(".drawing[data-trial]")) {
    const drawing = data.drawings[holder.dataset.trial];
    if (!drawing) continue;
    const list = make("ul", { class: "legend" }, null, holder);
    for (const kind of kinds.filter((word, k) => drawing.layers.some((layer) => layer[0] === k))) {
      const item = make("li", {}, null, list);
      make("span", { class: `net-${kind}` }, null, item);
      item.append(kindWords[kind]);
    }
    drawNetwork(drawing, holder, Math.max(320, Math.min(1060, drawing.layers.length * 24 + 20)), 96, true);
    make("p", { class: "note" }, "A box is a layer, the higher the more channels; a bow passes layers by; sizes are those of the image. Point at a box for its numbers.", holder);
  }

  // --- what is shown: by state, by limit, by metric ------------------------------------------------------------------

  const filter = { states: null, random: true, limits: {}, ranges: {} };  // states: null for all; ranges: {metric: [low, high]}
  const onFilter = [];

  // `row`: {random, status, beyond: [names], value(metric): number or null}.
  function passes(row) {
    if (row.random && !filter.random) return false;
    if (filter.states && !filter.states.has(row.status)) return false;
    for (const [name, wanted] of Object.entries(filter.limits)) {
      if (wanted !== "all" && row.beyond.includes(name) !== (wanted === "beyond")) return false;
    }
    for (const [name, [low, high]] of Object.entries(filter.ranges)) {
      const value = row.value(name);
      if ((low !== null || high !== null) && value === null) return false;
      if ((low !== null && value < low) || (high !== null && value > high)) return false;
    }
    return true;
  }

  const rowOfPoint = (p) => ({ random: p.kind === "random", status: p.status, beyond: p.beyond ? p.beyond.split(" ") : [], value: (name) => (p.metrics[name] ? p.metrics[name][0] : null) });

  function makeFilters(before) {
    const states = [...new Set([...data.points.map((p) => p.status), ...[...document.querySelectorAll("tr[data-status]")].map((row) => row.dataset.status)])];
    const bar = make("form", { class: "filters", "aria-label": "What is shown" });
    bar.addEventListener("submit", (event) => event.preventDefault());
    const changed = () => onFilter.forEach((act) => act());
    const resets = [];
    if (states.length > 1) {
      const group = make("fieldset", {}, null, bar);
      make("legend", {}, "state", group);
      const boxes = states.map((state) => {
        const label = make("label", {}, null, group);
        const box = make("input", { type: "checkbox", checked: "" }, null, label);
        label.append(state);
        box.addEventListener("change", () => {
          const chosen = states.filter((_, i) => boxes[i].checked);
          filter.states = chosen.length === states.length ? null : new Set(chosen);
          changed();
        });
        return box;
      });
      resets.push(() => { filter.states = null; boxes.forEach((box) => { box.checked = true; }); });
    }
    if (data.points.some((p) => p.kind === "random")) {
      const label = make("label", {}, null, bar), box = make("input", { type: "checkbox", checked: "" }, null, label);
      label.append("random search");
      box.addEventListener("change", () => { filter.random = box.checked; changed(); });
      resets.push(() => { filter.random = true; box.checked = true; });
    }
    for (const limit of data.limits) {
      const label = make("label", {}, null, bar);
      label.append(limit.text);
      const select = make("select", { "aria-label": limit.text }, null, label);
      for (const [value, text] of [["all", "kept or not"], ["kept", "kept"], ["beyond", "not kept"]]) make("option", { value }, text, select);
      select.addEventListener("change", () => { filter.limits[limit.name] = select.value; changed(); });
      resets.push(() => { filter.limits = {}; select.value = "all"; });
    }
    const specs = [quality, ...data.costs], group = make("fieldset", {}, null, bar);
    make("legend", {}, "from … to", group);
    const choice = make("select", { "aria-label": "metric" }, null, group), inputs = [];
    const units = specs.map((spec) => {
      const values = data.points.map((p) => p.metrics[spec.name]).filter(Boolean).map((entry) => Math.abs(entry[0]));
      return unitFor(spec, Math.max(0, ...values));
    });
    specs.forEach((spec, i) => make("option", { value: String(i) }, units[i][1] ? `${spec.name} (${units[i][1]})` : spec.name, choice));
    for (const word of ["least", "most"]) inputs.push(make("input", { type: "number", step: "any", "aria-label": word, placeholder: word }, null, group));
    const read = (input, scale) => (input.value === "" ? null : Number(input.value) * scale);
    const apply = () => {
      const i = Number(choice.value), range = inputs.map((input) => read(input, units[i][0]));
      filter.ranges = range.some((bound) => bound !== null) ? { [specs[i].name]: range } : {};
      changed();
    };
    choice.addEventListener("change", () => { inputs.forEach((input) => { input.value = ""; }); apply(); });
    inputs.forEach((input) => input.addEventListener("input", apply));
    resets.push(() => { filter.ranges = {}; inputs.forEach((input) => { input.value = ""; }); });
    const reset = make("button", { type: "button" }, "show all", bar);
    reset.addEventListener("click", () => { resets.forEach((act) => act()); changed(); });
    const count = make("output", {}, "", bar);
    const tell = () => {
      const shown = data.points.filter((p) => passes(rowOfPoint(p))).length;
      const rows = [...document.querySelectorAll("table[data-filtered] tbody tr")], left = rows.filter((row) => !row.hidden).length;
      count.textContent = `${shown} of ${data.points.length} marks drawn` + (rows.length ? `, ${left} of ${rows.length} trials in the table below` : "");
    };
    onFilter.push(tell);
    tell();
    before.before(bar);
  }

  // Rows of the table of trials follow the same filter. Its heading says how many are left.
  for (const table of document.querySelectorAll("table[data-filtered]")) {
    const note = document.getElementById("trials-shown");
    const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
    onFilter.push(() => {
      for (const row of table.tBodies[0].rows) {
        const value = (name) => {
          const cell = row.cells[names.indexOf(name)], entry = cell && cell.querySelector("data");
          return entry ? Number(entry.value) : null;
        };
        row.hidden = !passes({ random: false, status: row.dataset.status, beyond: row.dataset.beyond ? row.dataset.beyond.split(" ") : [], value });
      }
      const all = [...table.tBodies[0].rows], left = all.filter((row) => !row.hidden).length;
      note.textContent = left === all.length ? "" : `${left} of ${all.length} pass the filter`;
    });
  }

  function pointTitle(point) {
    const name = point.network ? `network ${point.network}, trial ${point.trial}` : point.kind === "random" ? `random network ${point.trial}` : `trial ${point.trial}`;
    return point.feasible ? name : `${name} (beyond a limit)`;
  }

  function pointRows(point) {
    const rows = [quality, ...data.costs].filter((spec) => point.metrics[spec.name]).map((spec) => [spec.name, point.metrics[spec.name][1]]);
    if (point.made_by && point.kind !== "random") rows.push(["made by", point.made_by]);
    return rows;
  }

  function paintFront(holder, cost) {
    const points = data.points.filter((p) => p.metrics[cost.name] && p.metrics[quality.name] && passes(rowOfPoint(p)));
    const valueX = (p) => p.metrics[cost.name][0], valueY = (p) => p.metrics[quality.name][0];
    make("h3", {}, `${quality.name} against ${cost.name}`, holder);
    const entries = [["front", data.limits_met ? "network of the front" : "nearest network"]];
    if (cost.staircase.length > 1) entries.push(["faint", "not beaten in these two"]);
    if (points.some((p) => p.kind === "random")) entries.push(["random", "random search"]);
    if (points.some((p) => p.kind === "trial")) entries.push(["trial", "other trial"]);
    legend(holder, entries);
    if (!points.length) { make("p", { class: "muted" }, "No network passes the filter.", holder); return; }

    // Few bad networks should not squeeze the others: the axis begins at a low quantile, those behind it lie on the border.
    const ys = points.map(valueY), front = points.filter((p) => p.kind === "front").map(valueY);
    const border = quality.maximize ? Math.min(quantile(ys, 0.1), ...front) : Math.max(quantile(ys, 0.9), ...front);
    const inside = ys.filter((v) => quality.maximize ? v >= border : v <= border);
    const xs = points.map(valueX);
    const reach = cost.limit !== undefined && cost.limit > 0 && cost.limit < 3 * Math.max(...xs) ? [cost.limit] : [];
    const area = frame(holder, { x: cost, y: quality, xs: [...xs, ...reach], ys: inside, label: `${quality.name} against ${cost.name}: ${points.length} networks; the numbers are in the table of networks and of trials` });
    const { svg, x, y, box } = area;

    if (cost.limit !== undefined && cost.limit >= x.low && cost.limit <= x.high) {
      const at = x.map(cost.limit), side = cost.at_least ? [box.left, at - box.left] : [at, box.right - at];
      draw("rect", { class: "beyond", x: side[0], y: box.top, width: side[1], height: box.bottom - box.top }, svg);
      draw("line", { class: "limit", x1: at, x2: at, y1: box.top, y2: box.bottom }, svg);
      draw("text", { class: "limit-label", x: at + (cost.at_least ? 5 : -5), y: box.bottom - 6, "text-anchor": cost.at_least ? "start" : "end" }, svg, `limit ${area.x.text(cost.limit)}`);
    }
    if (cost.staircase.length > 1) {
      const clampY = (v) => Math.min(box.bottom, Math.max(box.top, y.map(v)));
      const [first, ...rest] = cost.staircase;
      let path = `M${x.map(first[0])} ${clampY(first[1])}`;
      for (const [c, q] of rest) path += cost.maximize ? `V${clampY(q)}H${x.map(c)}` : `H${x.map(c)}V${clampY(q)}`;
      draw("path", { class: "step-faint", d: path }, svg);
    }
    const tip = tipFor(holder), marks = [];
    const order = { trial: 0, random: 1, front: 2 };
    const layer = draw("g", {}, svg);
    for (const point of [...points].sort((p, q) => order[p.kind] - order[q.kind])) {
      const outside = quality.maximize ? valueY(point) < border : valueY(point) > border;
      const px = x.map(valueX(point)), py = outside ? (quality.maximize ? box.bottom : box.top) : y.map(valueY(point));
      const node = symbol(point.kind, px, py, layer);
      if (!point.feasible && point.kind !== "front") node.classList.add("infeasible");
      const mark = { x: px, y: py, weight: point.kind === "front" ? 60 : 0, fill: (box) => describe(box, pointTitle(point), pointRows(point), point.text, (point.kind === "random" ? data.random_drawings : data.drawings)[point.trial]) };
      marks.push(mark);
      if (point.kind !== "front") continue;
      mark.node = node;
      node.setAttribute("tabindex", "0");
      node.setAttribute("role", "img");
      node.setAttribute("aria-label", `${pointTitle(point)}: ${pointRows(point).map((row) => row.join(" ")).join(", ")}`);
    }
    const pointer = follow(area, marks, tip);
    for (const mark of marks.filter((m) => m.node)) {
      mark.node.addEventListener("focus", () => pointer.show(mark));
      mark.node.addEventListener("blur", pointer.hide);
    }
    const hidden = ys.length - inside.length;
    const notes = [hidden > 0 ? `${hidden} of ${ys.length} networks ${hidden === 1 ? "is worse than the axis shows and lies" : "are worse than the axis shows and lie"} on its border.` : "", data.notes.points || ""].filter(Boolean);
    if (notes.length) make("figcaption", {}, notes.join(" "), holder);
  }

  const frontHolder = document.getElementById("front-plots");
  if (frontHolder) {
    for (const cost of data.costs) {
      if (!data.points.some((p) => p.metrics[cost.name])) continue;
      const figure = make("figure", {}, null, frontHolder);
      onFilter.push(responsive(make("div", { class: "plot" }, null, figure), (holder) => paintFront(holder, cost)));
    }
    if (data.points.length > 1) makeFilters(frontHolder);
  }

  // --- progress beside random search ---------------------------------------------------------------------------------

  // data.progress: [evaluations, seconds, value, best so far, trial]; data.random.curve: [draws, seconds,
  // mean, 10 % and 90 % quantile].
  function paintProgress(holder, byTime) {
    const column = byTime ? 1 : 0;
    const curve = data.random.curve.filter((p) => p[2] !== null);
    const entries = [["step", "this search, best so far"], ["trial", "its trials"]];
    if (curve.length) entries.push(["randomLine", "random search, expected best and range of 80 % of cases"]);
    legend(holder, entries);
    const best = data.progress.filter((p) => p[3] !== null);
    const trials = data.progress.filter((p) => p[2] !== null);
    if (!best.length) { make("p", { class: "muted" }, "No trial within the limits yet.", holder); return; }
    const values = trials.map((p) => p[2]);
    const border = quality.maximize ? Math.min(quantile(values, 0.15), best[0][3]) : Math.max(quantile(values, 0.85), best[0][3]);
    const shown = [...values, ...curve.flatMap((p) => p.slice(2))].filter((v) => quality.maximize ? v >= border : v <= border);
    const spec = byTime ? { name: "evaluation time", unit: "s" } : { name: "evaluations", unit: "" };
    const xs = [...data.progress.map((p) => p[column]), ...curve.map((p) => p[column])];
    const area = frame(holder, { x: spec, y: quality, xs: [0, ...xs], ys: shown, padX: 0.01, whole: !byTime, yTitle: `best ${quality.name}`, height: Math.max(260, Math.min(360, holder.clientWidth * 0.5)), label: `best ${quality.name} so far over ${spec.name}` });
    const { svg, x, y, box } = area;
    const clampY = (v) => Math.min(box.bottom, Math.max(box.top, y.map(v)));
    for (const p of trials) {
      if (quality.maximize ? p[2] < border : p[2] > border) continue;
      symbol("trial", x.map(p[column]), y.map(p[2]), svg);
    }
    if (curve.length > 1) {
      const top = curve.map((p) => `${x.map(p[column])} ${clampY(p[4])}`), low = curve.map((p) => `${x.map(p[column])} ${clampY(p[3])}`);
      draw("path", { class: "random-band", d: `M${top.join("L")}L${low.reverse().join("L")}Z` }, svg);
      draw("path", { class: "random-line", d: `M${curve.map((p) => `${x.map(p[column])} ${clampY(p[2])}`).join("L")}` }, svg);
    }
    let path = `M${x.map(best[0][column])} ${clampY(best[0][3])}`;
    for (const p of best.slice(1)) path += `H${x.map(p[column])}V${clampY(p[3])}`;
    draw("path", { class: "step", d: path }, svg);
    const marks = best.map((p) => ({
      x: x.map(p[column]), y: clampY(p[3]),
      fill: (tip) => describe(tip, `after ${p[0]} evaluations`, [["evaluation time", numberText({ name: "", unit: "s" }, p[1])], ["best so far", area.y.text(p[3])], [`trial ${p[4]}`, p[2] === null ? "beyond limits or failed" : area.y.text(p[2])]]),
    }));
    for (const p of curve) {
      marks.push({
        x: x.map(p[column]), y: clampY(p[2]),
        fill: (tip) => describe(tip, `random search, ${p[0]} evaluations`, [["expected best", area.y.text(p[2])], ["80 % of cases", `${area.y.text(p[3])} … ${area.y.text(p[4])}`], ["evaluation time", numberText({ name: "", unit: "s" }, p[1])]]),
      });
    }
    follow(area, marks, tipFor(holder));
  }

  const progressHolder = document.getElementById("progress-plot");
  if (progressHolder) {
    let byTime = false;
    const again = responsive(progressHolder, (holder) => paintProgress(holder, byTime));
    if (data.progress.some((p) => p[1] > 0)) {
      choices(progressHolder, ["by evaluations", "by time"], "by evaluations", (name) => { byTime = name === "by time"; again(); });
    }
  }

  // --- training curves -----------------------------------------------------------------------------------------------

  // data.curves: {label, front, final, series: {metric: [[epoch, value], ...]}}; front networks last.
  function paintCurves(holder, metric) {
    const curves = data.curves.filter((c) => c.series[metric]);
    const entries = [];
    if (curves.some((c) => c.front)) entries.push(["curveFront", data.limits_met ? "network of the front" : "nearest network"]);
    if (curves.some((c) => c.final)) entries.push(["curveFinal", "its final training"]);
    if (curves.some((c) => !c.front)) entries.push(["curveOther", "other trial"]);
    legend(holder, entries);
    const all = curves.flatMap((c) => c.series[metric]);
    const ys = all.map((p) => p[1]), finals = curves.map((c) => c.series[metric][c.series[metric].length - 1][1]);
    const low = Math.min(quantile(ys, 0.02), ...finals), high = Math.max(quantile(ys, 0.98), ...finals);
    const spec = { name: metric, unit: "" };
    const area = frame(holder, { x: { name: "epoch", unit: "" }, y: spec, xs: [0, ...all.map((p) => p[0])], ys: [low, high], padX: 0.01, whole: true, height: Math.max(260, Math.min(360, holder.clientWidth * 0.5)), label: `${metric} over epochs, ${curves.length} trainings` });
    const { svg, x, y, box } = area, marks = [];
    const clampY = (v) => Math.min(box.bottom, Math.max(box.top, y.map(v)));
    for (const curve of curves) {
      const points = curve.series[metric];
      const path = points.map((p) => `${x.map(p[0])} ${clampY(p[1])}`).join("L");
      draw("path", { class: curve.front ? `curve-front${curve.final ? " curve-final" : ""}` : "curve-other", d: `M${path}` }, svg);
      for (const p of points) {
        marks.push({ x: x.map(p[0]), y: clampY(p[1]), weight: curve.front ? 40 : 0, fill: (tip) => describe(tip, curve.label, [["epoch", String(+p[0].toPrecision(4))], [metric, area.y.text(p[1])]]) });
      }
    }
    follow(area, marks, tipFor(holder));
    if (data.notes.curves) make("figcaption", {}, data.notes.curves, holder);
  }

  const curvesHolder = document.getElementById("curves-plot");
  if (curvesHolder) {
    const names = [...new Set(data.curves.flatMap((c) => Object.keys(c.series)))].sort((a, b) => (b === quality.name) - (a === quality.name) || a.localeCompare(b));
    if (names.length) {
      let metric = names[0];
      const again = responsive(curvesHolder, (holder) => paintCurves(holder, metric));
      if (names.length > 1) choices(curvesHolder, names, metric, (name) => { metric = name; again(); });
    }
  }

  sortable();

  // A link to a network opens its part.
  function openTarget() {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") target.open = true;
  }
  addEventListener("hashchange", openTarget);
  openTarget();
})();
