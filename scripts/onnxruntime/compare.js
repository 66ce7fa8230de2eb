// Runs exported models in ONNX Runtime and compares with the answers that nacre saved: outputs within 1e-4, equal accuracy,
// latency of one sample on one thread. Called by scripts/check_onnxruntime:
//   node compare.js FOLDER ANSWERS ONNXRUNTIME
// ANSWERS/<model>/ holds <input>.npy, <output>.npy and label.npy over the test split, and metrics.json.
'use strict';
const fs = require('fs');
const path = require('path');

const [folder, answers, runtime] = process.argv.slice(2);
const ort = require(path.resolve(runtime));

const kTolerance = 1e-4;  // absolute, on logits: float32 sums in another order
const kBatch = 64;

// NPY 1.0 to 3.0, C order, little endian.
function readNpy(file) {
  const bytes = fs.readFileSync(file);
  if (bytes.subarray(1, 6).toString('latin1') !== 'NUMPY') throw new Error(`${file}: not an NPY file`);
  const wide = bytes[6] >= 2;
  const start = wide ? 12 : 10;
  const length = wide ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8);
  const header = bytes.subarray(start, start + length).toString('latin1');
  const type = /'descr':\s*'([^']+)'/.exec(header)[1];
  if (/'fortran_order':\s*True/.test(header)) throw new Error(`${file}: Fortran order`);
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header)[1].split(',').filter((x) => x.trim()).map(Number);
  const kinds = {'<f4': [Float32Array, 'float32'], '<i8': [BigInt64Array, 'int64'], '<i4': [Int32Array, 'int32'],
                 '|u1': [Uint8Array, 'uint8']};
  if (!kinds[type]) throw new Error(`${file}: element type ${type} is not expected here`);
  const [Kind, name] = kinds[type];
  const data = new Kind(bytes.buffer.slice(bytes.byteOffset + start + length, bytes.byteOffset + bytes.length));
  return {shape, type: name, data, row: data.length / shape[0]};
}

const slice = (array, begin, end) =>
  new ort.Tensor(array.type, array.data.slice(begin * array.row, end * array.row), [end - begin, ...array.shape.slice(1)]);

function argmax(values, begin, count) {
  let best = begin;
  for (let i = begin + 1; i < begin + count; ++i) if (values[i] > values[best]) best = i;
  return best - begin;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

// Seconds for one sample on one thread: median of 200 runs after 20.
async function latency(session, feeds) {
  const times = [];
  for (let i = 0; i < 220; ++i) {
    const start = process.hrtime.bigint();
    await session.run(feeds);
    if (i >= 20) times.push(Number(process.hrtime.bigint() - start) / 1e9);
  }
  return median(times);
}

async function compare(model) {
  const name = path.basename(model, '.onnx');
  const saved = (tensor) => readNpy(path.join(answers, name, `${tensor}.npy`));
  const session = await ort.InferenceSession.create(model, {intraOpNumThreads: 1, interOpNumThreads: 1});
  const inputs = Object.fromEntries(session.inputNames.map((input) => [input, saved(input)]));
  const output = session.outputNames[0];
  const expected = saved(output);
  const labels = saved('label');
  const samples = labels.shape[0];
  const feeds = (begin, end) => Object.fromEntries(Object.entries(inputs).map(([key, array]) => [key, slice(array, begin, end)]));

  let batch = kBatch;
  try {
    await session.run(feeds(0, Math.min(batch, samples)));
  } catch (error) {
    batch = 1;  // exported for one sample
  }
  let largest = 0;
  let right = 0;
  let expectedRight = 0;
  for (let begin = 0; begin < samples; begin += batch) {
    const end = Math.min(begin + batch, samples);
    const result = (await session.run(feeds(begin, end)))[output].data;
    for (let i = 0; i < result.length; ++i) {
      const difference = Math.abs(result[i] - expected.data[begin * expected.row + i]);
      if (!(difference <= largest)) largest = difference;  // NaN counts as a difference
    }
    for (let i = begin; i < end; ++i) {
      const label = Number(labels.data[i]);
      if (argmax(result, (i - begin) * expected.row, expected.row) === label) ++right;
      if (argmax(expected.data, i * expected.row, expected.row) === label) ++expectedRight;
    }
  }
  const seconds = await latency(session, feeds(0, 1));
  const good = largest <= kTolerance && right === expectedRight;
  console.log(`${good ? 'ok  ' : 'FAIL'} ${name}: ${samples} samples, largest difference ${largest.toExponential(2)}, accuracy ` +
              `${(right / samples).toFixed(6)} (nacre ${(expectedRight / samples).toFixed(6)}), latency ${(seconds * 1e6).toFixed(1)} us`);
  return good;
}

(async () => {
  const models = fs.readdirSync(path.join(folder, 'models')).filter((file) => file.endsWith('.onnx')).sort();
  let failed = 0;
  for (const model of models) if (!(await compare(path.join(folder, 'models', model)))) ++failed;
  console.log(`onnxruntime: ${models.length - failed} passed, ${failed} failed`);
  process.exit(failed === 0 && models.length > 0 ? 0 : 1);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
