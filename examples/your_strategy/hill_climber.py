#!/usr/bin/env python3
# A search strategy of nacre in twenty lines: keeps the best network so far and changes one of its decisions.
# The protocol: docs/your_strategy.md. Randomness comes from the seed of each ask, so that a search can be resumed.
import json, random, sys

best, best_value = None, None
for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "start":
        choices = {d["key"]: len(d["alternatives"]) for d in message["decisions"]}
        metric, direction = message["objectives"][0]["metric"], message["objectives"][0]["direction"]
    elif message["type"] == "ask":
        draw = random.Random(message["seed"])
        decisions = dict(best) if best else {}  # what is missing nacre draws
        if best:
            key = draw.choice(sorted(best))
            decisions[key] = draw.randrange(choices[key])
        print(json.dumps({"decisions": decisions, "made_by": "change" if best else "random"}), flush=True)
    elif message["type"] == "tell" and message["status"] == "ok" and message["feasible"]:
        value = message["metrics"][metric] * (1 if direction == "maximize" else -1)
        if best is None or value > best_value:
            best, best_value = message["decisions"], value
