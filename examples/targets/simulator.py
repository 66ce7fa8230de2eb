#!/usr/bin/env python3
# A stand-in for a device: "measures" latency and energy of an ONNX file by its size, so that target `command` can be tried
# without one. Put what drives your device or simulator in its place (docs/your_device.md).
#   python3 simulator.py MODEL [BATCH]
import json, os, sys

model, batch = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
size = os.path.getsize(model)
latency_s = batch * (1e-4 + size * 2e-9)
print(json.dumps({"latency_s": {"value": latency_s, "spread": latency_s * 0.01, "count": 10}, "energy_j": latency_s * 1.5,
                  "device": "simulator"}))
