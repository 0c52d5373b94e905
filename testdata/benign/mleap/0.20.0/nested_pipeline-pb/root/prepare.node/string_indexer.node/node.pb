
string_indexer%

inputcity
output
city_index