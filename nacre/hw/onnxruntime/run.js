// Runs ONNX models in ONNX Runtime on inputs that it is given, for nacre (hw/onnxruntime/session.hpp):
//   node run.js --package FOLDER [--threads 1]
// FOLDER is onnxruntime-node as npm installs it. One JSON object a line on standard input, one answer a line on standard
// output, in the same order:
//   {"describe": true}                      -> {"runtime": "onnxruntime-node 1.20.1", "node": "v20.1.0"}
//   {"load": "model.onnx"}                  -> {"inputs": [names], "outputs": [names]}
//   {"run": [{name, type, shape, file}..],  -> {"outputs": [{name, type, shape, file}..]}
//    "folder": where outputs are written}
// or {"error": "why not"}. Files hold the elements alone: row-major, little endian, float16 as its bits.
'use strict';
const fs = require('fs');
const path = require('path');
const readline = require('readline');

const kArrays = {
  float32: Float32Array, float64: Float64Array, int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array,
  int32: Int32Array, uint32: Uint32Array, int64: BigInt64Array, uint64: BigUint64Array, bool: Uint8Array,
  float16: typeof Float16Array === 'undefined' ? Uint16Array : Float16Array,
};

const given = {threads: '1'};
for (let i = 2; i + 1 < process.argv.length; i += 2) given[process.argv[i].slice(2)] = process.argv[i + 1];

let ort;
let session = null;

function readTensor(spec) {
  const Kind = kArrays[spec.type];
  if (!Kind) throw new Error(`input '${spec.name}' has the type ${spec.type}, which onnxruntime-node does not take`);
  const bytes = fs.readFileSync(spec.file);
  const data = new Kind(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return new ort.Tensor(spec.type, data, spec.shape);
}

function writeTensor(name, tensor, file) {
  const Kind = kArrays[tensor.type];
  if (!Kind) throw new Error(`output '${name}' has the type ${tensor.type}, which is not read here`);
  fs.writeFileSync(file, Buffer.from(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength));
  return {name, type: tensor.type, shape: tensor.dims, file};
}

async function load(model) {
  if (session) await session.release();
  session = null;
  session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: Number(given.threads), interOpNumThreads: 1, executionMode: 'sequential', logSeverityLevel: 3,
  });
  return {inputs: session.inputNames, outputs: session.outputNames};
}

async function run(inputs, folder) {
  if (!session) throw new Error('no model is loaded');
  const feeds = Object.fromEntries(inputs.map((spec) => [spec.name, readTensor(spec)]));
  const found = await session.run(feeds);
  return {outputs: session.outputNames.map((name, i) => writeTensor(name, found[name], path.join(folder, `output_${i}`)))};
}

async function answer(request) {
  if (request.describe) {
    const version = require(path.join(path.resolve(given.package), 'package.json')).version;
    return {runtime: `onnxruntime-node ${version}`, node: process.version};
  }
  if (request.load) return load(request.load);
  return run(request.run, request.folder);
}

async function main() {
  try {
    ort = require(path.resolve(given.package));
  } catch (error) {
    console.error(`onnxruntime-node is not usable: ${error.message.split('\n')[0]}`);
    process.exit(3);
  }
  for await (const line of readline.createInterface({input: process.stdin, crlfDelay: Infinity})) {
    let reply;
    try {
      reply = await answer(JSON.parse(line));
    } catch (error) {
      reply = {error: error.message || String(error)};
    }
    process.stdout.write(JSON.stringify(reply) + '\n');
  }
}

main();
