#!/usr/bin/env python3
# An evaluator of nacre in twenty lines. It trains nothing: it stands where your training program will stand, and shows what
# such a program is given and answers (docs/your_training.md). Its "accuracy" grows from epoch to epoch towards a bound that
# depends on the size of the model file.
import json, os, random, shutil, sys

request = json.load(sys.stdin)
draw = random.Random(request["seed"])
size = os.path.getsize(request["model"])      # the ONNX file: load it with your framework
bound = size / (size + 20000.0)
loss = 0.0
for epoch in range(1, int(request["epochs"]) + 1):
    accuracy = bound * (1 - 0.5 ** epoch) - 0.01 * draw.random()
    loss = 1 - accuracy
    print(json.dumps({"epoch": epoch, "accuracy": accuracy, "loss": loss}), flush=True)  # nacre may stop it here
shutil.copy(request["model"], request["output"])  # leave the trained network, as ONNX; it is exported if it is good
print(json.dumps({"result": {"accuracy": accuracy, "loss": loss}}))
