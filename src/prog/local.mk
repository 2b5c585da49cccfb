# prog: the programs; reads settings, wires everything, runs.
EXTRA_DIST += %reldir%/.may_include
