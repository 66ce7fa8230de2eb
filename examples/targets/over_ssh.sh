#!/bin/sh
# Measures a network on another machine that has nacre, over ssh. For target `command` (docs/your_device.md):
#   target: {kind: command, command: "sh over_ssh.sh board.local {model} {threads}", device: board, local: false}
# HOST "-" is this machine, without ssh. NACRE names the program there.
#   sh over_ssh.sh HOST MODEL [THREADS]
set -eu
host=${1:?"usage: over_ssh.sh HOST MODEL [THREADS]"}
model=${2:?"usage: over_ssh.sh HOST MODEL [THREADS]"}
threads=${3:-1}
nacre=${NACRE:-nacre}

if [ "$host" = - ]; then
  exec "$nacre" measure "$model" --target host --threads "$threads" --json
fi
folder=$(ssh -o BatchMode=yes "$host" mktemp -d)
trap 'ssh -o BatchMode=yes "$host" rm -rf "$folder"' EXIT
scp -q -o BatchMode=yes "$model" "$host:$folder/model.onnx"
ssh -o BatchMode=yes "$host" "$nacre" measure "$folder/model.onnx" --target host --threads "$threads" --json
