
	assembler.

input0a

input1b
outputfeatures