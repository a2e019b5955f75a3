#!/bin/sh
# Reads every PNG of a folder into one line each, name and JSON: examples/shell/read-folder.sh MODEL FOLDER > read.tsv
# stdout of minicpmv is the answer alone, notes go to stderr, a failure ends with another code than 0.
set -eu
model=$1 folder=$2
schema='{"type":"object","properties":{"total":{"type":"integer","minimum":0,"maximum":99},"paid":{"type":"boolean"}},"required":["total","paid"]}'

for picture in "$folder"/*.png; do
  fields=$(minicpmv extract - -m "$model" --json-schema "$schema" -t 1 < "$picture" 2>/dev/null) || fields=unreadable
  printf '%s\t%s\n' "$(basename "$picture")" "$(printf %s "$fields" | tr -d ' \n')"
done | sort -k 2
