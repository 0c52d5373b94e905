
pipeline$
"
nodes	assemblerscalerlr