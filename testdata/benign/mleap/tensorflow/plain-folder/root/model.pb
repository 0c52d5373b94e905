

tensorflowZ

input_namesx

output_namesy

nodesone

format
saved_model