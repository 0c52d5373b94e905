

tensorflowZ

input_namesx

output_namesy

nodeslog

format
saved_model