#!/usr/bin/env bash
# networkx 3.6.1: of a graph that goes through GML, integers of 2**31 and more come back as text, smaller ones as numbers.
#
# The format's integers have 32 bits, so the larger ones are written in quotation marks, without a word, and what reads them
# finds text: an attribute that was numbers is then of two types, by how large each value is. Weights that are counts of
# bytes or microseconds do that. Sums of them fail far from the file, and the lightest edge, a comparison of text where all
# are large, is found wrong without an error: "10000000000" is less than "9000000000". Floats of the same size come back.
#
# Seen: 2147483647 comes back as int, 2147483648 as str, 2147483648.0 as float; the lightest of 9e9 and 1e10 is 10000000000
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet networkx==3.6.1
cd "$folder"
env/bin/python - <<'PYTHON'
import networkx as nx


def returned(graph):
    nx.write_gml(graph, "graph.gml")
    return nx.read_gml("graph.gml")


graph = nx.Graph()
for value in (2**31 - 1, 2**31, float(2**31), -(2**31)):
    graph.add_node(f"{value!r}", size=value)
kinds = {name: type(size).__name__ for name, size in returned(graph).nodes(data="size")}
print(kinds)
assert kinds == {"2147483647": "int", "2147483648": "str", "2147483648.0": "float", "-2147483648": "int"}, kinds

roads = nx.Graph()
roads.add_edge("a", "b", weight=9_000_000_000)
roads.add_edge("b", "c", weight=10_000_000_000)
lightest = [min(g.edges(data="weight"), key=lambda edge: edge[2]) for g in (roads, returned(roads))]
print("the lightest edge before and after:", *lightest)
assert lightest[0][:2] == ("a", "b") and lightest[1][2] == "10000000000"
PYTHON
