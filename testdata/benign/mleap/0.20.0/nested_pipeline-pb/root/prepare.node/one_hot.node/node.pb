
one_hot+

input0
city_index
output0city_vec