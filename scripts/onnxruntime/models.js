// Prints what `nacre verify --json` found, a row a model, and judges what could not be run. Called by scripts/check_models:
//   node models.js REPORT KNOWN
// KNOWN lists what ONNX Runtime does not run, or runs otherwise than the specification says: a model's name, or /a pattern/ of
// the refusal, and the reason.
'use strict';
const fs = require('fs');

const [reportFile, knownFile] = process.argv.slice(2);
const report = JSON.parse(fs.readFileSync(reportFile, 'utf8'));
const known = fs.readFileSync(knownFile, 'utf8').split('\n').filter((line) => line && !line.startsWith('#')).map((line) => {
  const [, pattern, name, reason] = /^(?:\/(.*)\/|(\S+))\s+(.*)$/.exec(line);
  return {pattern: pattern && new RegExp(pattern), name, reason};
});
// A pattern excuses only what was run in no form; a name also another result.
const reasonFor = (model) => known.find((entry) => entry.name === model.model ||
    (entry.pattern && model.outcome === 'refused' && entry.pattern.test(model.refusal)))?.reason;

const number = (x) => (x === null ? 'inf' : x === 0 ? '0' : x.toExponential(2));
const rows = [['model', 'nodes', 'largest difference', 'agreed']];
const failures = [];
let agreed = 0;
let excused = 0;
let largest = 0;
for (const model of report.models) {
  const refused = model.outcome === 'refused';
  const cells = refused ? [model.model, '', ''] : [model.model, `${model.nodes}`, number(model.largest_difference)];
  if (model.outcome === 'agreed') {
    ++agreed;
    largest = Math.max(largest, model.largest_difference);
    rows.push([...cells, 'yes']);
  } else if (reasonFor(model)) {
    ++excused;
    rows.push([...cells, `${refused ? 'not run' : 'no'}: ${reasonFor(model)}`]);
  } else {
    rows.push([...cells, refused ? 'REFUSED' : 'NO']);
    if (refused) failures.push(`${model.model}: ${model.refusal}`);
    else for (const row of model.comparisons) if (!row.agreed) failures.push(`${model.model}: ${row.message}`);
  }
}
const widths = rows[0].map((_, i) => (i === 3 ? 0 : Math.max(...rows.map((row) => row[i].length))));
for (const row of rows) console.log(row.map((cell, i) => (i === 1 || i === 2 ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join('  '));
for (const failure of failures) console.log(`FAIL ${failure}`);
console.log(`${report.onnxruntime}: ${agreed} of ${report.models.length} models agree, largest difference ${number(largest)}; ` +
            `${excused} known exceptions, ${failures.length} failures`);
process.exit(failures.length === 0 && agreed > 0 ? 0 : 1);
