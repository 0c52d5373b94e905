
string_indexerc

labels_length

-
labels_array_0BernZürich/etc..

handle_invalid	
error