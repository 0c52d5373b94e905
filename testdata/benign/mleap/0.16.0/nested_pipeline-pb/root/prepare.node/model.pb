
pipeline1
/
nodes&$string_indexerone_hot	assembler