// Latency of an ONNX model in ONNX Runtime on this machine's processor, as target `command` wants it: prints one JSON object.
//   node measure.js --package FOLDER --model M.onnx --inputs JSON [--threads 1] [--round-s 0.1]
//   node measure.js --package FOLDER --describe
// FOLDER is onnxruntime-node as npm installs it. JSON: [{"name", "type", "shape"}, ..] of the model's inputs.
// The method is that of nacre's own targets (hw/latency.hpp): warm-up, samples of as many runs as the clock needs, rounds
// until two medians agree within 3 %, the lower one counts.
'use strict';
const path = require('path');

const kWarmupS = 0.05;
const kLeastWarmupRuns = 3;
const kLeastSamples = 31;
const kFewestSamples = 5;   // of slow networks,
const kLongestRoundS = 2;   // whose round stops here
const kMostSamples = 2000;
const kMostRounds = 6;
const kAgreement = 0.03;
const kLeastSampleS = 20e-6;  // against the clock's step and its cost, about 50 ns each

function options(words) {
  const given = {threads: '1', 'round-s': '0.1'};
  for (let i = 0; i < words.length; ++i) {
    if (!words[i].startsWith('--')) throw new Error(`unexpected word '${words[i]}'`);
    const name = words[i].slice(2);
    given[name] = name === 'describe' ? true : words[++i];
  }
  return given;
}

function quantile(sorted, share) {
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (position - below);
}

// Uniform in [0, 1), the same in every run.
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// Floating inputs of mean 0 and deviation 1; whole numbers of 0 and 1, so that they are valid indices.
function draw(ort, spec, seed) {
  if (spec.shape === null) throw new Error(`input '${spec.name}' has no known shape`);
  const size = spec.shape.reduce((product, extent) => product * extent, 1);
  const random = generator(seed);
  const bit = () => (random() < 0.5 ? 0 : 1);
  const makers = {
    float32: () => Float32Array.from({length: size}, () => (random() - 0.5) * Math.sqrt(12)),
    float64: () => Float64Array.from({length: size}, () => (random() - 0.5) * Math.sqrt(12)),
    int64: () => BigInt64Array.from({length: size}, () => BigInt(bit())),
    int32: () => Int32Array.from({length: size}, bit),
    int8: () => Int8Array.from({length: size}, bit),
    uint8: () => Uint8Array.from({length: size}, bit),
    bool: () => Uint8Array.from({length: size}, bit),
  };
  if (!makers[spec.type]) throw new Error(`input '${spec.name}' has the type ${spec.type}, which is not supported here`);
  return new ort.Tensor(spec.type, makers[spec.type](), spec.shape);
}

const now = () => Number(process.hrtime.bigint()) / 1e9;

// run(n) runs the network n times.
function measureRound(run, runs, roundS) {
  const samples = [];
  let spent = 0;
  while (samples.length < kMostSamples) {
    if (samples.length >= kLeastSamples && spent >= roundS) break;
    if (samples.length >= kFewestSamples && spent >= Math.max(kLongestRoundS, roundS)) break;
    const start = now();
    run(runs);
    const time = now() - start;
    spent += time;
    samples.push(time / runs);
  }
  samples.sort((a, b) => a - b);
  return {
    median: quantile(samples, 0.5),
    spread: (quantile(samples, 0.75) - quantile(samples, 0.25)) / 2,
    count: samples.length,
  };
}

function measure(run, roundS) {
  let fastest = Infinity;
  const start = now();
  for (let runs = 0; runs < kLeastWarmupRuns || now() - start < kWarmupS; ++runs) {
    const begun = now();
    run(1);
    fastest = Math.min(fastest, now() - begun);
  }
  const runs = Math.max(1, Math.ceil(kLeastSampleS / fastest));
  const rounds = [];
  while (rounds.length < kMostRounds) {
    const last = measureRound(run, runs, roundS);
    const agreeing = rounds.find((round) => Math.abs(round.median - last.median) <= kAgreement * Math.min(round.median, last.median));
    rounds.push(last);
    if (agreeing) return agreeing.median < last.median ? agreeing : last;
  }
  const lowest = rounds.reduce((a, b) => (b.median < a.median ? b : a));
  const highest = Math.max(...rounds.map((round) => round.median));
  return {...lowest, spread: Math.max(lowest.spread, (highest - lowest.median) / 2), unsteady: true};
}

function main() {
  const given = options(process.argv.slice(2));
  const folder = path.resolve(given.package);
  const ort = require(folder);
  const version = require(path.join(folder, 'package.json')).version;
  if (given.describe) return {runtime: `onnxruntime-node ${version}`, node: process.version};
  // The synchronous session below the public interface, whose promises would add their own time to every run.
  const {binding} = require(path.join(folder, 'dist', 'binding.js'));
  if (typeof binding.initOrtOnce === 'function') {
    throw new Error(`onnxruntime-node ${version} is too new for this helper; install 1.20.1 (scripts/install_onnxruntime)`);
  }
  const threads = Number(given.threads);
  const session = new binding.InferenceSession();
  session.loadModel(given.model, {intraOpNumThreads: threads, interOpNumThreads: 1, executionMode: 'sequential'});
  const feeds = {};
  JSON.parse(given.inputs).forEach((spec, i) => {
    if (session.inputNames.includes(spec.name)) feeds[spec.name] = draw(ort, spec, i + 1);
  });
  const fetches = Object.fromEntries(session.outputNames.map((name) => [name, null]));
  const run = (count) => {
    for (let i = 0; i < count; ++i) session.run(feeds, fetches, {});
  };
  const latency = measure(run, Number(given['round-s']));
  const source = `${threads} thread${threads === 1 ? '' : 's'}, median of ${latency.count}${latency.unsteady ? ', unsteady' : ''}`;
  return {
    latency_s: {value: latency.median, spread: latency.spread, count: latency.count, source},
    device: `onnxruntime-node ${version}`,
  };
}

try {
  console.log(JSON.stringify(main()));
} catch (error) {
  if (error.code === 'MODULE_NOT_FOUND' || error.code === 'ERR_DLOPEN_FAILED') {
    console.error(`onnxruntime-node is not usable: ${error.message.split('\n')[0]}`);
    process.exit(3);  // the device's fault, not the network's
  }
  console.log(JSON.stringify({error: error.message}));
}
