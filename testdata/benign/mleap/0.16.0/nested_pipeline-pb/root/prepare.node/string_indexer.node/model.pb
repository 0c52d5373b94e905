
string_indexerD
%
labelsBernZürich/etc..

handle_invalid	
error