#!/usr/bin/env bash
# seqeval 1.2.2: of a label without a B- or I- prefix the first letter is taken for the prefix, so labels that differ
# in it only are one entity, and a wrong prediction counts as right.
#
# 'PERSON' becomes the entity 'ERSON'. With labels of plain classes (many data sets for tagging have them) "BANK"
# predicted where "TANK" is true scores 1.0. There is a warning, "BANK seems not to be NE tag", about each such label,
# and the score is computed all the same.
#
# Seen: entities of ['PERSON', 'O', 'TANK']: [('ERSON', 0, 0), ('ANK', 2, 2)]; f1 of BANK for TANK: 1.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet seqeval==1.2.2 numpy==2.4.6 scikit-learn==1.9.1
"$folder/env/bin/python" -W ignore - <<'PYTHON'
from seqeval.metrics import f1_score
from seqeval.metrics.sequence_labeling import get_entities

entities = get_entities(["PERSON", "O", "TANK"])
score = float(f1_score([["O", "TANK", "O"]], [["O", "BANK", "O"]]))
print(f"entities of ['PERSON', 'O', 'TANK']: {entities}; f1 of BANK for TANK: {score}")
assert entities == [("ERSON", 0, 0), ("ANK", 2, 2)], entities
assert score == 1.0, score
assert f1_score([["O", "B-TANK", "O"]], [["O", "B-BANK", "O"]]) == 0.0
PYTHON
